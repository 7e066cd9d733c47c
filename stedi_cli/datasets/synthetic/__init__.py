"""Synthetic data of the public data's shape, with the counts that must come out of it."""

from stedi_cli.datasets.synthetic.generator import Truth, generate
from stedi_cli.datasets.synthetic.ownership import OwnedReading, owned_readings
from stedi_cli.datasets.synthetic.request import Request

__all__ = ["OwnedReading", "Request", "Truth", "generate", "owned_readings"]
