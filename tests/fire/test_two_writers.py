"""Two processes that change one lakehouse at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from small import JOBS, STRICT, TYPED

from fire.arena import Arena
from fire.launcher import Started
from fire.state import listing, read, stray

WRITERS = ["jobs run --all --force", "upload {data} --replace", "infra up --data {data}"]
WRITERS += ["infra down --yes", "jobs run --all --policy published"]


@pytest.fixture
def busy(built: Arena) -> Iterator[Started]:
    """A run that has stopped in the middle of its third job."""
    started = built.stopped("jobs run --all --force", "fire.copy", at=3)
    yield started
    with suppress(ProcessLookupError):
        started.kill().end()


def _waiting(arena: Arena, words: str) -> Started:
    """A command that has tried for the lock twice, and has stopped before it tries again."""
    return arena.stopped(f"{words} --wait", f"open {arena.root}/lock", at=3)


@pytest.mark.parametrize("words", WRITERS)
def test_the_second_is_refused_and_told_the_firsts_process(
    built: Arena, busy: Started, words: str
) -> None:
    before = read(built.root)
    ended = built.run(*words.format(data=built.data).split())
    assert ended.code == 1
    error, hint = ended.told()
    assert error == f"Error: Another process, {busy.pid}, is changing {built.root}."
    assert hint.startswith("Hint: Let it finish, ")
    assert read(built.root) == before
    assert busy.go_on().end().code == 0
    assert built.counts() == STRICT
    assert stray(built.root) == set()


def test_nothing_to_do_needs_no_lock(built: Arena) -> None:
    holder = built.stopped(f"upload {built.data}", "open", at=2)
    try:
        ended = built.done("jobs", "run", "--all", "--json")
        assert {job["status"] for job in ended.json()["jobs"]} == {"unchanged"}
    finally:
        assert holder.go_on().end().code == 0


@pytest.mark.parametrize("words", ["jobs run --all --force", "upload {data}"])
def test_the_second_waits_if_asked_to(built: Arena, busy: Started, words: str) -> None:
    second = _waiting(built, words.format(data=built.data))
    assert busy.go_on().end().code == 0
    ended = second.go_on().end()
    assert ended.code == 0, ended
    assert built.counts() == STRICT
    assert stray(built.root) == set()


@pytest.mark.parametrize("words", ["jobs run --all", "upload {data}", "infra up --data {data}"])
def test_a_lock_of_a_dead_process_is_recognised(built: Arena, busy: Started, words: str) -> None:
    busy.kill().end()
    assert (built.root / "lock").read_text() == str(busy.pid)
    assert (built.root / "journal.json").exists()
    told = built.run("doctor", "--json")
    assert told.code == 1
    ended = built.done(*words.format(data=built.data).split())
    assert ended.told() == []
    # Of what the dead one built others are made.
    built.done("jobs", "run", "--all")
    assert built.counts() == STRICT
    assert stray(built.root) == set()
    assert built.run("doctor").code == 0


@pytest.mark.parametrize("foreign", [True, False])
def test_a_lakehouse_that_is_removed_while_another_waits(built: Arena, foreign: bool) -> None:
    if foreign:
        (built.root / "mine.txt").write_bytes(b"mine")
    first = built.stopped("infra down --yes", "os.remove")
    second = _waiting(built, f"upload {built.data}")
    assert first.go_on().end().code == 0
    ended = second.go_on().end()
    assert ended.code == 1
    error, hint = ended.told()
    assert error.startswith(f"Error: There is no lakehouse in {built.root}")
    assert "infra up" in hint
    assert built.root.exists() == foreign
    if foreign:
        assert listing(built.root) == {"mine.txt": b"mine"}


def test_a_lakehouse_made_while_another_is_being_removed_stays(built: Arena) -> None:
    first = built.stopped("infra down --yes", f"os.rmdir {built.root}", at=_last_rmdir(built))
    assert not (built.root / "lock").exists()
    built.done("infra", "up", "--data", built.data)
    built.done("jobs", "run", "--all")
    assert first.go_on().end().code == 0
    assert built.counts() == STRICT
    assert stray(built.root) == set()


def _last_rmdir(arena: Arena) -> int:
    """Which of the folders that `infra down` removes is the root."""
    ended = arena.run("infra", "down", "--yes", match=f"os.rmdir {arena.root}")
    assert ended.changes[-1] == f"os.rmdir {arena.root}"
    arena.restore()
    return len(ended.changes)


def test_many_at_once(built: Arena) -> None:
    words = ["jobs run --all --force --wait", f"upload {built.data} --wait"] * 3
    started = [built.start(*one.split()) for one in words]
    assert [one.end().code for one in started] == [0] * len(words)
    assert built.counts() == STRICT
    assert stray(built.root) == set()
    assert len(read(built.root).tables) == len(JOBS) + len(TYPED)
