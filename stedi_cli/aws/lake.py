"""A lakehouse in an AWS account: S3, Glue and Athena."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from stedi_cli.aws.account_use import AccountUse
from stedi_cli.aws.athena import Athena
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.consent import Consent
from stedi_cli.aws.export_ledger import ExportLedger
from stedi_cli.aws.foundation import Foundation
from stedi_cli.aws.kept import Kept
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.place import Place, place_of
from stedi_cli.aws.questions import Questions
from stedi_cli.aws.running import Jobs
from stedi_cli.lake.findings import Finding
from stedi_cli.lake.parts import Lake
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.settings import AwsSettings


def aws_lake(settings: AwsSettings, lakehouse: Lakehouse, backoff: Backoff | None = None) -> Lake:
    """Compose a lakehouse on AWS.

    Args:
        settings: Where it lives.
        lakehouse: The model.
        backoff: How to wait.
    """
    backoff = backoff or Backoff()
    place = place_of(settings, lakehouse, backoff)
    layout, zone = place.layout, place.zone
    athena = Athena(layout, backoff)
    consent = Consent(place, backoff)
    return Lake(
        title=_title(layout),
        name=_title(layout),
        infrastructure=Foundation(place.infrastructure, place.writer),
        landing=zone,
        tables=place.tables,
        questions=Questions(place, athena),
        jobs=Jobs(place),
        exports=ExportLedger(layout, zone.storage),
        diagnose=partial(_diagnose, place),
        close=zone.close,
        account=AccountUse(layout, place.runs, athena),
        kept=Kept(place),
        consent=consent,
        has_copy=place.copies.is_usable,
        removed=consent.removed,
    )


def _title(layout: Layout) -> str:
    """Return database and place, which are known without a call."""
    bucket = f", bucket {layout.settings.bucket}" if layout.settings.bucket else ""
    return f"AWS lakehouse {layout.database} in {layout.account.region}{bucket}"


def _diagnose(place: Place) -> Iterator[Finding]:
    from stedi_cli.aws.diagnosis import diagnose

    return diagnose(place)
