"""Codecs: bytes to values and back, with no thread, no clock and no device behind them.

Every codec here is fed whatever a wire delivers. Junk is answered with a
`Malformed` value, never with an exception, and what a codec keeps between two
calls is bounded, because anyone in the street can reach a reader's wire.
"""
