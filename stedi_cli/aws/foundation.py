"""What a lakehouse on AWS stands on, as commands have it: removed beside nobody at work."""

from __future__ import annotations

from collections.abc import Iterator

from stedi_cli.aws.infra.infrastructure import Infrastructure
from stedi_cli.aws.writer import Writer
from stedi_cli.lake.records import Plan, Resource


class Foundation:
    """The infrastructure of a lakehouse.

    Args:
        infrastructure: Makes, compares and removes it.
        writer: Who may write now.
    """

    def __init__(self, infrastructure: Infrastructure, writer: Writer) -> None:
        self._infrastructure = infrastructure
        self._writer = writer

    def plan(self) -> Plan:
        return self._infrastructure.plan()

    def up(self, plan: Plan | None = None, *, replace: bool = False) -> Iterator[Resource]:
        return self._infrastructure.up(plan, replace=replace)

    def status(self) -> list[Resource]:
        return self._infrastructure.status()

    def down(self, *, keep_data: bool = False) -> Iterator[Resource]:
        with self._writer.removing():
            yield from self._infrastructure.down(keep_data=keep_data)
