"""Invoices, what is owed and what was paid, and the books over both."""
