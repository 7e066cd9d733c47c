"""Pictures as SVG, PNG and HTML: no request but their own, and the same bytes on every machine."""

from __future__ import annotations

import re
from functools import cache
from html import escape, unescape
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from stedi_cli.errors import StediError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from stedi_cli.cli.picture import Picture

FONT = Path(__file__).parent / "fonts" / "DejaVuSansMono.ttf"
# Width of a character of that font, by its height.
_ASPECT = 0.602
_WIDEST_CELL = 40
_WIDEST = 240
_NARROWEST = 60
# Beyond this a heading wider than its column is broken between its words.
_WIDE = 120
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z_]+_?|_")
_TAG = re.compile(r'textLength="[^"]*"([^>]*)>([^<]*)<')
# As Rich's own, without a web font and without a window's frame.
_SVG = """<svg viewBox="0 0 {{width}} {{height}}" width="{{width}}" height="{{height}}" role="img"\
 xmlns="http://www.w3.org/2000/svg">
<title>{title}</title>
<style>
.{{unique_id}}-matrix {{{{
  font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {{char_height}}px;
}}}}
{{styles}}
</style>
<defs>
<clipPath id="{{unique_id}}-clip-terminal">\
<rect x="0" y="0" width="{{terminal_width}}" height="{{terminal_height}}"/></clipPath>
{{lines}}
</defs>
<rect width="100%" height="100%" fill="#ffffff"/>
<g transform="translate({{terminal_x}}, 16)" clip-path="url(#{{unique_id}}-clip-terminal)">
{{backgrounds}}
<g class="{{unique_id}}-matrix">
{{matrix}}
</g>
</g>
</svg>
"""
_HTML = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem; }}
h1 {{ font-size: 1.3rem; }}
.rows {{ overflow-x: auto; }}
table {{ border-collapse: collapse;\
 font: 13px/1.5 "DejaVu Sans Mono", Menlo, Consolas, monospace; }}
caption {{ text-align: left; padding-bottom: .5rem; }}
th, td {{ text-align: left; padding: .15rem .7rem; border-bottom: 1px solid #8886;\
 white-space: pre; unicode-bidi: isolate; }}
.n {{ text-align: right; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<div class="rows" tabindex="0" role="region" aria-label="Rows">
<table>
<caption><code>{sql}</code></caption>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
<ul>
{facts}
</ul>
</main>
</body>
</html>
"""


def drawn(picture: Picture, file: Path) -> bytes:
    """Return a picture as the ending of a file's name says."""
    suffix = file.suffix.lower()
    if suffix == ".html":
        return _html(picture).encode()
    svg = _svg(picture)
    return svg.encode() if suffix == ".svg" else _png(svg)


def has_png() -> bool:
    """Tell whether what draws PNG is installed."""
    return find_spec("resvg_py") is not None


def refuse_without_png() -> None:
    """Raise UsageError where what draws PNG is not installed."""
    if not has_png():
        raise UsageError(
            "What draws PNG is not installed: `pip install 'stedi[pictures]'`.",
            hint="Or name a file that ends in .svg or .html.",
        )


def _html(picture: Picture) -> str:
    kinds = [' class="n"' if numeric else "" for numeric in picture.numeric]
    heads = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>'
        for name, kind in zip(picture.columns, kinds, strict=True)
    )
    rows = "\n".join(
        "<tr>"
        + "".join(f"<td{k}>{escape(v)}</td>" for v, k in zip(row, kinds, strict=True))
        + "</tr>"
        for row in picture.rows
    )
    facts = "\n".join(f"<li>{escape(fact)}</li>" for fact in picture.facts)
    return _HTML.format(
        title=escape(picture.title), sql=escape(picture.sql), heads=heads, rows=rows, facts=facts
    )


def _svg(picture: Picture) -> str:
    from rich.cells import cell_len
    from rich.terminal_theme import TerminalTheme

    console = _console(picture)
    ink = (31, 35, 40)
    theme = TerminalTheme((255, 255, 255), ink, [ink] * 8)
    title = escape(picture.title).replace("{", "{{").replace("}", "}}")
    text = console.export_svg(
        title="",
        theme=theme,
        code_format=_SVG.format(title=title),
        font_aspect_ratio=_ASPECT,
        unique_id="stedi",
    )
    unit = 20 * _ASPECT

    def fitted(found: re.Match[str]) -> str:
        # Rich counts characters, of which some are two cells wide.
        length = cell_len(unescape(found[2])) * unit
        return f'textLength="{length:g}"{found[1]}>{found[2]}<'

    return _TAG.sub(fitted, text)


def _console(picture: Picture) -> Console:
    """Return a console that a picture was printed to, as wide as it needs."""
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    grid = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        header_style="#0b57a4",
        border_style="#8c959f",
    )
    for place, (name, numeric) in enumerate(zip(picture.columns, picture.numeric, strict=True)):
        cells = [row[place] for row in picture.rows]
        grid.add_column(
            Text(_heading(name, cells, wide=_is_wide(picture))),
            justify="right" if numeric else "left",
            overflow="fold",
            max_width=_WIDEST_CELL,
            vertical="top",
        )
    for row in picture.rows:
        grid.add_row(*map(Text, row))
    console = Console(
        record=True,
        width=_WIDEST,
        # With a height too no variable of the environment, such as TERM=dumb, has a say.
        height=1,
        file=StringIO(),
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
        legacy_windows=False,
        emoji=False,
        markup=False,
        highlight=False,
    )
    lines = [Text(picture.sql), *(Text(fact, style="#57606a") for fact in picture.facts)]
    parts: list[Table | Text] = [grid, *lines]
    needed = [Measurement.get(console, console.options, part).maximum for part in parts]
    console.width = min(_WIDEST, max(_NARROWEST, *needed))
    console.print(Text(picture.sql, overflow="fold"), "", grid, "", sep="\n")
    for line in lines[1:]:
        line.overflow = "fold"
        console.print(line)
    return console


@cache
def _is_wide(picture: Picture) -> bool:
    widths = [
        max(map(len, (name, *(row[place] for row in picture.rows))))
        for place, name in enumerate(picture.columns)
    ]
    return sum(width + 2 for width in widths) > _WIDE


def _heading(name: str, cells: list[str], *, wide: bool) -> str:
    """Return a column's name, in a wide table broken between its words to its cells' width."""
    most = max([8, *map(len, cells)])
    if not wide or len(name) <= most:
        return name
    lines = [""]
    for word in _WORD.findall(name):
        if lines[-1] and len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


def _png(svg: str) -> bytes:
    import resvg_py

    try:
        # No font of the machine's: with one the picture would depend on it.
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg,
                skip_system_fonts=True,
                font_files=[str(FONT)],
                font_family="DejaVu Sans Mono",
                monospace_family="DejaVu Sans Mono",
            )
        )
    except ValueError as error:
        raise StediError(
            f"The picture cannot be drawn: {error}.", hint="Show fewer rows, with -n."
        ) from error
