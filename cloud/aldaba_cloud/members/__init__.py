"""People who open doors: members with contracts, holders without one, and what they carry."""
