"""What comes before a run on Glue: no other run, and jobs that run what the project holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stedi_cli.aws.place import Place
from stedi_cli.errors import UsageError
from stedi_cli.lake.parts import Runner
from stedi_cli.lake.records import RunOptions
from stedi_cli.project.settings import ENGINES
from stedi_cli.runs.spark_model import refuse_other_script

_ENGINES = ENGINES["aws"]


class Jobs:
    """Runs jobs on AWS Glue.

    Args:
        place: The lakehouse.
    """

    default_engine = _ENGINES[0]

    def __init__(self, place: Place) -> None:
        self._place = place
        self.limits = place.layout.settings.limits

    def refuse_options(self, options: RunOptions) -> None:
        """Raise UsageError for an engine that is not here."""
        if options.engine not in _ENGINES:
            raise UsageError(
                f"There is no engine {options.engine!r} on AWS.",
                hint=f"Engines: {', '.join(_ENGINES)}.",
            )

    @contextmanager
    def runner(self, options: RunOptions) -> Iterator[Runner]:
        """See that no other run is at work, and that jobs run what the project holds."""
        from stedi_cli.aws.runner import GlueRunner

        place = self._place
        refuse_other_script(place.layout.lakehouse.folder)
        with place.writer.locked("jobs run", wait=options.wait) as waited:
            if waited:
                place.tables.forget()
                place.zone.forget()
            place.infrastructure.refresh_objects()
            place.copies.sweep()
            try:
                yield GlueRunner(place, options)
            finally:
                place.tables.forget()
