"""Brings landing files, and the counts expected of them, into the bucket."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stedi_cli.aws.account import aws_errors
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.kept_aside import KeptAside
from stedi_cli.aws.landing_zone import LandingZone
from stedi_cli.aws.writer import Writer
from stedi_cli.checks.expected import FILE_NAME, refuse_elsewhere
from stedi_cli.lake.elsewhere import Elsewhere
from stedi_cli.lake.events import Uploaded, Uploading
from stedi_cli.landing.bare_gzip import bared, renewed
from stedi_cli.landing.delivery import Delivery, find_files
from stedi_cli.landing.files import same_content
from stedi_cli.landing.origin import Origin
from stedi_cli.landing.other_files import Conversions, refuse_other_files

if TYPE_CHECKING:
    from stedi_cli.aws.upload import Local


class Landing(LandingZone):
    """A landing zone that folders can be uploaded into.

    Args:
        writer: Who may write now.
        backoff: How to wait.
    """

    def __init__(self, writer: Writer, backoff: Backoff) -> None:
        super().__init__(writer.layout, backoff)
        self._writer = writer
        self._copies: TemporaryDirectory[str] | None = None

    def find(self, folder: Path) -> Delivery:
        found = find_files(folder, self._layout.lakehouse.landing.values())
        refuse_elsewhere(found.folder)
        return found

    def replaced_by(self, delivery: Delivery) -> dict[str, list[str]]:
        listed = self.listed()
        found = {table: delivery.replaces(table, listed[table]) for table in delivery.files}
        return {table: names for table, names in found.items() if names}

    def upload(
        self,
        delivery: Delivery,
        *,
        remove: Mapping[str, Collection[str]],
        wait: bool,
        convert: bool = False,
        tell: Callable[[int, int], None] | None = None,
    ) -> Iterator[Uploaded | Uploading]:
        from stedi_cli.aws.upload import read_local

        refuse_other_files(delivery, convert=convert)
        # Whoever asked before may have waited for an answer.
        self.forget()
        copies = Elsewhere()
        try:
            temp = copies.make()
            lines = Conversions(delivery, self._layout.lakehouse.landing, temp)
            bare = bared(lines.files, temp)
            files = read_local(self, bare, tell)
            source = delivery.folder / FILE_NAME
            expected = None
            if source.is_file():
                expected = renewed(source.read_bytes(), delivery.files, bare)
            for done in self._upload(
                delivery, files, lines.origins, expected, remove=remove, wait=wait
            ):
                if isinstance(done, Uploaded):
                    was = lines.was(done.table, done.file)
                    yield dataclasses.replace(done, converted=was)
                else:
                    yield done
        finally:
            copies.remove()

    def _upload(
        self,
        delivery: Delivery,
        files: list[Local],
        origins: Mapping[tuple[str, str], Origin],
        expected: bytes | None,
        *,
        remove: Mapping[str, Collection[str]],
        wait: bool,
    ) -> Iterator[Uploaded | Uploading]:
        from stedi_cli.aws.upload import held_against, upload

        # A run would read half of what is old and half of what is new.
        changes = (
            any(file.state != "unchanged" for file in files)
            or any(self._gone(delivery, remove).values())
            or (expected is not None and self._is_other(expected))
        )
        with self._writer.locked("upload", wait=wait) if changes else nullcontext():
            if changes:
                # Until the lock was had others may have written.
                self.forget()
                files = held_against(self, files)
                gone = {file.table for file in files if file.state == "changed"}
                gone |= {name for name, names in self._gone(delivery, remove).items() if names}
                if gone:
                    # It may hold lines of somebody who is to be forgotten.
                    KeptAside(self._layout).drop(gone)
            yield from upload(self, self._layout.lakehouse, files)
            self.remember_origins(origins)
            for table, names in self._gone(delivery, remove).items():
                extra = delivery.others(table, self.listed()[table])
                self.remove(table, names)
                for name in extra:
                    yield Uploaded(table, name, "removed" if name in names else "mixed")
            self.save_index()
            if expected is not None and changes:
                self._put_expected(expected)

    def _gone(
        self, delivery: Delivery, remove: Mapping[str, Collection[str]]
    ) -> dict[str, list[str]]:
        """Return the files that an upload removes, by landing table."""
        listed = self.listed()
        return {
            table: [n for n in delivery.others(table, listed[table]) if n in remove.get(table, ())]
            for table in delivery.files
        }

    def same_content(self) -> dict[str, list[list[str]]]:
        known = {
            table: {name: self.known(table, name) for name in files}
            for table, files in self.listed().items()
        }
        return {
            table: same_content({name: facts for name, facts in files.items() if facts})
            for table, files in known.items()
        }

    def expect(self, content: bytes) -> str:
        with self._writer.locked("validate --accept"):
            self._put_expected(content)
        return self._layout.uri(self._layout.expected)

    def _put_expected(self, content: bytes) -> None:
        key = self._layout.expected
        if self._is_other(content):
            with aws_errors(f"s3:PutObject {key}"):
                self.storage.s3.put_object(**self.storage.place(key), Body=content)

    def _is_other(self, content: bytes) -> bool:
        """Tell whether other counts are expected by now, or none."""
        return content != self.storage.read_if_there(self._layout.expected)

    def expected_file(self) -> Path | None:
        """Return a copy of the expected counts that came with the uploaded data, if any did."""
        content = self.storage.read_if_there(self._layout.expected)
        if content is None:
            return None
        if self._copies is None:
            self._copies = TemporaryDirectory(prefix="stedi-")
        copy = Path(self._copies.name) / FILE_NAME
        copy.write_bytes(content)
        return copy

    def close(self) -> None:
        """Remove what was copied here."""
        if self._copies is not None:
            self._copies.cleanup()
            self._copies = None
