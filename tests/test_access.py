"""Who may read a lakehouse: its owner, whoever writes a part of it and whatever the umask is."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Lake, Result, mostly_slow
from small import BROKEN, STRICT, write_lake

from stedi_cli.lake.records import RunOptions
from stedi_cli.runs.pipeline import Pipeline

Invoke = Callable[..., Result]
OWNER, GROUP = (0o700, 0o600), (0o750, 0o640)


def modes(root: Path) -> dict[Path, int]:
    return {p: stat.S_IMODE(p.lstat().st_mode) for p in [root, *root.rglob("*")]}


def assert_modes(root: Path, wanted: tuple[int, int]) -> None:
    """All folders and files have these permissions; there is some of every kind."""
    found = modes(root)
    wrong = {p: oct(m) for p, m in found.items() if m != wanted[0 if p.is_dir() else 1]}
    assert wrong == {}
    names = {path.name for path in found}
    assert {"catalog.db", "stedi.json", "lock", "landing-index.json"} <= names
    assert {path.suffix for path in found} >= {".parquet", ".avro", ".json", ".db"}


@pytest.fixture(params=mostly_slow([0o022, 0o077, 0o000, 0o002]))
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The user's own umask."""
    before = os.umask(request.param)
    yield request.param
    assert os.umask(before) == request.param


def used(lake: Lake, folder: Path) -> Lake:
    """A lakehouse that was made, filled, built twice, asked and looked at."""
    lake.up()
    lake.upload(write_lake(folder / "data"))
    lake.upload(write_lake(folder / "bad", {"customer_landing": {"bad.json": BROKEN}}))
    lake.run()
    lake.run(force=True)
    assert len(lake.rows("quarantine")) == 1
    assert lake.validate().ok
    with lake.opened() as opened:
        list(opened.diagnose())
    return lake


@pytest.mark.slow
@pytest.mark.parametrize(("access", "wanted"), [("owner", OWNER), ("group", GROUP)])
def test_everything_is_made_for_whom_it_is_meant(
    tmp_path: Path, umask: int, access: str, wanted: tuple[int, int]
) -> None:
    lake = used(Lake(tmp_path / "a" / "lake", max_bad_rows=1, access=access), tmp_path)
    assert_modes(lake.settings.root, wanted)


@pytest.mark.slow
def test_a_folder_that_is_there_becomes_the_owners(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    root.mkdir()
    root.chmod(0o755)
    assert_modes(used(Lake(root, max_bad_rows=1), tmp_path).settings.root, OWNER)


@pytest.mark.parametrize(
    ("before", "access", "after"),
    [
        (0o2770, "group", 0o2750),
        (0o2777, "owner", 0o2700),
        (0o3755, "group", 0o3750),
        (0o700, "group", 0o700),
        (0o1777, "group", 0o1750),
    ],
)
def test_a_folder_that_is_there_only_loses_permissions(
    tmp_path: Path, before: int, access: str, after: int
) -> None:
    root = tmp_path / "lake"
    root.mkdir()
    root.chmod(before)
    Lake(root, access=access).up()
    assert stat.S_IMODE(root.stat().st_mode) == after
    # Whatever is in it gets the folder's group where the folder hands that on.
    handed = [stat.S_IMODE(p.stat().st_mode) & 0o2000 for p in root.rglob("*") if p.is_dir()]
    assert set(handed) == {before & 0o2000}


@pytest.mark.slow
def test_the_command_does_as_configured(workspace: Path, invoke: Invoke, tmp_path: Path) -> None:
    data = write_lake(tmp_path / "data")
    project = tmp_path / "project"
    assert invoke("init", project).code == 0
    config = project / "configs" / "local.yaml"
    config.write_text(config.read_text().replace("\naccess: owner\n", "\naccess: group\n"))
    for options, wanted in ([], OWNER), (["--config", config], GROUP):
        root = workspace / oct(wanted[0])
        assert invoke("--root", root, *options, "infra", "up", "--data", data).code == 0
        assert invoke("--root", root, *options, "jobs", "run", "--all").code == 0
        assert_modes(root, wanted)
    config.write_text(config.read_text().replace("access: group", "access: everybody"))
    told = invoke("--config", config, "tables")
    assert told.code == 2
    assert "access" in told.err


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_an_export_is_the_users_own(lake: Lake, umask: int, tmp_path: Path) -> None:
    for name in ("out.csv", "out.parquet"):
        file = tmp_path / name
        with lake.opened() as opened:
            opened.questions.export("customer_trusted", file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~umask


@pytest.mark.slow
def test_a_lakehouse_that_others_may_read_works_on(lake: Lake) -> None:
    for path in modes(lake.settings.root):
        path.chmod(0o755 if path.is_dir() else 0o644)
    there = modes(lake.settings.root)
    lake.run()
    assert lake.counts() == STRICT
    found = modes(lake.settings.root)
    assert {p: m for p, m in found.items() if p in there and p.name in ("catalog.db", "lock")} == {
        p: m for p, m in there.items() if p.name in ("catalog.db", "lock")
    }
    assert {m for p, m in found.items() if p.suffix == ".parquet"} == {0o600}


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_a_step_that_fails_leaves_the_umask(lake: Lake, umask: int) -> None:
    with pytest.raises(ZeroDivisionError), lake.opened() as opened:  # noqa: SIM117
        with opened.jobs.runner(RunOptions("duckdb")):
            _ = 1 / 0
    assert not lake.layout.journal.exists()
    with lake.opened() as opened:
        delivery = opened.landing.find(lake.settings.root.parent / "data")
        uploading = opened.landing.upload(delivery, remove={}, wait=False)
        next(uploading)
        assert os.umask(umask) == umask


@pytest.mark.spark
@pytest.mark.slow
def test_spark_does_the_same(tmp_path: Path) -> None:
    lake = used(Lake(tmp_path / "lake", max_bad_rows=1), tmp_path)
    with lake.opened() as opened:
        list(Pipeline(lake.model, opened, "strict").run(RunOptions("spark", force=True)))
    assert_modes(lake.settings.root, OWNER)
