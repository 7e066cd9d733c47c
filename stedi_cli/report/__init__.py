"""The report: all that a lakehouse can be shown by, in one page."""
