"""``python -m benchmarks``: measure, and write RESULTS.md."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.process import CHECKOUT, Failed
from benchmarks.questions import QUESTIONS
from benchmarks.report import Section, document
from benchmarks.turns import say
from benchmarks.workshop import Workshop

_OPT_IN = "thousand"
_RESULTS = CHECKOUT / "benchmarks" / "RESULTS.md"
_DBT = Path(sys.prefix) / "dbt" / "bin" / "python"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for, and return the exit code."""
    given = _parser().parse_args(arguments)
    names = given.only or [n for n in QUESTIONS if n != _OPT_IN]
    if given.thousand and _OPT_IN not in names:
        names.append(_OPT_IN)
    # So that the folder is removed, and no contender goes on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started, load = time.monotonic(), os.getloadavg()[0]
    with _folder(given.work) as work:
        workshop = Workshop(work, given.runs, given.scale, _usable(given.dbt))
        try:
            sections = list(_measure(workshop, names))
        except Failed as failure:
            say(f"Error: {failure}")
            return 1
        except KeyboardInterrupt:
            say("Interrupted; nothing is written.")
            return 130
        machine = describe(work, workshop.dbt, load)
    given.out.write_text(document(sections, machine), encoding="utf-8")
    say(f"Written to {given.out}, after {(time.monotonic() - started) / 60:.1f} minutes.")
    return 0


def _measure(workshop: Workshop, names: list[str]) -> Iterator[Section]:
    for name in names:
        say(f"== {name}")
        for section in QUESTIONS[name](workshop):
            for judgement in section.judgements:
                say("  " + " | ".join(judgement.row()))
            yield section


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--scale", type=_scales, default=[1, 10, 100], help="sizes [default: 1,10,100]"
    )
    parser.add_argument(
        "--only", action="append", choices=list(QUESTIONS), help="one question; may be repeated"
    )
    parser.add_argument("--runs", type=int, default=5, help="runs that count [default: 5]")
    parser.add_argument("--thousand", action="store_true", help="1,000x too: 11 GB, takes long")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="the file to write")
    parser.add_argument(
        "--work", type=Path, help="work here and leave it [default: a temporary folder]"
    )
    parser.add_argument(
        "--dbt",
        type=Path,
        default=_DBT,
        help="Python with dbt [default: dbt/bin/python in this environment]",
    )
    return parser


def _scales(text: str) -> list[int]:
    return sorted({int(part) for part in text.split(",")})


def _usable(dbt: Path) -> Path | None:
    if not dbt.is_file():
        say(f"There is no {dbt}: dbt-duckdb is left out.")
        return None
    return dbt.absolute()


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    """The folder to work in, removed at the end unless it was named."""
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted.resolve()
        return
    around = os.environ.get("STEDI_BENCH_DIR")
    with tempfile.TemporaryDirectory(prefix="stedi-bench-", dir=around) as folder:
        yield Path(folder).resolve()


if __name__ == "__main__":
    sys.exit(main())
