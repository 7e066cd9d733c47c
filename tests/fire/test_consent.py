"""SIGKILL while somebody withdraws: the next run carries it out, or nothing was recorded yet."""

from __future__ import annotations

from pathlib import Path

from fire.arena import Arena
from fire.state import State, read
from stedi_cli.privacy.people import Person
from stedi_cli.privacy.scan import scan
from stedi_cli.privacy.tree import Tree

BOB = "bob@x.org"
STRIDE = 29


def _is_left(root: Path) -> bool:
    found = scan(Tree(str(root)), [Person(BOB)], allowed=["landing", "typed"])
    assert not found.unread
    return bool(found.wrong)


def _built(state: State) -> dict[str, object]:
    return {name: rows for name, rows in state.tables.items() if not name.endswith("_typed")}


def test_a_withdrawal_that_is_killed(built: Arena, tmp_path: Path) -> None:
    people = tmp_path / "people.txt"
    people.write_text(BOB)
    words = ("consent", "revoke", "--file", people)
    before = read(built.root)
    whole = built.done(*words)
    after = read(built.root)
    assert not _is_left(built.root)
    # The first file that is moved into its place is the withdrawal.
    landed = next(n for n, done in enumerate(whole.changes, 1) if done.startswith("os.rename"))
    places = {landed, landed + 1, *range(1, len(whole.changes) + 1, STRIDE)}
    for at in sorted(places):
        built.restore()
        assert built.run(*words, action="kill", at=at).killed
        recorded = len(read(built.root).landing) > len(before.landing)
        assert recorded == (at > landed), whole.changes[at - 1]
        built.done("jobs", "run", "--all")
        assert _built(read(built.root)) == _built(after if recorded else before)
        assert _is_left(built.root) != recorded
        built.done(*words)
        assert _built(read(built.root)) == _built(after)
        assert not _is_left(built.root)
