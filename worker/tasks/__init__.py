"""One thin task module per domain."""
