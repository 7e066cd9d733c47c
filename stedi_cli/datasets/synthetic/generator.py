"""Writes a synthetic data set and its expected counts: whole, or not at all.

Blocks of customers are built in several processes. Where serial numbers are shared, a first round
over all blocks finds out who holds which, since owners may be in any block.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

from stedi_cli.datasets.synthetic.block import Built, build_block, survey_block
from stedi_cli.datasets.synthetic.holdings import Holdings, merged
from stedi_cli.datasets.synthetic.lines import FIELDS
from stedi_cli.datasets.synthetic.request import Request
from stedi_cli.datasets.synthetic.tally import TABLES, Tally
from stedi_cli.errors import UsageError
from stedi_cli.landing.row_sum import said
from stedi_cli.project.folder import resolved

_WORTH_PROCESSES = 4000

_HEADER = """\
# What the tables hold once the jobs have run on these files, by policy. The generator added it up
# while it wrote them; no job, and no SQL, had a part in it.
"""


@dataclass(frozen=True)
class Truth:
    """What a synthetic data set holds, and what the lakehouse must make of it.

    Args:
        counts: Rows of each of the eight tables, by policy.
        quarantine: Unusable lines by landing table and reason.
        nobody: Usable step readings that belong to nobody by the strict rules.
        held_back: People of whom an unusable line may be a withdrawal.
        unreadable: Unusable lines of customers that do not say whose they are, or which device's.
        files: SHA-256 of each landing file, by its path in the data set.
        size: Bytes in the landing files.
        sums: The sum over the rows of each landing table.
    """

    counts: dict[str, dict[str, int]]
    quarantine: dict[str, dict[str, int]]
    nobody: int
    held_back: int
    unreadable: int
    files: dict[str, str]
    size: int
    sums: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {
            "counts": self.counts,
            "quarantine": self.quarantine,
            "nobody": self.nobody,
            "held_back": self.held_back,
            "unreadable": self.unreadable,
        }


def generate(
    directory: Path,
    request: Request,
    *,
    processes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    now: Callable[[str], None] = lambda what: None,
) -> Truth:
    """Write a data set of the public data's shape, and ``expected.yaml`` beside it.

    The same request gives the same bytes, however many processes there are.

    Args:
        directory: Where to; must not exist yet, or be empty.
        request: What data.
        processes: How many processes to build with; by default one for each processor. More than
            one need a main module that can be imported.
        progress: Called with the number of customers written so far, and of all.
        now: Takes what is done right now, in a few words.

    Returns:
        The truth about the data set, which ``expected.yaml`` holds too.

    Raises:
        UsageError: If the directory holds something.
    """
    with _published_whole(directory) as staging, _pool(request, processes) as pool:
        tally, files, size, done = Tally(), dict[str, str](), 0, 0
        for built in _built(request, staging, pool, now):
            tally.add(built.tally)
            files |= built.files
            size += built.size
            done += built.customers
            if progress is not None:
                progress(done, request.customers)
        now("Adding up counts")
        truth = _truth(request, tally, files, size)
        _write_expected(staging / "expected.yaml", request, truth)
    return truth


def _built(
    request: Request, staging: Path, pool: ProcessPoolExecutor | None, now: Callable[[str], None]
) -> Iterator[Built]:
    for folder in FIELDS:
        (staging / folder / "landing").mkdir(parents=True)
    run = map if pool is None else pool.map
    blocks = request.blocks
    elsewhere: Iterable[Holdings | None] = repeat(None)
    if request.shared_serials:
        now("Sharing serial numbers")
        parts = list(run(survey_block, repeat(request), blocks))
        whole = merged(parts)
        elsewhere = [{serial: whole[serial] for serial in part} for part in parts]
    now("Writing customers")
    numbers = range(1, len(blocks) + 1)
    yield from run(build_block, repeat(request), numbers, elsewhere, repeat(staging))


def _truth(request: Request, tally: Tally, files: dict[str, str], size: int) -> Truth:
    quarantine: dict[str, dict[str, int]] = {}
    for (table, reason), lines in sorted(tally.quarantine.items()):
        quarantine.setdefault(table, {})[reason] = lines
    counts = {
        policy: {table: rows[table] for table in TABLES}
        for policy, rows in (("strict", tally.strict), ("published", tally.published))
    }
    sums = {table: said(total) for table, total in sorted(tally.sums.items())}
    doubts = (tally.nobody, tally.held_back, request.unreadable)
    return Truth(counts, quarantine, *doubts, dict(sorted(files.items())), size, sums)


def _write_expected(path: Path, request: Request, truth: Truth) -> None:
    import yaml

    content: dict[str, object] = {
        "source": f"Synthetic data, {request.described()}",
        "files": truth.files,
        "sums": truth.sums,
        "counts": truth.counts,
    }
    if truth.quarantine:
        content["quarantine"] = truth.quarantine
    for name in ("nobody", "held_back", "unreadable"):
        if number := getattr(truth, name):
            content[name] = number
    text = yaml.safe_dump(content, sort_keys=False, width=200)
    path.write_text(_HEADER + text, encoding="utf-8", newline="\n")


@contextmanager
def _published_whole(directory: Path) -> Iterator[Path]:
    """A directory to write to, which becomes the wanted one if nothing goes wrong."""
    target = resolved(directory)
    if target.exists() and not target.is_dir():
        raise UsageError(f"{directory} is not a folder.", hint="Name a new folder.")
    if target.is_dir() and any(target.iterdir()):
        raise UsageError(
            f"{directory} is not empty.", hint="Name a new folder, or empty this one first."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    # In the same file system, so that the last step is a rename.
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        staging = aside / "data"
        staging.mkdir()
        yield staging
        if target.is_dir():
            target.rmdir()
        staging.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _pool(request: Request, processes: int | None) -> Iterator[ProcessPoolExecutor | None]:
    """Processes to build in, or none where a data set is too small to be worth them."""
    if processes is None:
        processes = _processors() if request.customers >= _WORTH_PROCESSES else 1
    if processes <= 1:
        yield None
        return
    pool = ProcessPoolExecutor(
        min(processes, len(request.blocks)),
        # Not by forking: the caller may have threads, such as one that draws progress.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_live_with_parent,
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _live_with_parent() -> None:
    """Leave interrupts to the parent process, and do not outlive it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
