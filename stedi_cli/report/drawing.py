"""What matplotlib draws, as SVG that takes its colours and fonts from the page it stands in."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import StringIO
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What stands for the page's colours while matplotlib draws; it takes no names of variables.
INK, _SOFT = "#010203", "#010204"
"""Of texts and of what is pointed out."""
SERIES = ("#010205", "#010206", "#010207", "#010208")
"""Of series: the first is pale, for what stands behind the others."""
_COLOURS = {INK: "var(--ink)", _SOFT: "var(--line)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(SERIES)
}
# All but those that are referred to: of markers and of what pictures are cut to.
_NAMES = re.compile(r' id="(?!m[0-9a-f]{10}|p[0-9a-f]{10})[^"]*"')
_SIZES = re.compile(r' (?:width="[\d.]+pt"|height="[\d.]+pt"|xmlns:xlink="[^"]*")')
_DIGITS = re.compile(r"(?<=\d)\.(\d{2})\d+")
_WIDTH = 8
_SETTINGS, _BACKEND = "MPLCONFIGDIR", "MPLBACKEND"
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": _SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}


def can_draw() -> bool:
    """Tell whether what draws is installed."""
    return find_spec("matplotlib") is not None


def svg_of(name: str, height: float, draw: Callable[[Figure], object]) -> str:
    """Draw a picture.

    Args:
        name: Its name; the page has an element ``finding-NAME`` that says what is to be seen.
        height: Its height, where it is eight wide.
        draw: Draws it.
    """
    with _alone():
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        with mpl.rc_context():
            # The same whatever the user has set.
            mpl.rcdefaults()
            mpl.rcParams.update({**_STYLE, "svg.hashsalt": name})
            figure = Figure(figsize=(_WIDTH, height), layout="constrained")
            FigureCanvasSVG(figure)
            draw(figure)
            sink = StringIO()
            nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(sink, format="svg", transparent=True, metadata=nothing)
    return _inlined(sink.getvalue(), name)


@contextmanager
def _alone() -> Iterator[None]:
    """Keep matplotlib from the user's home, where it keeps a list of fonts, and from their backend.

    One that it does not know is an error as soon as it is imported.
    """
    if "matplotlib" in sys.modules:
        yield
        return
    with TemporaryDirectory() as folder:
        before = {name: os.environ.pop(name, None) for name in (_SETTINGS, _BACKEND)}
        os.environ[_SETTINGS] = before[_SETTINGS] or folder
        try:
            yield
        finally:
            del os.environ[_SETTINGS]
            os.environ.update({name: value for name, value in before.items() if value is not None})


def _inlined(svg: str, name: str) -> str:
    """Return a picture as it stands in a page, with the page's colours."""
    svg = _SIZES.sub("", _NAMES.sub("", svg[svg.index("<svg") :]))
    for colour, said in _COLOURS.items():
        svg = svg.replace(colour, said)
    svg = svg.replace("xlink:href", "href")
    head = f'<svg role="img" aria-labelledby="finding-{name}"'
    return _DIGITS.sub(r".\1", svg.replace("<svg", head, 1)).strip()
