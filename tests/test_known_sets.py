"""A data set is known by its rows, whatever files they came in, and by nothing else."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from conftest import PROJECT, Ask, Lake, Result, mostly_slow, uploaded
from small import SMALL, STRICT, C, lines, step, write_lake
from test_kept import asked as asked  # noqa: PLC0414 - a fixture

from stedi_cli.checks import known_sets
from stedi_cli.project.folder import copy_out

Files = dict[str, dict[str, bytes]]

CANONICAL: Files = {
    table: {name: lines(records) for name, records in files.items()}  # type: ignore[arg-type]
    for table, files in SMALL.items()
}


def total(records: Any) -> str:
    """The sum over records, added up as the documentation says."""
    texts = [json.dumps(record, separators=(",", ":")).encode() for record in records]
    numbers = [int.from_bytes(hashlib.sha256(text).digest()[:15], "big") for text in texts]
    return str(sum(numbers) % 10**36).rjust(36, "0")


def known(folder: Path, counts: dict[str, int] = STRICT, **more: Any) -> Path:
    """The small lake with an expected.yaml beside it that knows it also by its rows."""
    write_lake(folder, CANONICAL)
    digests = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.json")
    }
    sums = {table: total(*files.values()) for table, files in SMALL.items()}
    content = {"source": "the small lake", "files": digests, "sums": sums}
    content |= {"counts": {"strict": counts}, **more}
    (folder / "expected.yaml").write_text(yaml.safe_dump(content))
    return folder


def each(change: Callable[[bytes], Any]) -> Callable[[], Files]:
    """Every file changed; what is no bytes stands for several files."""

    def changed() -> Files:
        found: Files = {}
        for table, files in CANONICAL.items():
            for name, content in files.items():
                new = change(content)
                found[table] = new if isinstance(new, dict) else {name: new}
        return found

    return changed


def _shuffled(content: bytes) -> dict[str, bytes]:
    several = content.splitlines(keepends=True)
    Random(1).shuffle(several)
    return {"1.json": b"".join(several[:2]), "2.json": b"\n" + b"".join(several[2:])}


def _respelled(content: bytes) -> bytes:
    """As an earlier version of the public customers is written."""
    records = [json.loads(line) for line in content.splitlines()]
    for record in records:
        if "phone" in record:
            record["phone"] = int(record["phone"])
            record.setdefault("shareWithResearchAsOfDate", None)
        for name, value in record.items():
            if isinstance(value, int) and name != "phone":
                record[name] = float(value)
    return lines([dict(reversed(record.items())) for record in records])


FORMS: dict[str, Callable[[], Files]] = {
    "respelled": each(_respelled),
    "CRLF": each(lambda content: content.replace(b"\n", b"\r\n")),
    "gzip": each(lambda content: {"x.json.gz": gzip.compress(content)}),
    "other names": each(lambda content: {"other.json": content}),
    "other files, in another order": each(_shuffled),
    "no line feed at the end": each(lambda content: content.rstrip(b"\n")),
    "an array": each(lambda content: b"[" + content.rstrip().replace(b"\n", b",\n") + b"]"),
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lakehouse that was told of the small lake's counts."""
    made = Lake(tmp_path / "lake", max_bad_rows=1).up()
    made.upload(known(tmp_path / "known"))
    return made


def put(lake: Lake, folder: Path, files: Any) -> None:
    """Let these be the landing files."""
    with lake.opened() as opened:
        delivery = opened.landing.find(write_lake(folder, files))
        remove = opened.landing.replaced_by(delivery)
        list(opened.landing.upload(delivery, remove=remove, wait=False, convert=True))


@pytest.mark.parametrize("form", mostly_slow(FORMS, quick=2))
def test_it_is_known_in_any_form(lake: Lake, tmp_path: Path, asked: list[str], form: str) -> None:
    put(lake, tmp_path / "form", FORMS[form]())
    lake.run()
    report = lake.validate()
    assert report.source == "the small lake"
    assert {table.table: table.expected for table in report.tables} == STRICT
    assert (report.verdict, report.ok) == ("ok", True)
    asked.clear()
    assert lake.validate().source == "the small lake"
    assert asked == []


