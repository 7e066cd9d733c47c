"""Which engines jobs run on here, and what surrounds a run: lock, journal, seals and sweep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from stedi_cli.errors import UsageError
from stedi_cli.lake.parts import Runner
from stedi_cli.lake.records import RunOptions
from stedi_cli.local.access import private
from stedi_cli.local.writer import Writer, write_journal
from stedi_cli.project.naming import meant
from stedi_cli.project.settings import ENGINES

if TYPE_CHECKING:
    from stedi_cli.local.runner import DuckRunner
    from stedi_cli.local.spark import SparkRunner

_ENGINES = ENGINES["local"]


class Jobs:
    """Runs jobs on this machine.

    Args:
        writer: The writer of the lakehouse.
    """

    default_engine = _ENGINES[0]

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._place = writer.place
        self.limits = self._place.settings.limits

    def refuse_options(self, options: RunOptions) -> None:
        """Raise UsageError for an engine that is not here, and for a run that nobody waits for."""
        if options.detach:
            raise UsageError(
                "Jobs run on this machine, and end with this command.", hint="Leave out --detach."
            )
        if options.engine not in _ENGINES:
            raise UsageError(
                f"There is no engine {options.engine!r}.",
                hint=meant(options.engine, _ENGINES, f"Engines: {', '.join(_ENGINES)}."),
            )

    @contextmanager
    @private
    def runner(self, options: RunOptions) -> Iterator[Runner]:
        """Lock the lakehouse for a run, and mend what a run that died left.

        All jobs share one session here, asked for or not.
        """
        layout, tables, written = self._place.layout, self._place.tables, self._place.written
        with self._writer.locked(wait=options.wait) as lock:
            tables.forget()
            if options.reread:
                self._place.zone.doubt()
            stray: Iterable[str] = written
            try:
                write_journal(layout, written)
                with closing(self._open(options, lock)) as runner:
                    yield runner
                    stray = runner.swept
                tables.forget()
                # Before the files are sealed: some of them have another name there.
                self._writer.clear_aside()
                tables.seal()
                # Nobody has to look why an earlier run failed, on whichever engine.
                layout.spark_log.unlink(missing_ok=True)
            finally:
                tables.forget()
                self._writer.clean(stray)

    def _open(self, options: RunOptions, lock: int) -> DuckRunner | SparkRunner:
        if options.engine == "spark":
            from stedi_cli.local.spark import SparkRunner

            return SparkRunner(self._place, lock=lock, reread=options.reread)
        from stedi_cli.local.runner import DuckRunner

        return DuckRunner(self._place, reread=options.reread)
