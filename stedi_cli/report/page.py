"""The report as one page: all that it needs is in it, and no value in it is more than a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stedi_cli.addresses import MASK
from stedi_cli.errors import quantity
from stedi_cli.printable import plain
from stedi_cli.report.diagram import Diagram, diagram
from stedi_cli.report.facts import ROWS, Facts
from stedi_cli.report.plots import Plot

_TEMPLATE = Path(__file__).parent / "page.html.jinja"


def page(facts: Facts, plots: list[Plot] | None) -> bytes:
    """Return the page.

    Args:
        facts: What it says.
        plots: The plots; None where there is nothing that draws them.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        return value if isinstance(value, Markup) else plain(value)

    environment = Environment(
        autoescape=True,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["size"] = _size
    environment.globals["quantity"] = quantity
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    text = template.render(
        facts=facts,
        found=facts.found,
        flow=_diagram(facts),
        columns=_policies(facts),
        plots=[(plot, Markup(plot.svg)) for plot in plots] if plots is not None else None,  # noqa: S704 - matplotlib's
        mask=MASK,
        most_rows=ROWS,
    )
    return text.encode()


def _diagram(facts: Facts) -> Diagram:
    lines = {told.table.name: told.lines for told in facts.tables if told.lines is not None}
    rows = {count.table: count.rows for count in facts.found.tables}
    return diagram(facts.lakehouse, facts.flows, rows | lines)


def _policies(facts: Facts) -> list[str]:
    """Return the policies under which counts are known, the one of the tables first."""
    known = [name for name, counts in facts.known.items() if counts]
    return sorted(known, key=lambda name: (name != facts.found.policy, name))


def _size(number: int | None) -> str:
    """Return a number of bytes in words."""
    if number is None:
        return "–"
    size = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{number:,} bytes" if unit == "bytes" else f"{size:,.1f} {unit}"
