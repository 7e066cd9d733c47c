"""What is nearly a known data set is called that, also where somebody accepted its counts."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import PROJECT, Ask, Lake, Result, mostly_slow
from small import FOLDERS, JOBS, C, customer, lines, motion, step, write_lake

from stedi_cli.checks import known_sets
from stedi_cli.project.folder import copy_out

Files = dict[str, dict[str, bytes]]

NUMBER = 120
RIGHT = "Everything is as it should be."
KNOWN: Files = {
    "customer_landing": {
        "c.json": lines([customer(f"p{n}@x.org", f"serial-{n}", C) for n in range(NUMBER)])
    },
    "accelerometer_landing": {
        f"a{part}.json": lines([motion(f"p{n}@x.org", C + n) for n in range(part, NUMBER, 3)])
        for part in range(3)
    },
    "step_trainer_landing": {"s.json": lines([step(f"serial-{n}", C + n) for n in range(NUMBER)])},
}
COUNTS = dict.fromkeys((*FOLDERS, *JOBS.values()), NUMBER)


def _entry(lake: Lake, folder: Path) -> dict[str, Any]:
    """What `configs/expected.yaml` says of the known data, by its rows too."""
    with lake.opened() as opened:
        from stedi_cli.checks.asking import Asking

        sums = Asking(lake.model, opened, again=False).sums(list(FOLDERS))
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.json"))
    }
    return {"source": "the known set", "files": files, "sums": sums, "counts": {"strict": COUNTS}}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lakehouse of a project that knows the data, which are its landing files."""
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    made = Lake(tmp_path / "lake", project=project).up()
    made.upload(write_lake(tmp_path / "known", KNOWN))
    made.run()
    entry = _entry(made, tmp_path / "known")
    (project / "configs" / "expected.yaml").write_text(yaml.safe_dump({"data_sets": [entry]}))
    assert made.validate().summary == RIGHT
    return made


@pytest.fixture
def validate(invoke: Ask, lake: Lake, tmp_path: Path) -> Callable[..., Result]:
    """The command in that project."""
    config = tmp_path / "project" / "configs" / "local.yaml"
    return lambda *args: invoke("--config", config, "--root", lake.settings.root, "validate", *args)


def put(lake: Lake, folder: Path, files: Any) -> None:
    """Let these be the landing files, and run the jobs."""
    with lake.opened() as opened:
        delivery = opened.landing.find(write_lake(folder, files))
        remove = opened.landing.replaced_by(delivery)
        list(opened.landing.upload(delivery, remove=remove, wait=False))
    lake.run()


def crlf(content: bytes) -> bytes:
    return content.replace(b"\n", b"\r\n")


def _without_one(content: bytes) -> bytes:
    return crlf(content.partition(b"\n")[2])


def _each(change: Callable[[bytes], bytes]) -> Files:
    return {table: {"one.json": change(b"".join(files.values()))} for table, files in KNOWN.items()}


def _steps(change: Callable[[list[bytes]], list[bytes]]) -> Files:
    several = KNOWN["step_trainer_landing"]["s.json"].splitlines(keepends=True)
    return KNOWN | {"step_trainer_landing": {"s.json": b"".join(change(several))}}


