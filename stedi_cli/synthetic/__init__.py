"""Synthetic data of the public data's shape, with the counts that must come out of it."""

from stedi_cli.synthetic.generator import Truth, generate
from stedi_cli.synthetic.ownership import OwnedReading, owned_readings
from stedi_cli.synthetic.request import Request

__all__ = ["OwnedReading", "Request", "Truth", "generate", "owned_readings"]
