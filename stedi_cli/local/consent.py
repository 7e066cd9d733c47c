"""What changes of consent need of a local lakehouse: to be alone, a new file, one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from stedi_cli.durable import make_folder, replaced
from stedi_cli.errors import StediError
from stedi_cli.landing.names import new_consent_name
from stedi_cli.local.access import private
from stedi_cli.local.answered import add_answered, digest_of
from stedi_cli.local.questions import Questions
from stedi_cli.local.table_files import open_catalog
from stedi_cli.local.writer import Writer, write_journal
from stedi_cli.project.lakehouse import Table


class Consent:
    """Changes consent.

    Args:
        writer: The writer of the lakehouse.
        questions: What its tables are asked by, which has to see them anew.
    """

    def __init__(self, writer: Writer, questions: Questions) -> None:
        self._writer = writer
        self._place = writer.place
        self._questions = questions

    @contextmanager
    @private
    def alone(self, *, wait: bool, readers: bool) -> Iterator[None]:
        # What this command itself has read holds off nobody.
        self._questions.renew()
        with self._writer.staying(wait=wait, readers=readers):
            # Another writer may have been at work until now.
            self._place.tables.forget()
            try:
                yield
            finally:
                self._questions.renew()

    @private
    def deliver(self, table: Table, content: bytes) -> str:
        name, folder = new_consent_name(), self._place.zone.folder(table.name)
        make_folder(folder)
        with replaced(folder / name, self._place.layout.temp) as sink:
            sink.write(content)
        self._questions.renew()
        return name

    @private
    def answer(self, table: Table, lines: Mapping[tuple[str, int], int]) -> None:
        files = self._place.zone.state(table.name).files
        found = {
            (table.name, digest_of(files[file]), line): instant
            for (file, line), instant in lines.items()
            if file in files
        }
        if len(found) < len(lines):
            raise StediError(
                f"Landing files of {table.name} changed meanwhile.", hint="Run it again."
            )
        add_answered(self._place.layout, found)

    @private
    def keep_one(self) -> None:
        from stedi_cli.tables.iceberg import UNREADABLE, expire

        layout, tables, written = self._place.layout, self._place.tables, self._place.written
        tables.forget()
        catalog = open_catalog(layout)
        try:
            write_journal(layout, written)
            for name in filter(tables.states().__contains__, written):
                try:
                    self._writer.note(expire(catalog, name, 1).refs)
                except UNREADABLE as error:
                    raise StediError(
                        f"The metadata of {name} cannot be read, so that older snapshots stay.",
                        hint="Run `stedi doctor`: it says what to do.",
                    ) from error
            tables.forget()
            tables.seal()
        finally:
            tables.forget()
            self._writer.clean(written)
            self._questions.renew()
