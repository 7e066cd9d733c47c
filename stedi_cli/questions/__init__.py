"""What may be asked of a lakehouse, and what an answer may be written to."""
