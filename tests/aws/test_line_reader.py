"""Checks made here because Athena cannot read every line: over what the contract calls usable."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from sandbox.server import Sandbox
from small import C, customer, lines, motion

from aws.cloud_lake import aws_settings
from aws.test_athena import ready
from stedi_cli.aws import line_reader
from stedi_cli.aws.landing_zone import LandingZone
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.line_reader import LineReader
from stedi_cli.project.lakehouse import Table
from stedi_cli.tables.provenance import Snapshot, TableState

ANN, BOB = customer("ann@x.org", "a", C), customer("bob@x.org", "b", C, None)
CLEAN = lines([ANN])
# A lone carriage return between tokens, a number as text, a blank line, one that is not usable.
ODD = lines([BOB]).replace(b", ", b",\r").replace(str(C).encode(), f'"{C}"'.encode()) + b" \t\n"
BAD = b"nonsense\n" + lines([{"email": "cid@x.org"}])


class Built:
    """One Iceberg table, and how often its rows were asked for."""

    def __init__(self, rows: int) -> None:
        self.asked: list[str] = []
        current = Snapshot(1, 1, rows, None)
        self._states = {"customer_trusted": TableState("", "", {}, (current,), current)}

    def states(self) -> dict[str, TableState]:
        return self._states

    def rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        self.asked.append(table.name)
        return iter([tuple(ANN.get(column.name) for column in table.columns)])


def put(sandbox: Sandbox, layout: Layout, name: str, content: bytes) -> None:
    table = layout.lakehouse.tables["customer_landing"]
    key = layout.landing_folder(table) + name
    sandbox.client("s3").put_object(Bucket=layout.bucket, Key=key, Body=content)


@pytest.fixture
def layout(sandbox: Sandbox) -> Layout:
    made = ready(sandbox)
    put(sandbox, made, "a.json", b"\xef\xbb\xbf" + CLEAN + BAD)
    put(sandbox, made, "b.json.gz", gzip.compress(ODD))
    return made


def reader(layout: Layout, built: Built) -> LineReader:
    lakehouse = aws_settings().lakehouse()
    return LineReader(lakehouse, LandingZone(layout), built.states, built.rows)


def test_usable_lines_are_read_whatever_is_between_them(layout: Layout) -> None:
    answer = reader(layout, Built(1)).answer(
        "SELECT email, lastUpdateDate, shareWithResearchAsOfDate FROM customer_landing ORDER BY 1"
    )
    assert answer is not None
    assert answer.columns == ["email", "lastUpdateDate", "shareWithResearchAsOfDate"]
    assert list(answer.rows) == [("ann@x.org", C, C), ("bob@x.org", C, None)]


def test_iceberg_tables_are_fetched_once(layout: Layout) -> None:
    built = Built(1)
    asked = reader(layout, built)
    for _ in range(2):
        answer = asked.answer(
            "SELECT count(*), count(t.email) FROM customer_landing l"
            " LEFT JOIN customer_trusted t ON t.email = l.email"
        )
        assert answer is not None
        assert list(answer.rows) == [(2, 1)]
    assert built.asked == ["customer_trusted"]


def test_a_landing_table_without_files_is_empty(layout: Layout) -> None:
    answer = reader(layout, Built(1)).answer("SELECT count(*) FROM accelerometer_landing")
    assert answer is not None
    assert list(answer.rows) == [(0,)]


def test_what_is_too_large_is_not_read(
    sandbox: Sandbox, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = Built(line_reader.MOST_ROWS + 1)
    assert reader(layout, built).answer("SELECT 1 FROM customer_trusted") is None
    assert built.asked == []
    monkeypatch.setattr(line_reader, "MOST_BYTES", len(lines([motion("ann@x.org", C)])))
    zone = reader(layout, built)
    zone.answer("SELECT count(*) FROM accelerometer_landing")
    with sandbox.recording() as calls:
        assert zone.answer("SELECT count(*) FROM customer_landing") is None
    assert not [
        call for call in calls if call.action == "GetObject" and "customer/" in call.resource
    ]
