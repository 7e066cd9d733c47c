"""The ledger of exports of a lakehouse on AWS: an object an export, since none can be added to."""

from __future__ import annotations

import time
import uuid

from stedi_cli.aws.account import aws_errors, is_denied
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage
from stedi_cli.errors import StediError
from stedi_cli.lake.exports import ExportEntry, Exports


class ExportLedger:
    """The ledger, which lies beside what jobs run from.

    Args:
        layout: Names and places.
        storage: The bucket.
    """

    def __init__(self, layout: Layout, storage: Storage) -> None:
        self._prefix = layout.exports
        self._storage = storage

    def add(self, entry: ExportEntry) -> bool:
        # By its time, so that a listing gives them in their order; two may share a second.
        key = f"{self._prefix}{entry.when}-{time.time_ns()}-{uuid.uuid4().hex}.json"
        try:
            with aws_errors(f"s3:PutObject {key}"):
                self._storage.s3.put_object(**self._storage.place(key), Body=entry.line())
        except StediError as error:
            if is_denied(error.__cause__ or error):
                return False
            raise
        return True

    def read(self) -> Exports:
        entries, unreadable = [], 0
        for name in sorted(self._storage.list(self._prefix)):
            try:
                content = self._storage.read_if_there(f"{self._prefix}{name}")
                entries.append(ExportEntry.from_line(content or b""))
            except ValueError:
                unreadable += 1
        return Exports(tuple(entries), unreadable)
