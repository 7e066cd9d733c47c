"""The ledger of exports: what was given away is told later, and nothing that was not."""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import Ask, Lake
from small import STRICT

from stedi_cli.lake.exports import ExportEntry

PERSONAL = ["customerName", "email", "phone", "birthDay", "serialNumber"]


@pytest.fixture
def told(ran: Lake, invoke: Ask) -> Ask:
    """A command on a built lake of its own."""
    return lambda *words: invoke("--root", ran.settings.root, *words)


def entries(told: Ask, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = told("history", "--exports", "--json", *words).json()
    return found


def test_an_export_is_in_the_ledger(ran: Lake, told: Ask, workspace: Path) -> None:
    assert entries(told) == []
    assert "Nothing was exported yet" in told("history", "--exports").out
    for table, file in (("customer_trusted", "a.csv"), ("Machine_Learning_Curated", "b.parquet")):
        assert told("export", table, file).code == 0
    second, first = entries(told)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.pop("when"))
    current = ran.states()["customer_trusted"].current
    assert current is not None
    assert first == {
        "command": "export",
        "table": "customer_trusted",
        "snapshot": str(current.id),
        "policy": "strict",
        "file": str(workspace / "a.csv"),
        "rows": STRICT["customer_trusted"],
        "personal": PERSONAL,
    }
    assert (second["table"], second["personal"]) == ("machine_learning_curated", [])
    assert [e["file"] for e in entries(told, "customer_trusted")] == [str(workspace / "a.csv")]
    shown = told("history", "--exports").out
    assert all(text in shown for text in (str(current.id), "a.csv", "b.parquet", "email", "none"))
    assert told("history", "--exports", "nonsense").code == 2


def test_of_a_landing_table_the_files_are_told(ran: Lake, told: Ask) -> None:
    assert told("export", "accelerometer_landing", "a.csv").code == 0
    (entry,) = entries(told)
    made = ran.states()["accelerometer_trusted"].current
    assert made is not None and made.provenance is not None
    assert entry["snapshot"] == made.provenance.inputs["accelerometer_landing"]
    assert (entry["policy"], entry["personal"]) == (None, ["user"])


def test_what_came_to_nothing_is_not_in_it(told: Ask, workspace: Path) -> None:
    (workspace / "is.csv").mkdir()
    for name in ("a.txt", "nowhere/a.csv", "is.csv"):
        assert told("export", "customer_trusted", name, "--force").code in (1, 2)
    assert told("export", "customer_trusted", "a.csv").code == 0
    assert told("export", "customer_trusted", "a.csv").code == 2
    assert len(entries(told)) == 1


def test_where_it_cannot_be_written_nothing_is_exported(
    ran: Lake, told: Ask, workspace: Path, tmp_path: Path
) -> None:
    ran.layout.exports.symlink_to(tmp_path / "elsewhere")
    refused = told("export", "customer_trusted", "a.csv")
    assert (refused.code, refused.out) == (1, "")
    assert "nothing was exported" in refused.err
    assert list(workspace.iterdir()) == []
    assert not (tmp_path / "elsewhere").exists()


def test_who_may_only_read_exports_and_is_told_so(
    ran: Lake, told: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def denied(path: Any, *args: Any, **more: Any) -> int:
        if str(path) == str(ran.layout.exports):
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **more)

    monkeypatch.setattr(os, "open", denied)
    done = told("export", "customer_trusted", "a.csv")
    assert done.code == 0
    assert "in no ledger of exports" in done.err
    assert Path("a.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("broken", [b"{", b"nonsense\n", b"\xff\xfe\n", b"[]\n", b"{}\n", b"1\n"])
def test_what_cannot_be_read_in_it_is_told(ran: Lake, told: Ask, broken: bytes) -> None:
    assert told("export", "customer_trusted", "a.csv").code == 0
    with ran.layout.exports.open("ab") as stream:
        stream.write(broken)
    assert told("export", "customer_trusted", "b.csv").code == 0
    for words in ([], ["--json"]):
        shown = told("history", "--exports", *words)
        assert shown.code == 1
        assert "1 more cannot be read" in shown.err
        assert "a.csv" in shown.out
        assert "b.csv" in shown.out


@pytest.mark.usefixtures("ran")
def test_two_at_once_are_both_in_it(lake: Lake) -> None:
    entry = ExportEntry("t", "export", "customer_trusted", "1", None, "/" + "x" * 9000, 1, ())

    def add() -> None:
        with lake.opened() as opened:
            for _ in range(20):
                assert opened.exports.add(entry)

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with lake.opened() as opened:
        assert opened.exports.read().entries == (entry,) * 40


def test_a_hostile_name_does_nothing_to_a_terminal(told: Ask, workspace: Path) -> None:
    folder = workspace / "a\x1b[31m\u202eb\n<script>"
    folder.mkdir()
    assert told("export", "customer_trusted", folder / "a.csv").code == 0
    assert entries(told)[0]["file"] == str(folder / "a.csv")
    for words in ([], ["--json"]):
        shown = told("history", "--exports", *words).out
        assert "\x1b" not in shown and "\u202e" not in shown


def test_it_goes_with_the_lakehouse_and_stays_with_its_data(ran: Lake, told: Ask) -> None:
    assert told("export", "customer_trusted", "a.csv").code == 0
    kept = ran.layout.exports.read_bytes()
    assert json.loads(kept)["table"] == "customer_trusted"
    assert ran.layout.exports.stat().st_mode & 0o777 == 0o600
    assert told("infra", "down", "--yes", "--keep-data").code == 0
    assert ran.layout.exports.read_bytes() == kept
    gone = told("infra", "down", "--yes", "--json").json()
    assert ["ledger of exports", "removed"] in [[r["kind"], r["state"]] for r in gone]
    assert not ran.settings.root.exists()
    assert Path("a.csv").exists()