def _changed(table: str, change: Callable[[list[bytes]], list[bytes]]) -> Files:
    ((name, content),) = CANONICAL[table].items()
    return CANONICAL | {table: {name: b"".join(change(content.splitlines(keepends=True)))}}


OTHERS: dict[str, Files] = {
    "another value": _changed(
        "step_trainer_landing", lambda f: [f[0].replace(b"218", b"219"), *f[1:]]
    ),
    "a row for another": _changed("step_trainer_landing", lambda f: [f[1], *f[1:]]),
    "an unusable line": _changed("customer_landing", lambda f: [*f, b"{}\n"]),
    "another table's rows": CANONICAL | {"step_trainer_landing": CANONICAL["customer_landing"]},
}


@pytest.mark.slow
@pytest.mark.parametrize("other", mostly_slow(OTHERS))
def test_nothing_else_is_taken_for_it(lake: Lake, tmp_path: Path, other: str) -> None:
    put(lake, tmp_path / "other", OTHERS[other])
    if other != "another table's rows":
        lake.run()
    report = lake.validate()
    assert report.source is None
    assert {table.expected for table in report.tables} == {None}
    assert not report.ok
    assert report.nearest.startswith("2 of 3 files are the small lake's; ")


@pytest.mark.slow
def test_rows_are_added_up_only_where_their_number_fits(
    lake: Lake, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, tmp_path / "more", _changed("customer_landing", lambda f: [*f, f[0]]))
    lake.run()
    assert lake.validate().source is None
    assert not [sql for sql in asked if sql.startswith("SELECT customerName")]
    put(lake, tmp_path / "form", FORMS["CRLF"]())
    lake.run()
    monkeypatch.setattr(known_sets, "MOST_ROWS", 7)
    report = lake.validate()
    assert report.source is None
    assert report.nearest == ""


@pytest.mark.slow
def test_what_is_missing_or_differs_is_named(lake: Lake, tmp_path: Path, invoke: Ask) -> None:
    changed = _changed("step_trainer_landing", lambda f: f[3:])
    put(lake, tmp_path / "less", changed)
    lake.run()
    told = invoke("--root", lake.settings.root, "validate")
    assert told.code == 3
    said = "2 of 3 files are the small lake's; s.json differs in 3 lines at least."
    assert said in told.out
    assert "as it should be" not in told.out
    assert "files of a known data set are missing or differ" in " ".join(told.out.split())
    report = invoke("--root", lake.settings.root, "validate", "--json").json()
    assert (report["verdict"], report["nearest"], report["ok"]) == ("incomplete", said, False)
    gone = {"step_trainer_landing": {"other.json": lines([step("serial-ann", C)])}}
    put(lake, tmp_path / "gone", gone)
    said = "2 of 3 files are the small lake's; s.json is missing, or differs under another name."
    assert lake.validate().nearest == said


@pytest.mark.slow
def test_files_beside_a_known_data_set_are_told(lake: Lake, tmp_path: Path) -> None:
    more = {"step_trainer_landing": {"more.json": lines([step("serial-none", C)])}}
    with lake.opened() as opened:
        uploaded(opened, write_lake(tmp_path / "more", more))
    lake.run()
    report = lake.validate()
    assert (report.verdict, report.ok, report.nearest) == ("unknown", True, "")
    assert "All 3 files of the small lake are there, and others beside them." in report.notes


# --- What is the user's own ----------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one's own."""
    copy_out(PROJECT, tmp_path / "project")
    return tmp_path / "project"


