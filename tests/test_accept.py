"""Counts that are accepted are what later ones are compared with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT, Ask, Lake, Result
from small import MOTIONS, SMALL, STRICT, C, motion, step, write_lake
from test_known_sets import known

from stedi_cli.project.folder import copy_out

RIGHT = "Everything is as it should be."


@pytest.fixture
def validate(invoke: Ask, lake: Lake) -> Callable[..., Result]:
    """The command on the small lake."""
    return lambda *args: invoke("--root", lake.settings.root, "validate", *args)


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_a_file_that_goes_along_with_the_data(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path, invoke: Ask
) -> None:
    data = write_lake(tmp_path / "data")
    file = data / "expected.yaml"
    told = validate("--accept", file)
    assert told.code == 0
    # A path of more than a line is told on two.
    assert f"Wrote{file}:thecounts" in "".join(told.out.split())
    assert told.out.endswith(f"{RIGHT}\n")
    content = yaml.safe_load(file.read_text())
    assert content["counts"] == {"strict": STRICT}
    assert set(content) == {"source", "files", "sums", "counts"}
    assert lake.layout.expected.read_bytes() == file.read_bytes()
    # As CI does.
    fresh = Lake(tmp_path / "fresh").up()
    fresh.upload(data)
    fresh.run()
    assert fresh.validate().verdict == "ok"
    # With the data in another form, and with a row less.
    crlf = (data / "customer" / "landing" / "c.json").read_bytes().replace(b"\n", b"\r\n")
    fresh.upload(write_lake(tmp_path / "crlf", SMALL | {"customer_landing": {"c.json": crlf}}))
    fresh.run()
    assert fresh.validate().verdict == "ok"


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_other_counts_than_were_accepted_are_told(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    assert validate("--accept").code == 0
    copy_out(PROJECT, tmp_path / "project")
    job = tmp_path / "project" / "jobs" / "machine_learning_curated.sql"
    job.write_text(f"SELECT * FROM (\n{job.read_text()}\n) made LIMIT 2")
    own = Lake(lake.settings.root, project=tmp_path / "project")
    own.run()
    report = own.validate()
    wrong = {t.table: (t.rows, t.expected) for t in report.tables if t.verdict == "wrong"}
    assert wrong == {"machine_learning_curated": (2, 4)}
    assert not report.ok


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_each_policy_has_its_own(lake: Lake, validate: Callable[..., Result]) -> None:
    validate("--accept")
    lake.run(policy="published")
    assert validate("--accept").code == 0
    content = yaml.safe_load(lake.layout.expected.read_text())
    assert content["counts"]["strict"] == STRICT
    assert set(content["counts"]) == {"strict", "published"}
    lake.run()
    assert lake.validate().verdict == "ok"


@pytest.mark.slow
def test_what_was_accepted_can_be_accepted_anew(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    lake.upload(known(tmp_path / "known", STRICT | {"customer_trusted": 2}))
    lake.run()
    assert validate().code == 3
    assert validate("--accept").code == 0
    content = yaml.safe_load(lake.layout.expected.read_text())
    assert content["source"] == "the small lake"
    assert validate().out.endswith(f"{RIGHT}\n")


@pytest.mark.slow
def test_unusable_lines_are_accepted(
    validate: Callable[..., Result], tmp_path: Path, lake: Lake
) -> None:
    lake = Lake(lake.settings.root, max_bad_rows=2)
    bad = SMALL | {"accelerometer_landing": {"a.json": b"{}\nnonsense\n", "b.json": MOTIONS}}
    with lake.opened() as opened:
        delivery = opened.landing.find(write_lake(tmp_path / "bad", bad))
        remove = opened.landing.replaced_by(delivery)
        list(opened.landing.upload(delivery, remove=remove, wait=False))
    lake.run()
    assert validate("--accept").code == 0
    assert lake.validate().verdict == "ok"
    content = yaml.safe_load(lake.layout.expected.read_text())
    assert content["quarantine"] == {"accelerometer_landing": {"missing:user": 1, "not-json": 1}}


@pytest.mark.slow
def test_empty_tables_are_not_accepted(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    none = {"accelerometer_landing": {"a.json": [motion("nobody@x.org", C)]}}
    lake.upload(write_lake(tmp_path / "none", none))
    lake.run()
    assert lake.validate().verdict == "empty"
    told = validate("--accept")
    assert (told.code, told.out) == (3, "")
    assert "tables are empty" in told.err
    assert "Where 0 rows are right" in told.err
    assert not lake.layout.expected.exists()


@pytest.mark.slow
def test_why_nothing_is_accepted_is_said_where_no_count_and_no_rule_is_wrong(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    bad = SMALL["customer_landing"] | {"bad.json": b"nonsense\n"}
    lake.upload(write_lake(tmp_path / "bad", SMALL | {"customer_landing": bad}))
    own = Lake(lake.settings.root, max_bad_rows=1)
    own.run()
    told = validate("--accept")
    assert (told.code, told.out) == (3, "")
    assert "does not say for certain whose it is" in " ".join(told.err.split())
    assert "stedi quarantine customer_landing --show" in " ".join(told.err.split())


def test_what_is_not_right_is_not_accepted(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    told = validate("--accept")
    assert (told.code, told.out) == (3, "")
    assert "5 tables are not built" in told.err
    lake.run()
    more = {"step_trainer_landing": {"more.json": [step("serial-none", C)]}}
    lake.upload(write_lake(tmp_path / "more", more))
    told = validate("--accept", tmp_path / "new.yaml")
    assert told.code == 3
    assert "2 tables are stale" in told.err
    assert not (tmp_path / "new.yaml").exists()
    assert not lake.layout.expected.exists()
    lake.run()
    assert validate("--accept").code == 0


@pytest.mark.slow
def test_what_the_project_knows_stays(tmp_path: Path, invoke: Ask) -> None:
    files = [PROJECT / "configs" / "expected.yaml", PROJECT / "data" / "sample" / "expected.yaml"]
    held = [file.read_bytes() for file in files]
    lake = Lake(tmp_path / "lake").up()
    lake.upload(PROJECT / "data" / "sample")
    lake.run()
    at = ("--root", lake.settings.root, "validate", "--accept")
    told = invoke(*at)
    assert (told.code, told.out) == (2, "")
    assert "knows these counts already" in told.err
    for file in files:
        assert invoke(*at, file).code == 2
    copy_out(PROJECT, tmp_path / "project")
    sample = tmp_path / "project" / "data" / "sample" / "expected.yaml"
    sample.write_text(sample.read_text().replace(": 4835", ": 4834"))
    told = invoke("--config", tmp_path / "project" / "configs" / "local.yaml", *at)
    assert told.code == 3
    assert "The project knows other counts of machine_learning_curated" in told.err
    assert [file.read_bytes() for file in files] == held


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_no_other_file_is_written_over(validate: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "notes.yaml").write_text("mine")
    (tmp_path / "link.yml").symlink_to(tmp_path / "notes.yaml")
    for name in ("notes.yaml", "link.yml", "no/such/folder.yaml", ""):
        assert validate("--accept", tmp_path / name).code == 2, name
    assert (tmp_path / "notes.yaml").read_text() == "mine"
    assert validate("--accept", "--sql").code == 2
    assert validate("customer_trusted_consent", "--accept").code == 2
    packaged = PROJECT / "configs" / "expected.yaml"
    told = validate("--accept", packaged)
    assert told.code == 2
    assert "is what the project knows" in told.err


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("customer_trusted_key", "is a check"),
        ("step_trainer_trusted_accounted", "is a check"),
        ("customer_trusted_keys", "does not end in .yaml or .yml"),
        ("expected", "does not end in .yaml or .yml"),
        ("expected.json", "does not end in .yaml or .yml"),
        (".yaml", "does not end in .yaml or .yml"),
    ],
)
def test_what_is_no_name_of_such_a_file_is_none(
    validate: Callable[..., Result],
    lake: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    said: str,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    told = validate("--accept", name)
    assert (told.code, told.out) == (2, "")
    assert said in " ".join(told.err.split())
    assert list((tmp_path / "here").iterdir()) == []
    assert not lake.layout.expected.exists()
