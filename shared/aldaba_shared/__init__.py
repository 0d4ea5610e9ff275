"""The decision and the wire contract: pure, typed, without I/O."""
