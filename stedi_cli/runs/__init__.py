"""Which jobs run, in which order, and what Spark is told."""
