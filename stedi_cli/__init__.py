"""Build, run, check and remove the STEDI lakehouse, on one machine or on AWS."""

__version__ = "0.1.0"
