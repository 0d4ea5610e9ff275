"""Drivers: the threads between a device and the door's event loop.

Nothing here is imported before a configuration names it; `registry` loads a
driver's module when it builds one. A driver may only `post` what it saw.
"""
