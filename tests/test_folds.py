"""Exports in folds: the whole table, each person in one fold, and nobody to be made out."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import oracle
import pyarrow.parquet as pq
import pytest
from conftest import PROJECT, Ask, Lake, mostly_slow
from hypothesis import HealthCheck, given, settings
from lake import build
from lakes import lakes
from small import PUBLISHED, STRICT, C, customer, motion, step, write_lake

from stedi_cli.errors import UsageError
from stedi_cli.questions.export_folder import exported_folder

FINAL = "machine_learning_curated"


def folds_in(folder: Path) -> dict[str, list[oracle.Row]]:
    """The rows of each fold, in their order."""
    return {
        path.name: [tuple(row.values()) for row in pq.read_table(path).to_pylist()]
        for path in sorted(folder.iterdir())
    }


def whose(
    folds: dict[str, list[oracle.Row]], people: dict[str, list[oracle.Row]]
) -> dict[str, str]:
    """The fold of each person who has a row that nobody else has; it has to be one fold."""
    owners: dict[oracle.Row, set[str]] = {}
    for person, rows in people.items():
        for row in rows:
            owners.setdefault(row, set()).add(person)
    found: dict[str, str] = {}
    for name, rows in folds.items():
        for row in rows:
            (person, *others) = owners[row]
            if not others:
                assert found.setdefault(person, name) == name, f"{person} is in two folds"
    return found


def files_of(folder: Path) -> oracle.Files:
    """The landing files of a data set by table and name."""
    tables = zip(("customer", "accelerometer", "step_trainer"), oracle.LANDING, strict=True)
    return {
        table: {path.name: path.read_bytes() for path in (folder / name).rglob("*.json*")}
        for name, table in tables
    }


def flat(folds: dict[str, list[oracle.Row]]) -> Counter[oracle.Row]:
    return Counter(row for rows in folds.values() for row in rows)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The sample, built, with shared serial numbers; for reading and exporting only."""
    lake = Lake(tmp_path_factory.mktemp("sample") / "lake").up()
    lake.upload(PROJECT / "data" / "sample")
    lake.run()
    return lake


@pytest.fixture
def told(sample: Lake, invoke: Ask) -> Ask:
    """A command on the sample."""
    return lambda *words: invoke("--root", sample.settings.root, *words)


def sample_files() -> oracle.Files:
    data = PROJECT / "data" / "sample"
    roots = [path for path in (data, data / "landing") if (path / "customer").is_dir()]
    return files_of(roots[0]) if roots else files_of(data)


def test_each_person_is_in_one_fold(sample: Lake, told: Ask) -> None:
    done = told("export", FINAL, "f", "--folds", "5", "--json").json()
    folds = folds_in(Path("f"))
    assert [fold["file"] for fold in done["folds"]] == list(folds)
    assert [fold["rows"] for fold in done["folds"]] == [len(rows) for rows in folds.values()]
    assert flat(folds) == Counter(sample.rows(FINAL))
    people = oracle.people(oracle.read(sample_files()))
    found = whose(folds, people)
    assert len(found) == sum(fold["people"] for fold in done["folds"]) == len(people)
    assert Counter(found.values()) == {f["file"]: f["people"] for f in done["folds"]}


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=lakes())
def test_no_person_is_in_two_folds(
    tmp_path_factory: pytest.TempPathFactory, files: oracle.Files
) -> None:
    folder = tmp_path_factory.mktemp("folds")
    made = build(files, "strict", folder / "lake")
    try:
        assert made.lake.folds is not None
        for seed in (0, 1):
            made.lake.folds.export(FINAL, folder / f"f{seed}", 3, seed)
            folds = folds_in(folder / f"f{seed}")
            landing = oracle.read(files)
            assert flat(folds) == Counter(map(tuple, oracle.lakehouse(landing, "strict")[FINAL]))
            whose(folds, oracle.people(landing))
    finally:
        made.lake.close()
        shutil.rmtree(folder)


def test_another_seed_makes_other_folds_and_the_same_one_the_same_bytes(told: Ask) -> None:
    for name, seed in (("a", []), ("b", ["--seed", "0"]), ("c", ["--seed", "7"])):
        assert told("export", FINAL, name, "--folds", "4", *seed).code == 0
    a, b, c = ({p.name: p.read_bytes() for p in Path(n).iterdir()} for n in "abc")
    assert a == b
    assert a != c
    assert flat(folds_in(Path("a"))) == flat(folds_in(Path("c")))


@pytest.mark.slow
def test_the_order_tells_nothing(told: Ask, sample: Lake) -> None:
    assert told("export", FINAL, "f", "--folds", "2").code == 0
    people = oracle.people(oracle.read(sample_files()))
    owner = {row: person for person, rows in people.items() for row in rows}
    for rows in folds_in(Path("f")).values():
        instants = [row[0] for row in rows]
        rising = sum(a < b for a, b in pairwise(instants))
        assert 0.45 < rising / len(rows) < 0.55
        beside = sum(owner[a] == owner[b] for a, b in pairwise(rows))
        assert beside / len(rows) < 0.1


