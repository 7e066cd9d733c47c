"""Builds README and docs as a site: ``python docs/build_site.py [FOLDER]``.

The pages lie there as they do in the repository, so that a link leads to the same on both.
A link that leads nowhere fails it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
# What pages link to is among them.
PAGES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "docs"),
    *("configs", "examples", "benchmarks/RESULTS.md"),
)
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "build_site.py", "reference.py", "*.toml")


def build(folder: Path, checkout: Path = CHECKOUT) -> Path:
    """Build the site in a folder, anew if it is there, and return where it is."""
    for part in ("pages", "site"):
        shutil.rmtree(folder / part, ignore_errors=True)
    for name in PAGES:
        there, here = checkout / name, folder / "pages" / name
        here.parent.mkdir(parents=True, exist_ok=True)
        if there.is_dir():
            shutil.copytree(there, here, ignore=_LEFT_OUT)
        else:
            shutil.copy(there, here)
    shutil.copy(checkout / "docs" / "zensical.toml", folder)
    subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=folder, check=True)
    return folder / "site"


if __name__ == "__main__":
    try:
        built = build(Path(*sys.argv[1:]) if sys.argv[1:] else CHECKOUT / "build" / "docs")
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    sys.stdout.write(f"Open {built / 'index.html'}\n")
