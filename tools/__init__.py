"""What the project's own two commands are made of: set-up, checks, and the documents generated from code."""
