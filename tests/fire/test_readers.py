"""Readers beside writers: each sees whole tables, and none is disturbed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small import JOBS, PUBLISHED, STRICT, TABLES

from fire.arena import Arena, build, make_arena
from fire.launcher import Ended, Launcher
from fire.state import stray

COUNTS = " UNION ALL ".join(f"SELECT '{name}' AS t, count(*) AS n FROM {name}" for name in TABLES)


def _query(ended: Ended) -> dict[str, int]:
    return {row["t"]: row["n"] for row in ended.json()}


def _validate(ended: Ended) -> dict[str, int]:
    return {table["table"]: table["rows"] for table in ended.json()["tables"]}


def _preview(ended: Ended) -> dict[str, int]:
    return {"step_trainer_trusted": len(ended.json())}


def _tables(ended: Ended) -> dict[str, int]:
    return {row["table"]: row["rows"] for row in ended.json() if row["table"] in JOBS.values()}


READERS: dict[str, tuple[list[str], Callable[[Ended], dict[str, int]]]] = {
    "query": (["query", COUNTS, "--json"], _query),
    "validate": (["validate", "--json"], _validate),
    "preview": (["preview", "step_trainer_trusted", "--rows", "99", "--json"], _preview),
    "tables": (["tables", "--json"], _tables),
}


@pytest.fixture
def forgetful(launchers: list[Launcher], tmp_path: Path) -> Arena:
    """A built lakehouse that keeps two snapshots, and as many old metadata files."""
    return build(make_arena(launchers[0], tmp_path / "forgetful"))


def assert_whole(counts: dict[str, int]) -> None:
    """Each table is as one of the two policies leaves it."""
    for name, rows in counts.items():
        assert rows in (STRICT[name], PUBLISHED[name]), (name, rows)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_readers_overtaken_anywhere_by_changes_of_policy(forgetful: Arena, reader: str) -> None:
    words, counts = READERS[reader]
    whole = forgetful.run(*words, reads=True)
    assert counts(whole).items() <= STRICT.items()
    # Once the first of them holds off sweeping, nothing is taken from the others either.
    held = [n for n, text in enumerate(whole.changes, start=1) if text.endswith("/readers")]
    first, last = (held or [len(whole.changes)])[0], len(whole.changes)
    for places in (range(1, first + 1), range(first + 1, last + 1, 3)):
        forgetful.restore()
        readers = [forgetful.start(*words, action="stop", at=n, reads=True) for n in places]
        for stopped in readers:
            stopped.until_stopped()
        for policy in ("published", "strict", "published"):
            forgetful.done("jobs", "run", "--all", "--policy", policy)
        for place, stopped in zip(places, readers, strict=True):
            ended = stopped.go_on().end()
            assert ended.code in (0, 3), (whole.changes[place - 1], ended)
            assert_whole(counts(ended))
        forgetful.done("jobs", "run", "--all", "--policy", "published", "--force")
        assert stray(forgetful.root) == set()


def test_a_reader_overtaken_by_removal_is_told(built: Arena) -> None:
    words, _ = READERS["query"]
    whole = built.run(*words, reads=True)
    for at in range(1, len(whole.changes) + 1, 5):
        built.restore()
        started = built.start(*words, action="stop", at=at, reads=True).until_stopped()
        built.done("infra", "down", "--yes")
        ended = started.go_on().end()
        assert ended.code in (0, 1, 2), ended
        assert ended.code == 0 or len(ended.told()) == 2, ended
        assert not built.root.exists()


@pytest.mark.slow
def test_readers_beside_runs(built: Arena) -> None:
    for policy in ("published", "strict", "published"):
        writer = built.start("jobs", "run", "--all", "--policy", policy)
        reading = [(built.start(*words), counts) for words, counts in READERS.values()]
        for started, counts in reading:
            ended = started.end()
            assert ended.code in (0, 3), ended
            assert_whole(counts(ended))
        assert writer.end().code == 0
    built.done("jobs", "run", "--all", "--policy", "published", "--force")
    assert stray(built.root) == set()
    assert built.counts() == PUBLISHED
