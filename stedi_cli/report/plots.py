"""The plots of the report.

What is drawn was counted by the SQL of ``jobs/plots/``; here is what each looks like, and the
sentence that says what is to be seen in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stedi_cli.errors import quantity
from stedi_cli.printable import one_line
from stedi_cli.report.drawing import INK, SERIES, svg_of
from stedi_cli.report.facts import Plotted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_POINTS = 2000
"""Points that a plot is drawn of at most."""
_UNITS = (("seconds", 1.0), ("minutes", 60.0), ("hours", 3600.0), ("days", 86400.0))
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Plot:
    """A plot.

    Args:
        name: Its name.
        title: What it is called.
        svg: The picture; empty where there is none.
        finding: What is to be seen, in a sentence; without a picture, why there is none.
    """

    name: str
    title: str
    svg: str
    finding: str


@dataclass(frozen=True)
class _Kind:
    """How a plot is drawn: its title, the columns of its query, and what draws it."""

    title: str
    columns: tuple[str, ...]
    draw: Callable[[Figure, list[Row]], str]
    height: float = 2.6


def drawn(plots: Mapping[str, Plotted]) -> list[Plot]:
    """Draw what was counted.

    Args:
        plots: What the plots are drawn of, by name.
    """
    known = {name: plots[name] for name in _KINDS if name in plots}
    found = [_plot(name, plotted) for name, plotted in known.items()]
    others = sorted(plots.keys() - known.keys())
    told = f"Known are {', '.join(_KINDS)}."
    return found + [Plot(n, n, "", f"Nothing draws jobs/plots/{n}.sql. {told}") for n in others]


def _plot(name: str, plotted: Plotted) -> Plot:
    kind = _KINDS[name]
    if plotted.silent:
        return Plot(name, kind.title, "", f"Not drawn: {plotted.silent.rstrip('.')}.")
    if plotted.columns != kind.columns:
        wanted = ", ".join(kind.columns)
        return Plot(name, kind.title, "", f"Not drawn: its columns have to be {wanted}.")
    rows = [_texts(row) for row in plotted.rows if None not in row[:-1]][:MOST_POINTS]
    if not rows:
        return Plot(name, kind.title, "", "Not drawn: there is nothing to be counted.")
    found: list[str] = []
    try:
        svg = svg_of(name, kind.height, lambda figure: found.append(kind.draw(figure, rows)))
    except (ArithmeticError, TypeError, ValueError) as error:
        return Plot(name, kind.title, "", f"Not drawn: {type(error).__name__} in its numbers.")
    return Plot(name, kind.title, svg, *found)


def _texts(row: Row) -> Row:
    return tuple(one_line(value) if isinstance(value, str) else value for value in row)


def _over_time(figure: Figure, rows: list[Row]) -> str:
    sensors = _zones(rows, 0)
    axes = figure.subplots(len(sensors), 1, sharex=True, squeeze=False)[:, 0]
    for sensor, plane in zip(sensors, axes, strict=True):
        for number, zone in enumerate(_zones(rows, 1)):
            bars = [row[2:] for row in rows if (row[0], row[1]) == (sensor, zone)]
            _bars(plane, [(low / 1000, high / 1000, n) for low, high, n in bars], number, zone)
        plane.set_title(sensor, loc="left")
        plane.set_ylabel("readings")
        plane.margins(x=0.01)
    first, last = min(row[2] for row in rows), max(row[3] for row in rows)
    _whole_times(axes[-1], first / 1000, last / 1000)
    axes[-1].set_xlabel(f"UTC, from {_time(first / 1000, '%Y-%m-%d %H:%M')}")
    _legend(figure, axes[0])
    sums = [
        quantity(sum(r[4] for r in rows if (r[0], r[1]) == (sensor, zone)), f"{sensor} reading")
        + f" in {zone}"
        for sensor in sensors
        for zone in _zones(rows, 1)
    ]
    return (
        f"From {_time(first / 1000, '%Y-%m-%d %H:%M')} to {_time(last / 1000, '%Y-%m-%d %H:%M')}"
        f" UTC: {', '.join(sums)}; times at which fewer than five people have any are left out."
    )


def _whole_times(plane: Axes, first: float, last: float) -> None:
    from matplotlib.ticker import MultipleLocator

    steps = (60, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400, 604_800, 2_592_000)
    step = next((step for step in steps if (last - first) / step <= 8), (last - first) / 6)
    form = "%Y-%m-%d" if step >= 86_400 else "%H:%M" if last - first < 86_400 else "%m-%d %H:%M"
    plane.xaxis.set_major_locator(MultipleLocator(step))
    plane.xaxis.set_major_formatter(lambda value, _: _time(value, form))


def _time(seconds: float, form: str) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(form)
    except (OverflowError, ValueError, OSError):
        return ""


def _per_customer(figure: Figure, rows: list[Row]) -> str:
    plane = figure.subplots()
    said = []
    for number, zone in enumerate(_zones(rows, 0)):
        bars = [row[1:] for row in rows if row[0] == zone]
        _bars(plane, bars, number, zone)
        low, high = max(min(bar[0] for bar in bars), 1), max(bar[1] for bar in bars) - 1
        who = quantity(sum(bar[2] for bar in bars), "customer")
        said.append(f"{who} with {low:,} to {high:,} in {zone}")
    plane.set_xlabel("accelerometer readings of a customer")
    plane.set_ylabel("customers")
    _whole_numbers(plane)
    _legend(figure, plane)
    return f"{'; '.join(said)}."


def _consent(figure: Figure, rows: list[Row]) -> str:
    reach = max(abs(edge) for row in rows for edge in row[:2])
    unit, size = max(((u, s) for u, s in _UNITS if s * 2 <= reach), default=_UNITS[0], key=_size)
    plane = figure.subplots()
    _bars(plane, [(low / size, high / size, n) for low, high, n in rows], 1, "")
    plane.axvline(0, color=INK, linewidth=1, linestyle="--")
    plane.set_xlabel(f"{unit} from a customer's first reading to the consent (dashed: the reading)")
    plane.set_ylabel("customers")
    _whole_numbers(plane)
    before = sum(row[2] for row in rows if row[1] <= 0)
    after = sum(row[2] for row in rows) - before
    return (
        f"Of {quantity(before + after, 'trusted customer')} with readings {before:,} gave consent"
        f" before the first of them, {after:,} at it or later."
    )


def _size(unit: tuple[str, float]) -> float:
    return unit[1]


def _session(figure: Figure, rows: list[Row]) -> str:
    motion, steps = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    seconds = [row[0] for row in rows]
    for number, axis in enumerate("xyz"):
        values = [row[1 + number] for row in rows]
        motion.plot(seconds, values, ".", color=SERIES[1 + number], markersize=3, label=axis)
    far = [(row[0], row[4]) for row in rows if row[4] is not None]
    steps.plot([at for at, _ in far], [d for _, d in far], ".", color=INK, markersize=3)
    motion.set_ylabel("acceleration")
    steps.set_ylabel("distance")
    steps.set_xlabel("seconds from the session's first reading")
    _legend(figure, motion)
    there = f"{min(d for _, d in far):,} to {max(d for _, d in far):,}" if far else "not known"
    return (
        f"{quantity(len(rows), 'accelerometer reading')} of one session in {seconds[-1]:,.0f} s;"
        f" the distance beside {len(far):,} of them is {there}."
    )


def _distance(figure: Figure, rows: list[Row]) -> str:
    names = _zones(rows, 0)
    most = max(row[3] for row in rows)
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for name, plane in zip(names, axes, strict=True):
        cells = [row[1:] for row in rows if row[0] == name]
        plane.scatter(
            [cell[0] for cell in cells],
            [cell[1] for cell in cells],
            s=[8 + 60 * (cell[2] / most) ** 0.5 for cell in cells],
            color=SERIES[1],
            alpha=0.6,
            linewidths=0,
        )
        plane.set_xlabel(f"acceleration along {name}")
    axes[0].set_ylabel("distance")
    readings = sum(row[3] for row in rows if row[0] == names[0])
    places = {name: sum(row[0] == name for row in rows) for name in names}
    taken = ", ".join(f"{places[name]:,} along {name}" for name in names)
    return (
        f"{quantity(readings, 'row')}; a larger spot stands for more of them. Spots that are taken,"
        f" of a grid of 24 by 24: {taken}."
    )


def _whole_numbers(plane: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    plane.yaxis.set_major_locator(MaxNLocator(5, integer=True))


def _zones(rows: Sequence[Row], place: int) -> list[str]:
    return list(dict.fromkeys(row[place] for row in rows))


def _bars(plane: Axes, bars: Sequence[Row], number: int, label: str) -> None:
    plane.bar(
        [bar[0] for bar in bars],
        [bar[2] for bar in bars],
        [bar[1] - bar[0] for bar in bars],
        align="edge",
        color=SERIES[number],
        label=label,
    )


def _legend(figure: Figure, plane: Axes) -> None:
    """Put what the colours mean above the picture, where it covers nothing."""
    handles, labels = plane.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), markerscale=2)


_KINDS = {
    "readings_over_time": _Kind(
        "Readings over time",
        ("sensor", "zone", "low", "high", "readings"),
        _over_time,
        height=4,
    ),
    "readings_per_customer": _Kind(
        "Readings of a customer", ("zone", "low", "high", "customers"), _per_customer
    ),
    "consent": _Kind("Consent and first reading", ("low", "high", "customers"), _consent),
    "one_session": _Kind("One session", ("second", "x", "y", "z", "distance"), _session, height=4),
    "distance": _Kind(
        "Distance beside motion", ("axis", "motion", "distance", "readings"), _distance
    ),
}
