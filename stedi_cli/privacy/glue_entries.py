"""What the Glue Data Catalog says of a database: comments, parameters, partitions, old versions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from stedi_cli.privacy.refusals import as_unreadable, listed
from stedi_cli.privacy.source import Entry, Opened
from stedi_cli.privacy.spooled import add_line, opened, spooled
from stedi_cli.privacy.unreadable import UnreadableError

KIND = "catalog entry"
"""What is counted of a catalog."""
_URI = re.compile(r"s3[an]?://([^/]+)")


class GlueEntries:
    """What a database of the Glue Data Catalog holds.

    Args:
        glue: The client.
        database: The database's name.
        bucket: The bucket that the lakehouse lies in.
    """

    def __init__(self, glue: Any, database: str, bucket: str) -> None:
        self._glue = glue
        self._database = database
        self._bucket = bucket

    def entries(self) -> Iterator[Entry]:
        """Yield the database, if it is there, and its tables."""
        for found, after in ((self._of_database(), ""), (self._of_tables(), "/")):
            yield from listed(found, Entry(self._database, "catalog", around=("glue:", after)))

    def _of_database(self) -> Iterator[Entry]:
        try:
            found = self._glue.get_database(Name=self._database)["Database"]
        except self._glue.exceptions.EntityNotFoundException:
            return
        yield self._entry(self._database, found)

    def _of_tables(self) -> Iterator[Entry]:
        pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=self._database)
        try:
            for table in (one for page in pages for one in page["TableList"]):
                yield self._entry(f"{self._database}/{table['Name']}", table)
        except self._glue.exceptions.EntityNotFoundException:
            return

    def _entry(self, place: str, found: dict[str, Any]) -> Entry:
        mark = f"{found.get('VersionId')} {found.get('UpdateTime')}"
        open_ = partial(self._opened, found)
        return Entry(place, "catalog", KIND, open_, around=("glue:", ""), mark=mark)

    @contextmanager
    def _opened(self, found: dict[str, Any]) -> Iterator[Opened]:
        """Open all texts that there are of a database or table, a line each."""
        unread, elsewhere = [], False
        with spooled() as file:
            for view, parts in self._listings(found):
                try:
                    with as_unreadable():
                        for text in (text for part in parts for text in _texts(part)):
                            add_line(file, text)
                            elsewhere = elsewhere or self._is_elsewhere(text)
                except UnreadableError as error:
                    unread.append((view, str(error)))
            if elsewhere:
                unread.append(("files", "it names some outside the bucket, which nobody read"))
            yield opened(file, unread=tuple(unread))

    def _listings(self, found: dict[str, Any]) -> Iterator[tuple[str, Iterator[Any]]]:
        yield "entry", iter([found])
        if "DatabaseName" in found:
            table = {"DatabaseName": self._database, "TableName": found["Name"]}
            yield "versions", self._pages("get_table_versions", "TableVersions", table)
            if found.get("PartitionKeys"):
                yield "partitions", self._pages("get_partitions", "Partitions", table)

    def _pages(self, call: str, key: str, table: dict[str, str]) -> Iterator[Any]:
        for page in self._glue.get_paginator(call).paginate(**table):
            yield from page[key]

    def _is_elsewhere(self, text: str) -> bool:
        uri = _URI.match(text)
        return uri is not None and uri[1] != self._bucket


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inside in value.items():
            yield key
            yield from _texts(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _texts(inside)
    else:
        yield str(value)
