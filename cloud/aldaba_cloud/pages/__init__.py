"""The pages people see: translation and presentation, over the services."""
