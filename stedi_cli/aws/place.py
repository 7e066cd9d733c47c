"""What the parts of a lakehouse on AWS share, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from stedi_cli.aws.account import Account
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.infra.infrastructure import Infrastructure
from stedi_cli.aws.landing import Landing
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.lock import Lock
from stedi_cli.aws.runs import Runs
from stedi_cli.aws.tables import Tables
from stedi_cli.aws.typed_copies import TypedCopies
from stedi_cli.aws.writer import Writer
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.settings import AwsSettings


@dataclass(frozen=True)
class Place:
    """A lakehouse on AWS.

    Args:
        layout: Names and limits.
        infrastructure: What it stands on.
        zone: The landing zone.
        tables: The Iceberg tables.
        copies: The typed copies of the landing tables.
        runs: The runs of the Glue jobs.
        writer: Who may write now.
    """

    layout: Layout
    infrastructure: Infrastructure
    zone: Landing
    tables: Tables
    copies: TypedCopies
    runs: Runs
    writer: Writer


def place_of(settings: AwsSettings, lakehouse: Lakehouse, backoff: Backoff) -> Place:
    """Return the place that settings name."""
    layout = Layout(Account(settings), settings, lakehouse)
    infrastructure = Infrastructure(layout, backoff.sleep)
    runs = Runs(layout, backoff)
    writer = Writer(infrastructure, runs, Lock(layout, backoff))
    zone, tables = Landing(writer, backoff), Tables(writer)
    copies = TypedCopies(layout, tables)
    return Place(layout, infrastructure, zone, tables, copies, runs, writer)
