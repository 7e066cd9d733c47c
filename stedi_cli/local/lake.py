"""A lakehouse on this machine: everything below one folder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from stedi_cli.lake.findings import Finding
from stedi_cli.lake.parts import Lake
from stedi_cli.local.consent import Consent
from stedi_cli.local.export_ledger import ExportLedger
from stedi_cli.local.folds import Folds
from stedi_cli.local.infra import Infrastructure
from stedi_cli.local.kept import Kept
from stedi_cli.local.landing import Landing
from stedi_cli.local.place import Place, place_of
from stedi_cli.local.questions import Questions
from stedi_cli.local.running import Jobs
from stedi_cli.local.tables import Tables
from stedi_cli.local.typed_copies import TypedCopies
from stedi_cli.local.writer import Writer
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.settings import LocalSettings


def local_lake(settings: LocalSettings, lakehouse: Lakehouse) -> Lake:
    """Compose a lakehouse on this machine.

    Args:
        settings: Where it lives.
        lakehouse: The model.
    """
    place = place_of(settings, lakehouse)
    writer, questions, kept = Writer(place), Questions(place), Kept(place)

    def close() -> None:
        questions.close()
        kept.close()

    return Lake(
        title=f"local lakehouse in {place.layout.root}",
        name=f"local lakehouse {place.layout.root.name}".rstrip(),
        infrastructure=Infrastructure(place, writer),
        landing=Landing(writer),
        tables=Tables(writer),
        questions=questions,
        jobs=Jobs(writer),
        exports=ExportLedger(place),
        diagnose=partial(_diagnose, place),
        close=close,
        tidy=writer.tidy,
        removed=writer.removed,
        kept=kept,
        folds=Folds(place, questions),
        consent=Consent(writer, questions),
        has_copy=TypedCopies(place).is_usable,
    )


def _diagnose(place: Place) -> Iterator[Finding]:
    from stedi_cli.local.diagnosis import diagnose

    return diagnose(place)