@pytest.mark.slow
def test_a_further_table_leaves_the_others_their_expectation(
    lake: Lake, project: Path, tmp_path: Path
) -> None:
    path = project / "configs" / "lakehouse.yaml"
    table = (
        "tables:\n  weather_landing:\n    zone: landing\n    folder: weather\n    doc: It.\n"
        "    columns:\n      - {name: warmth, type: double, required: true, doc: How warm it is}\n"
    )
    path.write_text(path.read_text().replace("tables:\n", table, 1))
    own = Lake(lake.settings.root, project=project).up()
    (tmp_path / "weather" / "weather").mkdir(parents=True)
    (tmp_path / "weather" / "weather" / "w.json").write_text('{"warmth": 1.5}\n')
    own.upload(tmp_path / "weather")
    own.run()
    report = own.validate()
    expected = {table.table: table.expected for table in report.tables}
    assert expected == STRICT | {"weather_landing": None}
    assert (report.verdict, report.ok) == ("unknown", True)
    assert report.summary.endswith(
        "rules hold, 8 counts are as expected; not known are counts of weather_landing."
    )
    (tmp_path / "weather" / "weather" / "w.json").write_text("nonsense\n")
    own.upload(tmp_path / "weather")
    # To run jobs would not help.
    assert own.validate().problems == [
        "No run looks at the lines of weather_landing: no job reads it. Name it in a job's reads."
    ]


@pytest.mark.slow
def test_a_policy_of_ones_own_is_compared_where_it_makes_the_same(
    lake: Lake, project: Path, tmp_path: Path
) -> None:
    (project / "jobs" / "mine").mkdir()
    for job in ("step_trainer_trusted", "machine_learning_curated"):
        shutil.copy(project / "jobs" / f"{job}.sql", project / "jobs" / "mine")
    changed = project / "jobs" / "mine" / "step_trainer_trusted.sql"
    changed.write_text(changed.read_text() + "\n")
    path = project / "configs" / "lakehouse.yaml"
    path.write_text(path.read_text() + "  mine:\n    doc: Mine.\n")
    own = Lake(lake.settings.root, project=project)
    own.run(policy="mine")
    report = own.validate()
    unknown = {"step_trainer_trusted", "machine_learning_curated"}
    expected = {table.table: table.expected for table in report.tables}
    assert expected == {n: None if n in unknown else rows for n, rows in STRICT.items()}
    assert report.summary.endswith(f"not known are counts of {', '.join(sorted(unknown)[::-1])}.")
    own.upload(known(tmp_path / "wrong", STRICT | {"customers_curated": 9}))
    report = own.validate()
    assert (report.verdict, report.ok) == ("wrong", False)


# --- The public data -----------------------------------------------------------------------------


@pytest.fixture
def public(
    public_data: Path, tmp_path: Path, invoke: Ask
) -> Callable[[Callable[[Path], None]], Result]:
    """What is said of the public data after a change."""

    def told(change: Callable[[Path], None]) -> Result:
        shutil.copytree(public_data, tmp_path / "data", ignore=shutil.ignore_patterns("*[A-Z]"))
        for path in (tmp_path / "data").rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        change(tmp_path / "data")
        lake = Lake(tmp_path / "public").up()
        lake.upload(tmp_path / "data")
        lake.run()
        return invoke("--root", lake.settings.root, "validate")

    return told


def _windows(folder: Path) -> None:
    for path in folder.rglob("*.json"):
        content = path.read_bytes()
        if path.parent.parent.name == "customer":
            content = _respelled(content)
        path.write_bytes(content.replace(b"\n", b"\r\n"))
    nine = sorted((folder / "accelerometer").rglob("*.json"))
    nine[0].write_bytes(b"".join(path.read_bytes() for path in nine))
    for path in nine[1:]:
        path.unlink()


@pytest.mark.slow
def test_the_public_data_are_known_in_another_form(
    public: Callable[[Callable[[Path], None]], Result],
) -> None:
    told = public(_windows)
    assert told.code == 0
    assert "the public STEDI data set" in told.out
    assert told.out.endswith("Everything is as it should be.\n")


@pytest.mark.slow
def test_a_file_of_the_public_data_is_missed(
    public: Callable[[Callable[[Path], None]], Result],
) -> None:
    name = "accelerometer-1691348231445.json"
    told = public(lambda folder: (folder / "accelerometer" / "landing" / name).unlink())
    assert told.code == 3
    words = " ".join(told.out.split())
    assert f"12 of 13 files are the public STEDI data set's; {name} is missing." in words
    assert "as it should be" not in words
