"""The quarantine beside landing files that change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Ask, Lake
from small import C, customer, lines, write_lake

from stedi_cli.errors import BadDataError
from stedi_cli.tables.provenance import Snapshot

GOOD = customer("zoe@x.org", "serial-zoe", C)
BROKEN = lines([{"email": "zoe@x.org", "serialNumber": "serial-zoe"}])


def quarantined(lake: Lake, files: dict[str, bytes], tmp_path: Path, **settings: int) -> Lake:
    lake.upload(write_lake(tmp_path / "more", {"customer_landing": files}))
    again = Lake(lake.settings.root, **settings)
    again.run()
    return again


def shown(lake: Lake, invoke: Ask) -> tuple[list[tuple[str, int, str | None]], str]:
    told = invoke("--root", lake.settings.root, "quarantine", "--show", "--json")
    assert told.code == 0
    return [(r["file"], r["line"], r["content"]) for r in told.json()], told.err


@pytest.mark.slow
@pytest.mark.parametrize("change", ["swap", "rename", "copy", "add", "remove"])
@pytest.mark.parametrize("recorded", [True, False])
def test_no_line_of_files_is_shown_that_changed_since_they_were_judged(
    lake: Lake,
    tmp_path: Path,
    invoke: Ask,
    change: str,
    recorded: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not recorded:  # As older versions wrote it.
        monkeypatch.setattr("stedi_cli.tables.summary._JUDGED", "stedi.unknown")
    files = {"a.json": b"nonsense\n", "b.json": lines([GOOD])}
    quarantined(lake, files, tmp_path, max_bad_rows=1)
    monkeypatch.undo()
    assert shown(lake, invoke)[0] == [("a.json", 1, "nonsense")]
    folder = lake.layout.landing / "customer"
    a, b = folder / "a.json", folder / "b.json"
    if change == "swap":
        a.write_bytes(files["b.json"])
        b.write_bytes(files["a.json"])
    elif change == "rename":
        a.rename(folder / "c.json")
        b.rename(a)
    elif change == "copy":
        a.write_bytes(files["b.json"])
    elif change == "add":
        (folder / "c.json").write_bytes(lines([GOOD]))
    else:
        b.unlink()
    places, told = shown(lake, invoke)
    assert places == [("a.json", 1, None)]
    assert "The landing files of customer_landing changed since the run that judged them." in told
    in_words = invoke("--root", lake.settings.root, "quarantine", "--show")
    assert "zoe@x.org" not in in_words.out
    assert "changed since" in in_words.err
    Lake(lake.settings.root, max_bad_rows=2).run()
    places, told = shown(lake, invoke)
    now = {"swap": ["b.json"], "rename": ["c.json"], "copy": []}.get(change, ["a.json"])
    assert places == [(file, 1, "nonsense") for file in now]
    assert "changed" not in told


@pytest.mark.slow
def test_lines_are_shown_after_a_run_that_stopped_because_of_them(
    lake: Lake, tmp_path: Path, invoke: Ask
) -> None:
    with pytest.raises(BadDataError):
        quarantined(lake, {"a.json": b"nonsense\n"}, tmp_path, max_bad_rows=0)
    assert shown(lake, invoke)[0] == [("a.json", 1, "nonsense")]
    # The same places are bad in other files, which a run stopped at as well.
    path = lake.layout.landing / "customer" / "a.json"
    path.write_bytes(b"rubbish\n")
    assert shown(lake, invoke)[0] == [("a.json", 1, None)]
    with pytest.raises(BadDataError):
        Lake(lake.settings.root, max_bad_rows=0).run()
    assert shown(lake, invoke)[0] == [("a.json", 1, "rubbish")]


@pytest.mark.slow
def test_what_was_judged_is_kept_of_every_landing_table(
    lake: Lake, tmp_path: Path, invoke: Ask
) -> None:
    bad = {"customer_landing": {"a.json": b"x\n"}, "step_trainer_landing": {"a.json": b"y\n"}}
    lake.upload(write_lake(tmp_path / "more", bad))
    Lake(lake.settings.root, max_bad_rows=1).run()
    with lake.opened() as opened:
        landing = opened.landing.states()
        current = opened.tables.states()["quarantine"].current
    assert isinstance(current, Snapshot)
    assert current.judged == {name: landing[name].fingerprint for name in bad}
    told = invoke("--root", lake.settings.root, "quarantine", "--show", "--json")
    assert [record["content"] for record in json.loads(told.out)] == ["x", "y"]


@pytest.mark.slow
@pytest.mark.parametrize("too_many", [b"{}\n" * 9, b""])
def test_places_in_files_of_a_run_that_stopped_are_not_taken_for_those_of_others(
    lake: Lake, tmp_path: Path, too_many: bytes
) -> None:
    good = lines([GOOD])
    before = {"a.json": good * 2 + BROKEN + good * 2, "b.json": good}
    quarantined(lake, before, tmp_path, max_bad_rows=1)
    other = {"a.json": good * 4 + BROKEN, "b.json": good + too_many}
    with pytest.raises(BadDataError):
        quarantined(lake, other, tmp_path, max_bad_rows=0)
    assert ("a.json", 5) in {(row[1], row[2]) for row in lake.rows("quarantine")}
    again = quarantined(lake, before, tmp_path, max_bad_rows=1)
    assert [(row[1], row[2]) for row in again.rows("quarantine")] == [("a.json", 3)]
    assert again.validate().problems == []
