"""The report of an account that is none: the same as of this machine, and what it costs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Ask, Lake
from page import read
from small import write_lake

from aws.places import CONFIG

pytestmark = [pytest.mark.aws, pytest.mark.slow, pytest.mark.usefixtures("glue", "athena")]


def test_it_is_the_same_as_here(invoke: Ask, tmp_path: Path) -> None:
    data = write_lake(tmp_path / "data")
    for words in (["infra", "up", "--data", data], ["jobs", "run", "--all"]):
        told = invoke("--config", CONFIG, *words)
        assert told.code == 0, told.err
    local = Lake(tmp_path / "local").up()
    local.upload(data)
    local.run()
    there = invoke("--config", CONFIG, "report", "--out", "there.html")
    here = invoke("--root", local.settings.root, "report", "--out", "here.html")
    assert there.code == here.code == 0, there.err
    assert there.out == here.out.replace("here.html", "there.html")
    # What it will cost is said before anything is asked, and what it cost at the end.
    lines = there.err.splitlines()
    assert re.fullmatch(
        r"Up to \d+ queries: .* USD where each scans little, .* at most\.", lines[1]
    )
    assert re.search(r"scanned .* USD", lines[-1])
    assert "USD" not in here.err
    one, other = read("there.html"), read("here.html")
    ours = {name for name in one.tables if not name.startswith(("Snapshots of", "Runs that made"))}
    paid = [name for name in ours if name.startswith("Latest runs in the account")]
    for caption in ours - set(paid):
        assert one.tables[caption] == other.tables[caption], caption
    findings = [
        re.findall(r"<figcaption id.*", Path(f).read_text()) for f in ("there.html", "here.html")
    ]
    assert findings[0] == findings[1] != []
    runs = one.table("Latest runs in the account")
    assert {run["state"] for run in runs} == {"SUCCEEDED"}
    assert all(float(run["USD"]) > 0 for run in runs)