@pytest.mark.slow
def test_who_leaves_moves_nobody_else(tmp_path: Path) -> None:
    names = [f"p{n}@x.org" for n in range(12)]
    found = [folds_of(tmp_path / str(len(left)), left) for left in (names, names[1:], names[6:])]
    for fewer in found[1:]:
        assert fewer == {name: found[0][name] for name in fewer}
    assert len(set(found[0].values())) > 1


def folds_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The fold of each of some people, spelled otherwise in their records."""
    people = {name: int(name[1 : name.index("@")]) for name in names}
    instant = C + 1000
    files = {
        "customer_landing": {
            "a.json": [customer(f" {name.upper()}", f"s{n}", instant) for name, n in people.items()]
        },
        "accelerometer_landing": {
            "a.json": [motion(name, instant + n) for name, n in people.items()]
        },
        "step_trainer_landing": {
            "a.json": [step(f"s{n}", instant + n, n) for n in people.values()]
        },
    }
    lake = Lake(folder / "lake").up()
    lake.upload(write_lake(folder / "data", files))
    lake.run()
    with lake.opened() as opened:
        assert opened.folds is not None
        opened.folds.export(FINAL, folder / "f", 3, 0)
    by_number = {n: name for name, n in people.items()}
    return {
        by_number[row[1]]: name for name, rows in folds_in(folder / "f").items() for row in rows
    }


@pytest.mark.slow
def test_nothing_personal_is_in_a_fold(told: Ask, sample: Lake, workspace: Path) -> None:
    assert told("export", "accelerometer_trusted", "f", "--folds", "3").code == 0
    users = {row[0] for row in sample.rows("accelerometer_trusted")}
    for path in Path("f").iterdir():
        assert pq.read_schema(path).names == ["timestamp", "x", "y", "z"]
        content = path.read_bytes()
        assert not any(user.encode() in content for user in users)
    assert sum(map(len, folds_in(Path("f")).values())) == len(sample.rows("accelerometer_trusted"))
    entry = told("history", "--exports", "--json").json()[0]
    assert (entry["command"], entry["file"]) == ("export --folds", str(workspace / "f"))
    assert entry["personal"] == []


@pytest.mark.parametrize("policy", mostly_slow(["published", "consent_on_accelerometer"]))
def test_each_policy_has_its_own_rows(lake: Lake, invoke: Ask, policy: str) -> None:
    lake.run(policy=policy)
    done = invoke("--root", lake.settings.root, "export", FINAL, "f", "--folds", "2")
    assert done.code == 0, done.err
    rows = lake.rows(FINAL)
    assert flat(folds_in(Path("f"))) == Counter(rows)
    if policy == "published":
        assert len(rows) == PUBLISHED[FINAL] != STRICT[FINAL]


# --- What is refused ------------------------------------------------------------------------------

PERSONS = "SELECT c.email AS person, a.* FROM accelerometer_trusted a JOIN customer_trusted c"
WRONG = {
    "a row too few": (3, PERSONS + " ON c.email = a.user WHERE a.timestamp > 1655564444103", "row"),
    "each row twice": (
        3,
        f"{PERSONS} ON c.email = a.user UNION ALL {PERSONS} ON c.email = a.user",
        "",
    ),
    "nobody": (3, "SELECT NULL AS person, a.* FROM accelerometer_trusted a", "nobody's"),
    "no person": (2, "SELECT * FROM accelerometer_trusted", "person, user"),
    "another order": (
        2,
        'SELECT user AS person, x, y, z, "timestamp", user FROM accelerometer_trusted',
        "",
    ),
    "no SELECT": (2, "DROP TABLE accelerometer_trusted", ""),
    "another file": (2, "SELECT * FROM read_csv('/etc/passwd')", ""),
    "broken": (2, "SELECT user AS person, nonsense FROM accelerometer_trusted", "nonsense"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", WRONG)
def test_sql_that_does_not_say_whose_the_rows_are(
    lake: Lake, invoke: Ask, tmp_path: Path, case: str
) -> None:
    code, sql, said = WRONG[case]
    project = tmp_path / "project"
    assert invoke("init", project).code == 0
    lake.run()
    words = ["--config", project / "configs" / "local.yaml", "--root", lake.settings.root]
    (project / "jobs" / "folds" / "accelerometer_trusted.sql").write_text(sql)
    refused = invoke(*words, "export", "accelerometer_trusted", "f", "--folds", "2")
    assert (refused.code, refused.out) == (code, ""), refused.err
    assert said in refused.err
    assert "accelerometer_trusted.sql" in refused.err
    assert not Path("f").exists()
    assert json.loads(invoke(*words, "history", "--exports", "--json").out) == []


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_a_table_whose_inputs_are_newer_is_refused(lake: Lake, invoke: Ask) -> None:
    gone = {"customer_landing": {"gone.json": [customer("ann@x.org", "serial-ann", C + 9, None)]}}
    lake.upload(write_lake(lake.settings.root.parent / "gone", gone))
    words = ["--root", lake.settings.root, "export", FINAL, "f", "--folds", "2"]
    lake.run("customer_landing_to_trusted", "accelerometer_landing_to_trusted")
    refused = invoke(*words)
    assert (refused.code, refused.out) == (3, "")
    assert "stedi jobs run --all" in refused.err
    assert not Path("f").exists()
    lake.run()
    assert invoke(*words).code == 0


@pytest.mark.usefixtures("lake")
def test_what_has_no_persons_or_is_not_built_is_refused(lake: Lake, invoke: Ask) -> None:
    root = ["--root", lake.settings.root]
    for name, said in ((FINAL, "not built"), ("quarantine", "jobs/folds/quarantine.sql")):
        refused = invoke(*root, "export", name, "g", "--folds", "2")
        assert (refused.code, said in refused.err) == (2, True)
    assert not Path("g").exists()


BAD_WORDS: dict[str, list[str]] = {
    "one fold": ["f", "--folds", "1"],
    "no folds": ["f", "--folds", "0"],
    "too many": ["f", "--folds", "1001"],
    "a seed alone": ["f.csv", "--seed", "1"],
    "no number": ["f", "--folds", "x"],
    "nowhere": ["no/where", "--folds", "2"],
}


@pytest.mark.parametrize("case", BAD_WORDS)
def test_words_that_say_no_folds(told: Ask, workspace: Path, case: str) -> None:
    refused = told("export", FINAL, *BAD_WORDS[case])
    assert (refused.code, refused.out) == (2, "")
    assert list(workspace.iterdir()) == []


def test_what_is_there_is_replaced_only_when_forced_and_only_folds(
    told: Ask, workspace: Path
) -> None:
    (workspace / "f").mkdir()
    assert told("export", FINAL, "f", "--folds", "12").code == 0
    refused = told("export", FINAL, "f", "--folds", "2")
    assert (refused.code, "--force" in refused.err) == (2, True)
    (workspace / "f").chmod(0o700)
    assert told("export", FINAL, "f", "--folds", "2", "--force").code == 0
    assert list(folds_in(Path("f"))) == ["fold-1.parquet", "fold-2.parquet"]
    assert Path("f").stat().st_mode & 0o777 == 0o700
    (workspace / "f" / "notes.txt").write_text("mine")
    assert told("export", FINAL, "f", "--folds", "2", "--force").code == 2
    assert (workspace / "f" / "notes.txt").read_text() == "mine"
    (workspace / "file").write_text("mine")
    (workspace / "link").symlink_to(workspace / "f")
    for name in ("file", "link"):
        assert told("export", FINAL, name, "--folds", "2", "--force").code == 1
    assert {path.name for path in workspace.iterdir()} == {"f", "file", "link"}


def test_a_place_inside_the_lakehouse_is_refused(sample: Lake, told: Ask) -> None:
    root = sample.settings.root
    for name in (root / "f", root / "warehouse" / "f", root / "landing"):
        refused = told("export", FINAL, name, "--folds", "2", "--force")
        assert (refused.code, "inside the lakehouse" in refused.err) == (2, True)
    assert not (root / "f").exists()


def test_what_fails_half_way_leaves_what_was_there(workspace: Path) -> None:
    (workspace / "f").mkdir()
    (workspace / "f" / "fold-1.parquet").write_text("before")
    with pytest.raises(UsageError), exported_folder(Path("f"), force=True) as staged:
        (staged / "fold-1.parquet").write_text("after")
        raise UsageError("no")
    assert [p.name for p in workspace.rglob("*")] == ["f", "fold-1.parquet"]
    assert (workspace / "f" / "fold-1.parquet").read_text() == "before"


def test_a_signal_between_two_renames_loses_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "f").mkdir()
    (workspace / "f" / "fold-1.parquet").write_text("before")
    rename, done = Path.rename, []

    def interrupted(path: Path, target: Path) -> Path:
        done.append(path)
        if len(done) == 2:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), exported_folder(Path("f"), force=True) as staged:
        (staged / "fold-1.parquet").write_text("after")
    assert [p.name for p in workspace.rglob("*")] == ["f", "fold-1.parquet"]
    assert (workspace / "f" / "fold-1.parquet").read_text() == "before"


def test_what_came_meanwhile_is_not_replaced(workspace: Path) -> None:
    with pytest.raises(UsageError, match="other files"), exported_folder(Path("f"), force=True):
        (workspace / "f").mkdir()
        (workspace / "f" / "thesis.txt").write_text("mine")
    assert [p.name for p in workspace.rglob("*")] == ["f", "thesis.txt"]


def test_few_people_leave_folds_empty(ran: Lake, invoke: Ask) -> None:
    done: Any = invoke("--root", ran.settings.root, "export", FINAL, "f", "--folds", "50")
    assert done.code == 0
    assert "hold nobody" in done.err
    folds = folds_in(Path("f"))
    assert len(folds) == 50
    assert flat(folds) == Counter(ran.rows(FINAL))
