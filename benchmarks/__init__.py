"""Measures the product against what one would use instead: ``python -m benchmarks --help``."""
