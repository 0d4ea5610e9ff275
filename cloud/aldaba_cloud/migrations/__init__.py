"""The database's history; travels inside the wheel."""
