"""The other end of every wire: simulated hardware, people and faults."""
