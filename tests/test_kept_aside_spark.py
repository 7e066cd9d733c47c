"""What a run on Spark had read before it stopped is not read again, whichever engine goes on."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import PROJECT, Lake
from small import C, lines, motion
from test_typed_copies import (
    ALL,
    COPY,
    as_if_never_stopped,
    kept_aside,
    put,
    read,
    remove,
)
from test_typed_copies_spark import run

from stedi_cli.errors import BadDataError, StediError
from stedi_cli.project.folder import copy_out

pytestmark = [pytest.mark.spark, pytest.mark.slow]
__all__ = ["read"]
NOTED = """

def noting(self, reading, files, look=LandingFiles.look):
    with open({place!r}, "a") as stream:
        stream.writelines(f"{{self.folder.rpartition('/')[2]}}/{{file}}\\n" for file in files)
    return look(self, reading, files)

LandingFiles.look = noting
"""
"""What the script is given beside, so that it says which landing files it reads."""


class Noted:
    """A lake whose runs on Spark say which landing files they read."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.lake = lake
        self.project = folder / "project"
        self._place = folder / "noted.txt"
        copy_out(PROJECT, self.project)
        self.script("landing_reading.py", NOTED.format(place=str(self._place)))

    def script(self, name: str, more: str) -> None:
        """Add something to a module of the script."""
        with (self.project / "jobs" / name).open("a") as stream:
            stream.write(more)

    def at(self, most: int) -> Lake:
        """The lake with a limit."""
        return Lake(self.lake.settings.root, project=self.project, max_bad_rows=most)

    def read(self) -> set[str]:
        """The landing files that were read since this was asked before."""
        found = self._place.read_text().splitlines() if self._place.exists() else []
        self._place.unlink(missing_ok=True)
        assert len(found) == len(set(found))
        return set(found)


@pytest.fixture
def noted(lake: Lake, tmp_path: Path) -> Noted:
    put(lake, tmp_path, "bad.json", lines([motion("ann@x.org", C + 77)]) + b"{}\nnonsense\n")
    put(lake, tmp_path, "good.json", [motion("ann@x.org", C + 78, x=0.0)])
    return Noted(lake, tmp_path)


def stop(noted: Noted) -> None:
    with pytest.raises(BadDataError, match=r"2 of 12 lines"):
        run(noted.at(0))


def test_a_raised_limit_commits_what_was_read(noted: Noted, tmp_path: Path) -> None:
    lake, who = noted.lake, b"nobody-else@x.org"
    put(lake, tmp_path, "worse.json", b'{"user":"%b"}\n' % who)
    for again in (ALL | {"accelerometer/worse.json"}, set()):
        with pytest.raises(BadDataError, match=r"3 of 13 lines"):
            run(noted.at(0))
        assert noted.read() == again
        assert kept_aside(lake) == [".kept"] * 3 + [".parquet"] * 3
        assert COPY not in lake.states()
    kept = list(lake.layout.aside.iterdir())
    assert {path.stat().st_mode & 0o077 for path in kept} == {0}
    # What can be made out of lines that cannot be used stands elsewhere alone.
    assert not any(who in path.read_bytes() for path in kept)
    texts = [pq.read_table(path, partitioning=None) for path in kept if path.suffix == ".parquet"]
    assert not any(who.decode() in str(table.to_pylist()) for table in texts)
    assert who.decode() in str(lake.rows("held_back"))
    run(noted.at(9))
    assert noted.read() == set()
    as_if_never_stopped(noted.at(9), tmp_path)


def test_what_is_no_longer_what_was_read_is_read_again(noted: Noted, tmp_path: Path) -> None:
    lake, aside = noted.lake, noted.lake.layout.aside
    remove(lake, "good.json")
    put(lake, tmp_path, "goes.json", [motion("ann@x.org", C + 78, x=0.25)])
    stop(noted)
    assert noted.read() == ALL - {"accelerometer/good.json"} | {"accelerometer/goes.json"}
    remove(lake, "goes.json")
    (lake.layout.landing / "accelerometer" / "bad.json").write_bytes(b"[]\nnonsense\n{}\n")
    put(lake, tmp_path, "more.json", [motion("ann@x.org", C + 79)])
    record = aside / "step_trainer_landing.kept"
    record.write_bytes(record.read_bytes()[:-1])
    name = (aside / "customer_landing.kept").read_text().partition('"data":{"')[2]
    rows = aside / name.partition('"')[0]
    content = bytearray(rows.read_bytes())
    content[len(content) // 2] ^= 1
    rows.write_bytes(content)
    run(noted.at(9))
    again = {"accelerometer/bad.json", "accelerometer/more.json"}
    assert noted.read() == again | {"customer/c.json", "step_trainer/s.json"}
    as_if_never_stopped(noted.at(9), tmp_path)


def test_engines_take_what_the_other_kept(noted: Noted, tmp_path: Path, read: list[str]) -> None:
    lake = noted.lake
    stop(noted)
    assert noted.read() == ALL
    noted.at(9).run()
    assert read == []
    as_if_never_stopped(noted.at(9), tmp_path)
    put(lake, tmp_path, "worse.json", lines([motion("ann@x.org", C + 80)]) + b"[]\n")
    with pytest.raises(BadDataError, match=r"3 of 14 lines"):
        noted.at(2).run()
    assert kept_aside(lake) == [".kept", ".parquet"]
    run(noted.at(9))
    assert noted.read() == set()
    assert kept_aside(lake) == []
    assert sorted(row[1:3] for row in lake.rows("quarantine")) == [
        ("bad.json", 2),
        ("bad.json", 3),
        ("worse.json", 2),
    ]
    assert noted.at(9).validate().problems == []


def test_reread_reads_what_is_kept_aside(noted: Noted, tmp_path: Path) -> None:
    stop(noted)
    noted.read()
    run(noted.at(9), reread=True)
    assert noted.read() == ALL
    as_if_never_stopped(noted.at(9), tmp_path)


DIES = "\n\ndef die(*_, **__):\n    raise SystemExit\n\n"


@pytest.mark.parametrize(
    ("module", "dies", "again"),
    [
        # What is in the tables of unusable lines is not known yet.
        ("landing_quarantine.py", "Quarantine.replace = die\n", {"accelerometer/bad.json"}),
        ("typed_landing.py", "TypedLanding.commit = die\n", set()),
        ("landing_aside.py", "KeptAside.note = die\n", ALL),
        ("landing_aside.py", "KeptAside.drop = die\n", set()),
    ],
)
def test_a_run_that_dies_leaves_nothing_half(
    noted: Noted, tmp_path: Path, module: str, dies: str, again: set[str]
) -> None:
    script = noted.project / "jobs" / module
    whole = script.read_text()
    noted.script(module, DIES + dies)
    with pytest.raises(StediError, match="failed on Spark"):
        run(noted.at(9))
    assert noted.read()
    script.write_text(whole)
    run(noted.at(9))
    assert noted.read() == again
    as_if_never_stopped(noted.at(9), tmp_path)
