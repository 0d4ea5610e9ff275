"""Bytes to meaning and back, one module per device language; pure."""
