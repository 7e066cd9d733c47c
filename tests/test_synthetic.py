"""The generator's truth against the jobs' SQL, the contract, and a plain loop over the files."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from conftest import mostly_slow

from stedi_cli.datasets.synthetic import Request, generate, owned_readings
from stedi_cli.datasets.synthetic.lines import FIELDS
from stedi_cli.errors import UsageError
from stedi_cli.landing import contract
from stedi_cli.landing.traces import Traced, traces

PROJECT = Path(__file__).parents[1]
MODEL = yaml.safe_load((PROJECT / "configs" / "lakehouse.yaml").read_text(encoding="utf-8"))
LANDING = {name: table for name, table in MODEL["tables"].items() if table["zone"] == "landing"}
COUNTED = [name for name, table in MODEL["tables"].items() if table["zone"] != "quarantine"]
TRACED = {
    "customer_landing": Traced("email", "serialNumber", "lastUpdateDate"),
    "accelerometer_landing": Traced("user", None, "timestamp"),
}
DUCKDB_TYPES = {"string": "VARCHAR", "long": "BIGINT", "double": "DOUBLE"}

SAMPLE: dict[str, Any] = {
    "customers": 120,
    "seed": 7,
    "shared_serials": 30,
    "dirty": 0.005,
    "updates": 0.25,
    "duplicates": 0.02,
}
"""The arguments that give ``data/sample``."""

CLEAN: list[dict[str, Any]] = [
    {"customers": 1},
    {"customers": 2, "shared_serials": 1, "updates": 1.0, "duplicates": 1.0},
    {"customers": 300},
    {"customers": 200, "updates": 1.0},
    {"customers": 200, "updates": 1.0, "duplicates": 0.3},
    {"customers": 150, "duplicates": 1.0},
    {"customers": 200, "shared_serials": 1},
    {"customers": 200, "shared_serials": 30},
    {"customers": 200, "shared_serials": 200, "updates": 0.5},
    {"customers": 300, "shared_serials": 150, "updates": 1.0, "duplicates": 0.1},
    {"customers": 300, "shared_serials": 30, "updates": 0.4, "duplicates": 0.05},
]


def named(arguments: dict[str, Any]) -> str:
    return "-".join(f"{name}{value}" for name, value in arguments.items())


# --- What the jobs make of the files ----------------------------------------------------------


def lakehouse(
    files: Callable[[str], list[Path]], policy: str, held_back: list[Any] | None = None
) -> duckdb.DuckDBPyConnection:
    """All tables, built by the jobs' SQL as it stands, from the files of each landing folder."""
    database = duckdb.connect(config={"threads": 2})
    database.execute("SET disabled_optimizers='join_order,build_side_probe_side'")
    database.execute(
        'CREATE TABLE held_back ("table" VARCHAR, file VARCHAR, line BIGINT,'
        " email VARCHAR, serialNumber VARCHAR, instant BIGINT)"
    )
    if held_back:
        database.executemany("INSERT INTO held_back VALUES (?, ?, ?, ?, ?, ?)", held_back)
    for name, table in LANDING.items():
        columns = {column["name"]: DUCKDB_TYPES[column["type"]] for column in table["columns"]}
        paths = [str(path) for path in files(table["folder"])]
        database.execute(
            f"CREATE TABLE {name} AS SELECT * FROM "
            f"read_json({paths!r}, format='newline_delimited', columns={columns!r},"
            " hive_partitioning=false)"
        )
    for name, job in MODEL["jobs"].items():
        path = PROJECT / "jobs" / policy / f"{name}.sql"
        path = path if path.exists() else PROJECT / "jobs" / f"{name}.sql"
        database.execute(f"CREATE TABLE {job['writes']} AS {path.read_text(encoding='utf-8')}")
    return database


def counted(
    files: Callable[[str], list[Path]], policy: str, held_back: list[Any] | None = None
) -> dict[str, int]:
    with lakehouse(files, policy, held_back) as database:
        return {
            table: database.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
            for table in COUNTED
        }


def files_in(directory: Path) -> Callable[[str], list[Path]]:
    return lambda folder: sorted((directory / folder / "landing").iterdir())


