"""Whether a lakehouse is as it should be."""
