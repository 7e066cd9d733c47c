"""The flow of rows as boxes and lines: each job in a row of its own, each zone in a column.

A line runs in the gaps between columns, and across a column only at the height of its job's table,
where no other table stands: so that no line crosses a box, whatever the model is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from stedi_cli.checks.accounts import Flow, Side
from stedi_cli.errors import quantity
from stedi_cli.printable import one_line, plain
from stedi_cli.project.lakehouse import Lakehouse

ZONES = ("landing", "trusted", "curated")
LINE = 16
"""Height of a line of text."""
_CHARACTER = 7.3
"""Width of a character of a monospaced font of 12 pixels, and a little more."""
_LONGEST = 36
_LESS = "\N{MINUS SIGN}"
_PAD, _GAP, _HEAD = 10, 22, 34
_LANE, _MARGIN = 12, 16
_OUT = 18
"""Where a line leaves a box: above all that enter it."""


@dataclass(frozen=True)
class Box:
    """A table: its texts are inside."""

    table: str
    zone: str
    texts: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """From a table to one made of it; ``points`` are its corners, the last with an arrow."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """The corners as SVG writes them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True)
class Diagram:
    """Boxes, the lines between them, and the columns' titles with the places of their middles."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    titles: tuple[tuple[str, float], ...]
    width: float
    height: float


def diagram(lakehouse: Lakehouse, flows: Sequence[Flow], rows: Mapping[str, int | None]) -> Diagram:
    """Lay out the flow of rows.

    Args:
        lakehouse: The model.
        flows: Where the rows of each job went.
        rows: Rows by table, of a landing table its lines.
    """
    by_table = {flow.table: flow for flow in flows}
    texts = {
        name: _texts(name, by_table.get(name), rows.get(name), is_landing=table.folder is not None)
        for name, table in lakehouse.tables.items()
        if table.zone in ZONES
    }
    pairs = [
        (name, job.writes)
        for job in lakehouse.jobs.values()
        for name in lakehouse.inputs(job)
        if name in texts and job.writes in texts
    ]
    zones = {name: ZONES.index(lakehouse.tables[name].zone) for name in texts}
    widths = [
        max([_width(t) for n, lines in texts.items() if zones[n] == zone for t in lines] or [80])
        + 2 * _PAD
        for zone in range(len(ZONES))
    ]
    lanes = _lanes(pairs, zones)
    lefts, gaps, at = [], [], float(_MARGIN)
    for zone, width in enumerate(widths):
        lefts.append(at)
        gaps.append(at + width + _LANE)
        at += width + _LANE * (2 + sum(gap == zone for _, gap in lanes))
    ways = _ways(pairs, zones)
    boxes, bottom = _boxes(lakehouse, texts, zones, (lefts, widths), ways)
    lines = _lines(pairs, zones, boxes, gaps, lanes)
    titles = tuple((z, lefts[i] + widths[i] / 2) for i, z in enumerate(ZONES))
    return Diagram(tuple(boxes.values()), lines, titles, at, bottom)


def _texts(name: str, flow: Flow | None, rows: int | None, *, is_landing: bool) -> tuple[str, ...]:
    """Return what stands in a table's box: its rows, and of what its job made them."""
    made, what = (flow.rows, "row") if flow else (rows, "line" if is_landing else "row")
    texts = [name, "not there yet" if made is None else quantity(made, what)]
    for side in flow.sides if flow else ():
        texts += _side(side)
    return tuple(part for text in texts for part in _wrapped(one_line(text)))


def _side(side: Side) -> list[str]:
    texts = [f"of {plain(side.rows)} {side.table}"]
    if side.quarantined:
        texts.append(f"{_LESS} {side.quarantined:,} in quarantine")
    for reason, number in side.reasons:
        texts.append(f"{_LESS if number > 0 else '+'} {abs(number):,} {reason}")
    if side.left_over:
        texts.append(f"! {side.left_over:,} not explained")
    return texts


def _wrapped(text: str) -> list[str]:
    """Return a text in lines that are short enough; what follows the first stands further in."""
    cells = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    most = _LONGEST // 2 if cells else _LONGEST
    return wrap(text, most, subsequent_indent="  ") or [""]


def _width(text: str) -> float:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return (len(text) + wide) * _CHARACTER


def _gap(source: int, target: int) -> int:
    """Return in which gap a line leaves its table: 0 is to the right of the first column."""
    return source if source <= target else source - 1


def _lanes(pairs: Sequence[tuple[str, str]], zones: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return each table with a gap that lines run in from it: one lane for all of them."""
    found = [(source, _gap(zones[source], zones[target])) for source, target in pairs]
    return list(dict.fromkeys(found))


def _ways(pairs: Sequence[tuple[str, str]], zones: Mapping[str, int]) -> dict[str, list[list[str]]]:
    """Return by table what enters it: from the left, and from the right."""
    ways: dict[str, list[list[str]]] = {}
    for source, target in pairs:
        is_right = zones[source] >= zones[target]
        ways.setdefault(target, [[], []])[is_right].append(source)
    return ways


def _boxes(
    lakehouse: Lakehouse,
    texts: Mapping[str, tuple[str, ...]],
    zones: Mapping[str, int],
    columns: tuple[Sequence[float], Sequence[float]],
    ways: Mapping[str, list[list[str]]],
) -> tuple[dict[str, Box], float]:
    """Return the boxes by table, and where the picture ends below."""
    lefts, widths = columns
    boxes: dict[str, Box] = {}

    def put(name: str, y: float) -> float:
        entering = max([0, *map(len, ways.get(name, ()))])
        height = max(len(texts[name]) * LINE + 2 * _PAD, _OUT + _LANE * (entering + 1))
        zone = zones[name]
        box = Box(name, ZONES[zone], texts[name], lefts[zone], y, widths[zone], height)
        boxes[name] = box
        return y + height + _GAP

    y = float(_HEAD)
    for job in lakehouse.jobs.values():
        if job.writes not in texts:
            continue
        below = put(job.writes, y)
        beside = y
        for name in job.reads:
            if name in texts and name not in boxes and zones[name] == 0:
                beside = put(name, beside)
        y = max(below, beside)
    for name in texts:
        if name not in boxes:
            y = put(name, y)
    return boxes, y


def _lines(
    pairs: Sequence[tuple[str, str]],
    zones: Mapping[str, int],
    boxes: Mapping[str, Box],
    gaps: Sequence[float],
    lanes: Sequence[tuple[str, int]],
) -> tuple[Line, ...]:
    ways = _ways(pairs, zones)
    lines = []
    for source, target in pairs:
        begin, end = boxes[source], boxes[target]
        gap = _gap(zones[source], zones[target])
        own = [name for name, other in lanes if other == gap]
        lane = gaps[gap] + _LANE * own.index(source)
        is_left = zones[source] > zones[target]
        is_right = zones[source] >= zones[target]
        start = (begin.x if is_left else begin.x + begin.width, begin.y + _OUT)
        port = end.y + _OUT + _LANE * (ways[target][is_right].index(source) + 1)
        stop = (end.x + end.width if is_right else end.x, port)
        lines.append(Line(source, target, (start, (lane, start[1]), (lane, port), stop)))
    return tuple(lines)