@pytest.mark.parametrize("arguments", mostly_slow(CLEAN, quick=2), ids=named)
@pytest.mark.parametrize("policy", ["strict", "published"])
def test_counts_are_those_of_the_jobs(
    tmp_path: Path, arguments: dict[str, Any], policy: str
) -> None:
    truth = generate(tmp_path / "lake", Request(**arguments))
    assert truth.counts[policy] == counted(files_in(tmp_path / "lake"), policy)
    assert truth.quarantine == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 14))
def test_counts_are_those_of_the_jobs_for_other_seeds(tmp_path: Path, seed: int) -> None:
    arguments: dict[str, Any] = {
        "customers": 40 + 13 * seed,
        "shared_serials": (0, 1, 7, 30, 40 + 13 * seed)[seed % 5],
        "updates": (1.0, 0.5, 0.1)[seed % 3],
        "duplicates": (0.0, 0.01, 0.5)[seed // 2 % 3],
    }
    truth = generate(tmp_path / "lake", Request(seed=seed, **arguments))
    for policy, counts in truth.counts.items():
        assert counts == counted(files_in(tmp_path / "lake"), policy)


# --- Whom a step reading belongs to -----------------------------------------------------------


def rows(directory: Path, folder: str) -> Iterator[dict[str, Any]]:
    for path in files_in(directory)(folder):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def same_person(email: str) -> str:
    return email.strip(" ").lower()


def recency(record: dict[str, Any]) -> tuple[Any, ...]:
    """Smaller is later, the contract's ties included."""
    consent = record.get("shareWithResearchAsOfDate")
    rest = [record.get(field.name) for field in FIELDS["customer"]]
    return (
        -record["lastUpdateDate"],
        (0, 0) if consent is None else (1, -consent),
        *((value is None, value or 0) for value in rest),
    )


def owners(directory: Path) -> dict[tuple[int, str, int], str | None]:
    """The owner of every step reading, by a plain loop over the files."""
    records: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in rows(directory, "customer"):
        records[same_person(record["email"])].append(record)
    holders: dict[str, set[str]] = defaultdict(set)
    for person, known in records.items():
        holders[min(known, key=recency)["serialNumber"]].add(person)
    present: dict[int, set[str]] = defaultdict(set)
    for reading in rows(directory, "accelerometer"):
        present[reading["timestamp"]].add(same_person(reading["user"]))
    found = {}
    for step in rows(directory, "step_trainer"):
        instant, serial, distance = step.values()
        people = holders[serial]
        if len(people) > 1:
            people = people & present[instant]
        found[instant, serial, distance] = next(iter(people)) if len(people) == 1 else None
    return found


OWNED = [arguments for arguments in CLEAN if arguments["customers"] >= 200]


@pytest.mark.parametrize("arguments", mostly_slow(OWNED, quick=2), ids=named)
def test_each_reading_belongs_to_whom_the_generator_says(
    tmp_path: Path, arguments: dict[str, Any]
) -> None:
    truth = generate(tmp_path / "lake", Request(**arguments))
    readings = list(owned_readings(Request(**arguments)))
    found = owners(tmp_path / "lake")
    assert {(r.time, r.serial, r.distance): r.owner for r in readings} == found
    nobodys = [tuple(s.values()) for s in rows(tmp_path / "lake", "step_trainer")]
    assert truth.nobody == sum(found[key] is None for key in nobodys)
    with lakehouse(files_in(tmp_path / "lake"), "strict") as database:
        trusted = database.execute(
            "SELECT sensorReadingTime, serialNumber, distanceFromObject FROM step_trainer_trusted"
        ).fetchall()
    assert set(trusted) == {(r.time, r.serial, r.distance) for r in readings if r.usable}


def test_shared_serial_numbers_leave_readings_to_nobody_and_to_holders_who_did_not_agree() -> None:
    readings = list(owned_readings(Request(customers=400, shared_serials=30, updates=0.3)))
    assert len({reading.serial for reading in readings}) == 30
    assert sum(reading.owner is None for reading in readings) > 30
    assert sum(reading.usable for reading in readings) > 3000
    assert sum(reading.owner is not None and not reading.usable for reading in readings) > 3000


# --- Unusable lines, and usable ones in an unusual spelling -----------------------------------

DIRTY: list[dict[str, Any]] = [
    {"customers": 200, "dirty": 1.0, "unreadable": 60},
    {"customers": 200, "dirty": 0.02, "updates": 0.3, "duplicates": 0.05, "shared_serials": 30},
    {"customers": 300, "dirty": 0.1, "updates": 0.5, "shared_serials": 300, "unreadable": 30},
    {"customers": 300, "dirty": 0.02, "updates": 0.5, "shared_serials": 150},
    {"customers": 300, "dirty": 0.01, "updates": 0.2, "shared_serials": 7, "unreadable": 1},
    SAMPLE,
]


def judged(directory: Path, clean: Path) -> tuple[dict[str, dict[str, int]], list[Any]]:
    """Judge every line; write the usable ones anew.

    Returns:
        The others by table and reason, and what is made out of them.
    """
    quarantine: dict[str, Counter[str]] = defaultdict(Counter)
    held_back = []
    for table, description in LANDING.items():
        folder = description["folder"]
        usable = []
        for path in files_in(directory)(folder):
            for number, line in enumerate(path.read_bytes().split(b"\n")):
                if not line.strip(contract.BLANKS):
                    continue
                try:
                    usable.append(contract.judge(line, FIELDS[folder], first=number == 0))
                except contract.Unusable as reason:
                    quarantine[table][str(reason)] += 1
                    if traced := TRACED.get(table):
                        found = traces(line, FIELDS[folder], traced, first=number == 0)
                        held_back += [(table, path.name, number + 1, *trace) for trace in found]
        lines = [json.dumps({k: v for k, v in row.items() if v is not None}) for row in usable]
        (clean / folder / "landing").mkdir(parents=True)
        (clean / folder / "landing" / "all.json").write_text("\n".join(lines), encoding="utf-8")
    return {table: dict(reasons) for table, reasons in quarantine.items()}, held_back


@pytest.mark.slow
@pytest.mark.parametrize("arguments", DIRTY, ids=named)
def test_unusable_lines_are_those_the_contract_refuses_and_take_away_what_is_said(
    tmp_path: Path, arguments: dict[str, Any]
) -> None:
    truth = generate(tmp_path / "dirty", Request(**arguments))
    quarantine, held_back = judged(tmp_path / "dirty", tmp_path / "judged")
    assert quarantine == truth.quarantine
    unreadable = {row[:3] for row in held_back if row[0] in LANDING and None in row[3:5]}
    customers = {place for place in unreadable if place[0] == "customer_landing"}
    assert len(customers) == truth.unreadable == arguments.get("unreadable", 0)
    clean = generate(tmp_path / "clean", Request(**{**arguments, "dirty": 0.0, "unreadable": 0}))
    assert truth.counts["published"] == clean.counts["published"]
    assert truth.held_back > 0
    taken = {t: clean.counts["strict"][t] - n for t, n in truth.counts["strict"].items()}
    assert 0 < taken["customer_trusted"] <= truth.held_back
    for policy, counts in truth.counts.items():
        assert counts == counted(files_in(tmp_path / "judged"), policy, held_back)


def test_every_reason_that_a_small_file_can_have_occurs_in_every_table_that_can(
    tmp_path: Path,
) -> None:
    source = Path(contract.__file__).read_text(encoding="utf-8")
    codes = set(re.findall(r'Unusable\(f?"([a-z0-9-]+)', source)) - {"too-long"}
    codes.add(contract.IMPLAUSIBLE)
    truth = generate(tmp_path / "lake", Request(customers=100, dirty=1.0, unreadable=50))
    found = {table: set(reasons) for table, reasons in truth.quarantine.items()}
    assert {reason.split(":")[0] for reason in set().union(*found.values())} == codes
    for table, description in LANDING.items():
        for column in description["columns"]:
            name = column["name"]
            expected = {"not-text"} if column["type"] == "string" else {"not-a-number"}
            expected |= {"missing"} if column.get("required") else set()
            assert {f"{code}:{name}" for code in expected} <= found[table]


def test_unusual_lines_are_there(tmp_path: Path) -> None:
    generate(tmp_path / "lake", Request(customers=200, dirty=0.02))
    for folder in FIELDS:
        contents = [path.read_bytes() for path in files_in(tmp_path / "lake")(folder)]
        assert sum(content.startswith(b"\xef\xbb\xbf") for content in contents) == 1
        assert sum(not content.endswith(b"\n") for content in contents) == 1
    together = b"".join(path.read_bytes() for path in files_in(tmp_path / "lake")("accelerometer"))
    for spelling in (
        rb'"timestamp":"\d{13}"',
        rb'"timestamp":1\.\d{12}E12',
        rb'"timestamp":\d{13}\.0',
        rb"}\r\n",
        rb",\r",
        rb"\n\n",
        rb"\n \t\n",
        rb'"firmware":{',
        rb"\\u0040",
        rb" :\t",
    ):
        assert re.search(spelling, together), spelling


def test_little_dirt_stays_below_one_in_a_hundred(tmp_path: Path) -> None:
    truth = generate(tmp_path / "lake", Request(**SAMPLE))
    assert set(truth.quarantine) == set(LANDING)
    for table, reasons in truth.quarantine.items():
        bad = sum(reasons.values())
        assert bad / (bad + truth.counts["strict"][table]) < 0.008


# --- The shape --------------------------------------------------------------------------------


def test_keys_are_the_models() -> None:
    for table in LANDING.values():
        assert list(FIELDS[table["folder"]]) == [
            contract.Field(
                *(column["name"], column["type"], column.get("required", False)),
                range(946_684_800_000, 4_102_444_800_000) if column.get("instant") else None,
                column["name"] == table.get("held_back", {}).get("email"),
            )
            for column in table["columns"]
        ]


def test_data_has_the_public_datas_shape(tmp_path: Path) -> None:
    truth = generate(tmp_path / "lake", Request(customers=956))
    strict, published = truth.counts["strict"], truth.counts["published"]
    assert strict["customer_landing"] == 956
    assert strict["step_trainer_landing"] == 28_680
    assert 80_000 < strict["accelerometer_landing"] < 82_500
    assert 440 < strict["customer_trusted"] == published["customer_trusted"] < 530
    assert 0.94 < strict["customers_curated"] / published["customers_curated"] < 0.98
    assert 0.7 < strict["accelerometer_trusted"] / published["accelerometer_trusted"] < 0.85
    assert strict["machine_learning_curated"] == strict["accelerometer_trusted"]
    assert published["accelerometer_trusted"] < published["machine_learning_curated"]
    assert truth.nobody == 0
    assert 10_000_000 < truth.size < 13_000_000


def test_lines_are_spelled_like_the_public_ones(tmp_path: Path) -> None:
    generate(tmp_path / "lake", Request(customers=50))
    spelled = {
        "customer": r'{"customerName": "[^"\\]+", "email": "[A-Za-z.0-9]+@example\.(com|org|net)", '
        r'"phone": "\d+", "birthDay": "\d{4}-\d\d-\d\d", "serialNumber": "[0-9a-f-]{36}", '
        r'"registrationDate": \d{13}, "lastUpdateDate": \d{13}'
        r'(, "shareWithResearchAsOfDate": \d{13})?(, "shareWithPublicAsOfDate": \d{13})?'
        r'(, "shareWithFriendsAsOfDate": \d{13})?}',
        "accelerometer": r'{"user":"[^"]+","timestamp":\d{13},'
        r'"x":-?\d\.\d{1,4},"y":-?\d\.\d{1,4},"z":-?\d\.\d{1,4}}',
        "step_trainer": r'{"sensorReadingTime":\d{13},"serialNumber":"[0-9a-f-]{36}",'
        r'"distanceFromObject":\d{3}}',
    }
    for folder, spelling in spelled.items():
        for path in files_in(tmp_path / "lake")(folder):
            content = path.read_text(encoding="utf-8")
            assert re.fullmatch(f"({spelling}\n)+", content), path
            assert "-0.0," not in content
    customers = list(rows(tmp_path / "lake", "customer"))
    assert min(customer["birthDay"] for customer in customers) < "1582-10-15"
    assert any("shareWithResearchAsOfDate" not in customer for customer in customers)


@pytest.mark.slow
def test_nobody_in_the_data_is_in_the_public_data(tmp_path: Path, public_data: Path) -> None:
    generate(tmp_path / "lake", Request(customers=2000))
    for key in ("customerName", "email", "serialNumber"):
        invented = {customer[key] for customer in rows(tmp_path / "lake", "customer")}
        assert not invented & {customer[key] for customer in rows(public_data, "customer")}


# --- The same bytes, whole or not at all ------------------------------------------------------


def contents(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name != ".gitattributes"
    }


@pytest.mark.slow
def test_same_arguments_give_the_same_bytes_in_any_number_of_processes(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {**SAMPLE, "customers": 500}
    truths = [
        generate(tmp_path / "one", Request(**arguments)),
        generate(tmp_path / "same", Request(**arguments)),
        generate(tmp_path / "two", Request(**arguments), processes=2),
    ]
    assert truths[0] == truths[1] == truths[2]
    assert contents(tmp_path / "one") == contents(tmp_path / "same") == contents(tmp_path / "two")


def test_another_seed_gives_other_data(tmp_path: Path) -> None:
    one = generate(tmp_path / "one", Request(customers=50))
    two = generate(tmp_path / "two", Request(customers=50, seed=2))
    assert not set(one.files.values()) & set(two.files.values())


def test_the_sample_is_what_its_arguments_give(tmp_path: Path) -> None:
    generate(tmp_path / "lake", Request(**SAMPLE))
    sample = contents(PROJECT / "data" / "sample")
    assert contents(tmp_path / "lake") == sample
    assert sum(map(len, sample.values())) < 2_000_000


def test_expected_yaml_holds_the_truth_about_the_files(tmp_path: Path) -> None:
    truth = generate(tmp_path / "lake", Request(**SAMPLE))
    expected = yaml.safe_load((tmp_path / "lake" / "expected.yaml").read_text(encoding="utf-8"))
    assert expected["source"].startswith("Synthetic data, 120 customers, seed 7, 30 shared")
    assert expected["counts"] == truth.counts
    assert sorted(expected["counts"]["strict"]) == sorted(COUNTED)
    assert expected["quarantine"] == truth.quarantine
    assert expected["nobody"] == truth.nobody > 0
    landing = {k: v for k, v in contents(tmp_path / "lake").items() if k != "expected.yaml"}
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in landing.items()}
    assert expected["files"] == truth.files == digests
    assert sum(map(len, landing.values())) == truth.size


def test_expected_yaml_of_plain_data_says_nothing_of_dirt(tmp_path: Path) -> None:
    generate(tmp_path / "lake", Request(customers=10))
    expected = yaml.safe_load((tmp_path / "lake" / "expected.yaml").read_text(encoding="utf-8"))
    assert list(expected) == ["source", "files", "sums", "counts"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"customers": 0}, "at least one customer"),
        ({"customers": 10, "shared_serials": 11}, "10 customers cannot share 11"),
        ({"shared_serials": -1}, "cannot share -1"),
        ({"dirty": -0.1}, "dirty must be a share"),
        ({"updates": 1.01}, "updates must be a share"),
        ({"duplicates": float("nan")}, "duplicates must be a share"),
    ],
    ids=str,
)
def test_an_impossible_argument_is_refused(
    workspace: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as error:
        generate(workspace / "lake", Request(**arguments))
    assert error.value.hint
    assert list(workspace.iterdir()) == []


def test_a_folder_that_holds_something_is_refused_and_left_alone(workspace: Path) -> None:
    (workspace / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        generate(workspace, Request(customers=5))
    with pytest.raises(UsageError, match="is not a folder"):
        generate(workspace / "mine.txt", Request(customers=5))
    assert contents(workspace) == {"mine.txt": b"mine"}


def test_an_empty_folder_and_one_in_a_folder_to_be_made_are_taken(workspace: Path) -> None:
    (workspace / "empty").mkdir()
    generate(workspace / "empty", Request(customers=5))
    generate(workspace / "new" / "folder", Request(customers=5))
    assert contents(workspace / "empty") == contents(workspace / "new" / "folder")
    assert sorted(path.name for path in workspace.iterdir()) == ["empty", "new"]


def test_nothing_is_left_of_an_interrupted_run_and_progress_is_told(workspace: Path) -> None:
    told = []
    said: list[str] = []

    def interrupt(done: int, total: int) -> None:
        told.append((done, total))
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        request = Request(customers=10, shared_serials=3)
        generate(workspace / "lake", request, progress=interrupt, now=said.append)
    assert told == [(3, 10), (6, 10), (9, 10), (10, 10)]
    assert said == ["Sharing serial numbers", "Writing customers"]
    assert list(workspace.iterdir()) == []


@pytest.mark.slow
def test_a_killed_run_leaves_no_data_set_and_no_process(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from stedi_cli.datasets.synthetic import Request, generate\n"
        "tell = lambda done, total: print(done, flush=True)\n"
        "generate(pathlib.Path(sys.argv[1]), Request(customers=40000), processes=2, progress=tell)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "lake")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=PROJECT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.kill()
        # The workers hold this pipe too, so it ends when they do.
        process.communicate(timeout=20)
    assert not (tmp_path / "lake").exists()
