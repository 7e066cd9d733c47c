"""One command of the product under cProfile: ``python -m benchmarks.profiled MODULES FILE …``.

MODULES is a JSON list of what the command imports, which is imported before. FILE takes the
product's costliest functions as JSON.
"""

from __future__ import annotations

import cProfile
import gc
import importlib
import json
import pstats
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_SHOWN = 16
_OWN = "stedi_cli/"
_PACKAGES = {"duckdb", "pyarrow", "pydantic", "pyiceberg", "rich", "stedi_cli", "typer", "yaml"}


def main(modules: Path, file: Path, arguments: list[str]) -> None:
    """Run the command and write its profile."""
    # As the console script does.
    gc.disable()
    for module in json.loads(modules.read_text()):
        if module.split(".")[0] in _PACKAGES:
            with suppress(ImportError):
                importlib.import_module(module)
    from stedi_cli.cli.app import app

    profile = cProfile.Profile()
    sys.argv = ["stedi", *arguments]
    try:
        profile.runcall(app)
    except SystemExit as end:
        if end.code:
            raise
    file.write_text(json.dumps(_costliest(pstats.Stats(profile))))


def _costliest(stats: Any) -> list[tuple[str, int, float]]:
    """Return name, calls and seconds of the product's functions, with what they call."""
    found = [
        (f"{path.split(_OWN)[-1]}: {name}", calls[1], calls[3])
        for (path, _, name), calls in stats.stats.items()
        if _OWN in path and name != "<module>" and not path.split(_OWN)[-1].startswith("cli/")
    ]
    return sorted(found, key=lambda row: -row[2])[:_SHOWN]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
