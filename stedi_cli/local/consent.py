"""What changes of consent need of a local lakehouse: to be alone, a new file, one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from stedi_cli.durable import make_folder, replaced
from stedi_cli.lake.strangers import unknown_told
from stedi_cli.landing.answered import answered_in, known, written
from stedi_cli.landing.names import new_consent_name
from stedi_cli.local.access import private
from stedi_cli.local.questions import Questions
from stedi_cli.local.strangers import unknown
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

    def is_read(self, table: Table) -> bool:
        # Questions are answered from the files themselves, where a copy is not of them.
        return True

    @private
    def answer(self, table: Table, lines: Mapping[tuple[str, int], int]) -> None:
        layout, files = self._place.layout, self._place.zone.state(table.name).files
        found = answered_in(layout.read_answered()) | known(table.name, files, lines)
        with replaced(layout.answered, layout.temp) as sink:
            sink.write(written(found))

    def beyond(self) -> list[str]:
        layout, lakehouse = self._place.layout, self._place.lakehouse
        return unknown_told(str(layout.warehouse), unknown(layout, lakehouse.stored))

    @private
    def keep_one(self) -> None:
        from stedi_cli.tables.iceberg import UNREADABLE, expire, unreadable

        layout, tables, names = self._place.layout, self._place.tables, self._place.written
        tables.forget()
        try:
            write_journal(layout, names)
            for name in filter(tables.states().__contains__, names):
                try:
                    self._writer.note(expire(self._place.catalog, name, 1).refs)
                except UNREADABLE as error:
                    raise unreadable(name) from error
            tables.forget()
            tables.seal()
        finally:
            tables.forget()
            self._writer.clean(names)
            self._questions.renew()
