"""What runs printed, as CloudWatch Logs keeps it: every stream of some log groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from stedi_cli.privacy.refusals import as_unreadable, listed
from stedi_cli.privacy.source import Entry, Opened
from stedi_cli.privacy.spooled import add_line, opened, spooled

KIND = "log stream"
"""What is counted of logs."""


class LogStreams:
    """What log groups hold.

    Args:
        logs: The client.
        groups: The names of the groups.
    """

    def __init__(self, logs: Any, groups: Sequence[str]) -> None:
        self._logs = logs
        self._groups = groups

    def entries(self) -> Iterator[Entry]:
        """Yield the streams of each group that is there."""
        for group in self._groups:
            whole = Entry(group.strip("/"), "log", around=("logs:/", "/"))
            yield from listed(self._of_group(group), whole)

    def _of_group(self, group: str) -> Iterator[Entry]:
        pages = self._logs.get_paginator("describe_log_streams")
        try:
            for page in pages.paginate(logGroupName=group):
                yield from (self._entry(group, one) for one in page["logStreams"])
        except self._logs.exceptions.ResourceNotFoundException:
            return

    def _entry(self, group: str, found: dict[str, Any]) -> Entry:
        stream = str(found["logStreamName"])
        place = f"{group.strip('/')}/{stream}"
        return Entry(
            place, "log", KIND, partial(self._opened, group, stream), around=("logs:/", "")
        )

    @contextmanager
    def _opened(self, group: str, stream: str) -> Iterator[Opened]:
        with spooled() as file:
            with as_unreadable():
                for line in self._messages(group, stream):
                    add_line(file, line)
            yield opened(file)

    def _messages(self, group: str, stream: str) -> Iterator[str]:
        asked = {"logGroupName": group, "logStreamName": stream}
        token = None
        while True:
            page = self._logs.get_log_events(
                **asked, startFromHead=True, **({"nextToken": token} if token else {})
            )
            yield from (str(event["message"]) for event in page["events"])
            # A page may be empty although others are not; the last one leads to itself.
            if page["nextForwardToken"] == token:
                return
            token = page["nextForwardToken"]