CHANGED = KNOWN["step_trainer_landing"]["s.json"].replace(b"218", b"219", 1)
A1 = KNOWN["accelerometer_landing"]["a1.json"]
SPLIT = KNOWN["accelerometer_landing"]["a0.json"].splitlines(keepends=True)
ONE_LESS = "customer_landing has 119 rows, not 120; accelerometer_landing has 119 rows, not 120"
NEAR: dict[str, tuple[Files, str]] = {
    "each without a line, in other bytes": (
        _each(_without_one),
        "All 3 landing tables are nearly the known set's; "
        f"{ONE_LESS}; step_trainer_landing has 119 rows, not 120.",
    ),
    "each with another value, in other bytes": (
        _each(
            lambda content: crlf(
                content.replace(b"0967", b"0968")
                .replace(b"0.5", b"0.25", 1)
                .replace(b"218", b"219", 1)
            )
        ),
        "All 3 landing tables are nearly the known set's; customer_landing differs; "
        "accelerometer_landing differs; step_trainer_landing differs.",
    ),
    "one the same, one near, one far": (
        _each(crlf)
        | {
            "customer_landing": {"c.json": _without_one(KNOWN["customer_landing"]["c.json"])},
            "step_trainer_landing": {"t.json": lines([step("serial-1", C + 1)])},
        },
        "1 of 3 landing tables is the known set's; customer_landing has 119 rows, not 120; "
        "step_trainer_landing has 1 rows, not 120.",
    ),
    "a file twice": (
        KNOWN | {"accelerometer_landing": {**KNOWN["accelerometer_landing"], "copy.json": A1}},
        "All 5 files of the known set are there; a1.json is there twice, also as copy.json.",
    ),
    "a file twice, packed": (
        KNOWN
        | {
            "accelerometer_landing": {
                **KNOWN["accelerometer_landing"],
                "copy.json.gz": gzip.compress(A1),
            }
        },
        "All 5 files of the known set are there; a1.json is there twice, also as copy.json.gz.",
    ),
    "a file three times, and one not": (
        KNOWN
        | {
            "accelerometer_landing": {"a1.json": A1, "x.json": A1, "y.json": A1}
            | {"a2.json": KNOWN["accelerometer_landing"]["a2.json"]}
        },
        "4 of 5 files are the known set's; a0.json is missing, a1.json is there 3 times, also as "
        "x.json and y.json.",
    ),
    "a file twice, all in other bytes": (
        _each(crlf)
        | {
            "step_trainer_landing": {
                name: crlf(KNOWN["step_trainer_landing"]["s.json"]) for name in ("s.json", "t.json")
            }
        },
        "2 of 3 landing tables are the known set's; step_trainer_landing has 240 rows, not 120; "
        "s.json is there twice, also as t.json.",
    ),
    "lines too few": (
        _steps(lambda several: several[3:]),
        "4 of 5 files are the known set's; s.json differs in 3 lines at least.",
    ),
    "a line too few, and others of another value": (
        _steps(lambda several: [b.replace(b"218", b"219") for b in several[1:]]),
        "4 of 5 files are the known set's; s.json differs in 1 line at least.",
    ),
    "another value": (
        KNOWN | {"step_trainer_landing": {"s.json": CHANGED}},
        "4 of 5 files are the known set's; s.json differs.",
    ),
    "lines too few, and a file beside": (
        _steps(lambda several: several[3:])
        | {
            "customer_landing": {"c.json": b"".join(KNOWN["customer_landing"].values())},
        },
        "4 of 5 files are the known set's; s.json differs in 3 lines at least.",
    ),
    "another value, under another name": (
        KNOWN | {"step_trainer_landing": {"t.json": CHANGED}},
        "4 of 5 files are the known set's; s.json is missing, or differs under another name.",
    ),
    "a file is missing, and another table is in other bytes": (
        KNOWN
        | {
            "step_trainer_landing": {"t.json": crlf(KNOWN["step_trainer_landing"]["s.json"])},
            "accelerometer_landing": {"a1.json": A1, "z.json": b"".join(SPLIT)},
        },
        "4 of 5 files are the known set's; a2.json is missing.",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", mostly_slow(NEAR, quick=4))
def test_what_is_nearly_a_known_data_set_is_told(lake: Lake, tmp_path: Path, form: str) -> None:
    files, said = NEAR[form]
    put(lake, tmp_path / "near", files)
    report = lake.validate()
    assert (report.nearest, report.source) == (said, None)
    assert (report.verdict, report.ok) == ("incomplete", False)
    assert not any("no known data set" in note for note in report.notes)


@pytest.mark.slow
def test_lines_beside_are_not_those_that_a_file_lacks(lake: Lake, tmp_path: Path) -> None:
    files = _steps(lambda several: several[3:])
    files["step_trainer_landing"] |= {"more.json": lines([step("serial-1", C)] * 3)}
    put(lake, tmp_path / "near", files)
    assert lake.validate().nearest.endswith("; s.json differs in 3 lines at least.")


@pytest.mark.slow
def test_all_that_is_there_and_more_is_not_told_twice(lake: Lake, tmp_path: Path) -> None:
    more = {**KNOWN["step_trainer_landing"], "more.json": lines([step("serial-1", C)])}
    put(lake, tmp_path / "more", KNOWN | {"step_trainer_landing": more})
    report = lake.validate()
    assert report.notes == ["All 5 files of the known set are there, and others beside them."]
    assert (report.verdict, report.ok) == ("unknown", True)


@pytest.mark.slow
def test_as_many_rows_are_none_of_a_data_set_where_nobody_compared_them(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, tmp_path / "form", _each(crlf))
    assert lake.validate().verdict == "ok"
    monkeypatch.setattr(known_sets, "MOST_ROWS", 7)
    report = lake.validate()
    assert (report.source, report.nearest) == (None, "")


@pytest.mark.slow
def test_far_more_rows_are_another_data_set(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path / "far", _each(lambda content: crlf(content.split(b"\n", 2)[2])))
    report = lake.validate()
    assert (report.nearest, report.verdict) == ("", "unknown")


# --- What somebody accepts -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("form", mostly_slow(NEAR, quick=1))
def test_what_is_accepted_is_not_called_right(
    lake: Lake, tmp_path: Path, validate: Callable[..., Result], form: str
) -> None:
    files, said = NEAR[form]
    put(lake, tmp_path / "near", files)
    told = validate("--accept", "--json").json()
    again = validate("--json")
    report = again.json()
    assert again.code == 0
    for found in (told, report):
        assert (found["verdict"], found["ok"], found["nearest"]) == ("accepted", True, said)
        assert found["source"] == "the accepted data set"
        assert found["summary"].startswith("Everything is as accepted; ")
        assert {table["verdict"] for table in found["tables"]} == {"ok"}
    shown = validate()
    assert RIGHT not in shown.out
    assert said in " ".join(shown.out.split())


@pytest.mark.slow
def test_what_is_accepted_under_a_policy_is_not_under_another(
    lake: Lake, tmp_path: Path, validate: Callable[..., Result]
) -> None:
    files, said = NEAR[next(iter(NEAR))]
    put(lake, tmp_path / "near", files)
    assert validate("--accept").code == 0
    lake.run(policy="published")
    told = validate("--json")
    report = told.json()
    assert (told.code, report["verdict"], report["ok"]) == (3, "incomplete", False)
    assert report["nearest"] == said
    assert validate("--accept").code == 0
    assert validate("--json").json()["verdict"] == "accepted"


@pytest.mark.slow
def test_generated_data_with_as_many_rows_are_right(lake: Lake, tmp_path: Path) -> None:
    data = tmp_path / "near"
    put(lake, data, _each(_without_one))
    entry = _entry(lake, data) | {"source": "Generated", "counts": {"strict": lake.counts()}}
    (data / "expected.yaml").write_text(yaml.safe_dump(entry))
    lake.upload(data)
    report = lake.validate()
    assert (report.verdict, report.nearest, report.summary) == ("ok", "", RIGHT)
