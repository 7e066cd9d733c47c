"""Every check fails where its rule is broken, and only there."""

from __future__ import annotations

import dataclasses
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PROJECT, Lake, Result, mostly_slow
from small import FOLDERS, JOBS, MOTIONS, SMALL, STRICT, C, customer, motion, write_lake

from stedi_cli.checks.validation import Validation
from stedi_cli.errors import UsageError
from stedi_cli.local.layout import to_uri
from stedi_cli.local.table_files import open_catalog
from stedi_cli.project.folder import copy_out
from stedi_cli.project.lakehouse import Column, Table
from stedi_cli.tables import iceberg

Row = dict[str, Any]
Rows = list[Row]

TYPES = {"string": pa.string(), "long": pa.int64(), "double": pa.float64()}
SQL_CHECKS = {path.stem for path in (PROJECT / "jobs" / "checks").glob("*.sql")}
WITH_KEY = (
    "customer_trusted",
    "accelerometer_trusted",
    "step_trainer_trusted",
    "customers_curated",
)
KEYS = {f"{table}_key" for table in WITH_KEY}
OTHER_CHECKS = {"machine_learning_curated_no_personal_columns"} | KEYS
OTHER_CHECKS |= {f"{table}_accounted" for table in FOLDERS}
ACCOUNTS = {f"{table}_accounted" for table in JOBS.values()}
OTHER_CHECKS |= ACCOUNTS


# --- A lake with one unusable line a table, and ways to break it ------------------------------


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder = tmp_path_factory.mktemp("checks")
    lake = Lake(folder / "lake", max_bad_rows=1).up()
    lake.upload(write_lake(folder / "data"))
    lake.upload(write_lake(folder / "bad", {name: {"bad.json": b"{}\n"} for name in FOLDERS}))
    lake.run()
    return lake


def violations(lake: Lake) -> dict[str, int]:
    """The checks that report something, but for the sums of jobs, which many a change breaks."""
    broken = {c.check: c.violations for c in lake.validate().checks if c.violations}
    return {check: number for check, number in broken.items() if check not in ACCOUNTS}


def rows_of(lake: Lake, table: str) -> Rows:
    names = [column.name for column in lake.model.tables[table].columns]
    return [dict(zip(names, row, strict=True)) for row in lake.rows(table)]


def put(lake: Lake, table: Table, rows: Rows) -> None:
    """Replace a table's content, as no job would, and leave what is said of its making."""
    current = lake.states()[table.name].current
    made = current.provenance.to_summary() if current and current.provenance else {}
    path = lake.layout.warehouse / table.name / "data" / f"{uuid.uuid4().hex}.parquet"
    schema = pa.schema([(column.name, TYPES[column.type]) for column in table.columns])
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    catalog = open_catalog(lake.layout)
    iceberg.replace(catalog, table, {to_uri(path): path}, made, keep=3, forget=False)


@contextmanager
def replaced(lake: Lake, table: str, change: Callable[[Rows], Rows]) -> Iterator[None]:
    before = rows_of(lake, table)
    put(lake, lake.model.tables[table], change([dict(row) for row in before]))
    try:
        yield
    finally:
        put(lake, lake.model.tables[table], before)


def added(**values: Any) -> Callable[[Rows], Rows]:
    """Another row, alike the first but for some values."""
    return lambda rows: [*rows, rows[0] | values]


def as_landed(record: Row) -> Callable[[Rows], Rows]:
    """Another row, as a landing record says."""
    return lambda rows: [*rows, dict.fromkeys(rows[0]) | record]


def doubled(**where: Any) -> Callable[[Rows], Rows]:
    """A row twice; spelled may be an e-mail, where another spelling is the same person."""
    spelled = where.pop("spelled", {})
    return lambda rows: [*rows, *(row | spelled for row in rows if where.items() <= row.items())]


def changed(where: Row, **values: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [row | values if where.items() <= row.items() else row for row in rows]


def without(**where: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [row for row in rows if not where.items() <= row.items()]


ANN, BOB = {"email": "ann@x.org"}, {"email": "bob@x.org"}
SHARED = "serial-shared"
CURATED_ONCE, CURATED_READINGS = "customers_curated_one_row_each", "customers_curated_readings"
OWNER, STEP_ONCE = "step_trainer_trusted_owner", "step_trainer_trusted_no_duplicates"
CONSENT, ONCE = "customer_trusted_consent", "customer_trusted_one_row_each"
READING, READING_ONCE = "accelerometer_trusted_consent", "accelerometer_trusted_no_duplicates"
JOINED, BY_TIME = "machine_learning_curated_owner_join", "machine_learning_curated_time_join"
CT, AT, CC, ST, ML = JOBS.values()
CT_KEY, AT_KEY, CC_KEY, ST_KEY = (f"{table}_key" for table in (CT, AT, CC, ST))
CT_ROWS, AT_ROWS, CC_ROWS, ST_ROWS = (f"{table}_rows" for table in (CT, AT, CC, ST))
AT_OFTEN, ST_OFTEN = (f"{table}_as_often" for table in (AT, ST))
HOLDER, OF_CUSTOMER = "step_trainer_trusted_holder", "accelerometer_trusted_customer"
RECORD = "customer_trusted_record_consent"

Breaking = tuple[str, str, Callable[[Rows], Rows], dict[str, int]]
BREAKINGS: list[Breaking] = [
    (
        "a customer who withdrew",
        CT,
        as_landed(customer("cid@x.org", SHARED, C - 1000)),
        {CONSENT: 1},
    ),
    (
        "a customer nobody delivered",
        CT,
        as_landed(customer("eve@x.org", "s", C)),
        {CONSENT: 1, CT_ROWS: 1},
    ),
    (
        "an outdated record",
        CT,
        changed(ANN, lastUpdateDate=C - 2000),
        {CONSENT: 1, CT_ROWS: 1, CC_ROWS: 1},
    ),
    (
        "another consent date",
        CT,
        changed(ANN, shareWithResearchAsOfDate=C - 1),
        {CONSENT: 1, CT_ROWS: 1, CC_ROWS: 1},
    ),
    ("a customer without a phone", CT, changed(ANN, phone=None), {CT_ROWS: 1, CC_ROWS: 1}),
    (
        "a customer's name in the place of the phone",
        CT,
        changed(ANN, customerName="5550100142", phone="Name of ann@x.org"),
        {CT_ROWS: 1, CC_ROWS: 1},
    ),
    (
        "a customer without consent",
        CT,
        changed(BOB, shareWithResearchAsOfDate=None),
        {CONSENT: 1, READING: 1, CT_ROWS: 1, CC_ROWS: 1},
    ),
    ("a customer twice", CT, doubled(**BOB), {ONCE: 1, CT_KEY: 1, CT_ROWS: 1}),
    (
        "a customer spelled twice",
        CT,
        doubled(**BOB, spelled={"email": " BOB@x.org"}),
        {ONCE: 1, CT_ROWS: 1},
    ),
    ("no trusted customer", CT, without(**BOB), {READING: 1, CURATED_READINGS: 1, CC_ROWS: 1}),
    ("a reading before consent", AT, added(user="ann@x.org", timestamp=C - 1), {READING: 1}),
    ("a reading of one who withdrew", AT, added(user="cid@x.org", timestamp=C + 30), {READING: 1}),
    (
        "a stranger's reading",
        AT,
        added(user="eve@x.org", timestamp=C + 9),
        {READING: 1, AT_ROWS: 1},
    ),
    ("a reading changed", AT, changed({"timestamp": C + 20}, x=7.0), {AT_ROWS: 1, JOINED: 2}),
    (
        "a reading's axes exchanged",
        AT,
        changed({"timestamp": C + 20}, x=-1.0, y=0.5),
        {AT_ROWS: 1, JOINED: 2},
    ),
    ("a reading of no value", AT, changed({"timestamp": C + 20}, z=None), {AT_ROWS: 1, JOINED: 2}),
    (
        "a reading of another instant",
        AT,
        changed({"timestamp": C + 20}, timestamp=C + 21),
        {AT_ROWS: 1, JOINED: 1},
    ),
    (
        "a reading of another person",
        AT,
        changed({"timestamp": C + 20}, user="fay@x.org"),
        {AT_ROWS: 1, CURATED_READINGS: 1, JOINED: 1},
    ),
    ("a reading spelled otherwise", AT, changed({"timestamp": C}, user=" Ann@x.org"), {}),
    ("a reading twice", AT, doubled(timestamp=C + 20), {READING_ONCE: 1, AT_KEY: 1, JOINED: 1}),
    (
        "a reading twice, spelled otherwise",
        AT,
        doubled(timestamp=C + 20, spelled={"user": "Bob@X.org"}),
        {READING_ONCE: 1, JOINED: 1},
    ),
    (
        "a curated customer's readings gone",
        AT,
        without(timestamp=C + 20),
        {CURATED_READINGS: 1, JOINED: 1},
    ),
    (
        "a curated customer twice",
        CC,
        doubled(**BOB),
        {CURATED_ONCE: 1, CC_KEY: 1, CC_ROWS: 1, JOINED: 1},
    ),
    ("a curated customer changed", CC, changed(ANN, birthDay="1967-01-01"), {CC_ROWS: 1}),
    (
        "curated without readings",
        CC,
        added(email="dan@x.org", serialNumber="s"),
        {CURATED_READINGS: 1, CC_ROWS: 1},
    ),
    (
        "curated but not trusted",
        CC,
        added(email="eve@x.org", serialNumber="s"),
        {CURATED_READINGS: 1, CC_ROWS: 1},
    ),
    ("a curated customer gone", CC, without(**BOB), {OWNER: 1, JOINED: 1}),
    (
        "a step before consent",
        ST,
        added(serialNumber="serial-ann", sensorReadingTime=C - 1),
        {OWNER: 1},
    ),
    (
        "a step of one who withdrew",
        ST,
        added(serialNumber="serial-shared", sensorReadingTime=C + 30),
        {OWNER: 1},
    ),
    ("nobody's step", ST, added(serialNumber="serial-shared", sensorReadingTime=C), {OWNER: 1}),
    (
        "a step of no holder",
        ST,
        added(serialNumber="none", sensorReadingTime=C + 9),
        {OWNER: 1, ST_ROWS: 1},
    ),
    (
        "a step's distance changed",
        ST,
        changed({"sensorReadingTime": C + 40}, distanceFromObject=219),
        {ST_ROWS: 1},
    ),
    (
        "a step without a distance",
        ST,
        changed({"sensorReadingTime": C + 40}, distanceFromObject=None),
        {ST_ROWS: 1},
    ),
    (
        "a step of another instant",
        ST,
        changed({"sensorReadingTime": C + 40}, sensorReadingTime=C + 41),
        {ST_ROWS: 1},
    ),
    (
        "a step of one who is not curated",
        ST,
        added(serialNumber="serial-dan", sensorReadingTime=C + 50),
        {OWNER: 1},
    ),
    (
        "a step without a pair twice",
        ST,
        doubled(sensorReadingTime=C + 40),
        {STEP_ONCE: 1, ST_KEY: 1},
    ),
    (
        "a step with a pair twice",
        ST,
        doubled(sensorReadingTime=C),
        {STEP_ONCE: 1, ST_KEY: 1, JOINED: 1},
    ),
    ("a pair missing", ML, without(sensorReadingTime=C), {JOINED: 1}),
    ("a pair twice", ML, doubled(sensorReadingTime=C), {JOINED: 1}),
    # The step of one beside the reading of the other.
    (
        "two people in a pair",
        ML,
        added(sensorReadingTime=C + 10, distanceFromObject=99),
        {JOINED: 1},
    ),
    ("a pair changed", ML, changed({"sensorReadingTime": C}, x=7.0), {JOINED: 2}),
]


@pytest.mark.parametrize(
    ("table", "change", "expected"),
    mostly_slow([tuple(breaking) for _, *breaking in BREAKINGS]),
    ids=[name for name, *_ in BREAKINGS],
)
def test_a_broken_rule_is_reported(
    intact: Lake, table: str, change: Callable[[Rows], Rows], expected: dict[str, int]
) -> None:
    with replaced(intact, table, change):
        report = intact.validate()
        assert violations(intact) == expected
        assert {c.check for c in report.checks if not c.ok} - ACCOUNTS == set(expected)
        assert not report.ok


@pytest.mark.slow
@pytest.mark.parametrize(
    ("landing", "change"),
    [(name, change) for name in FOLDERS for change in (without(table=name), doubled(table=name))],
)
def test_a_line_neither_used_nor_quarantined_is_reported(
    intact: Lake, landing: str, change: Callable[[Rows], Rows]
) -> None:
    with replaced(intact, "quarantine", change):
        assert violations(intact) == {f"{landing}_accounted": 1}


@pytest.mark.parametrize(
    ("table", "number"),
    mostly_slow([(table, number) for table in JOBS.values() for number in (-1, 2)]),
)
def test_a_row_neither_in_a_table_nor_in_its_account_is_reported(
    intact: Lake, table: str, number: int
) -> None:
    def other(rows: Rows) -> Rows:
        return rows[:number] if number < 0 else [*rows, *[rows[0]] * number]

    with replaced(intact, table, other):
        report = intact.validate()
        broken = {c.check: c.violations for c in report.checks if c.violations}
        # The last table is both sides' of a join.
        assert broken[f"{table}_accounted"] == abs(number) * (2 if table == ML else 1)
        assert not report.ok


@pytest.mark.slow
@pytest.mark.parametrize(("missing", "expected"), [(1, None), (2, 1)])
def test_a_key_without_a_value_is_shared_by_a_second_one(
    intact: Lake, missing: int, expected: int | None
) -> None:
    def nameless(rows: Rows) -> Rows:
        return [*rows, *[rows[0] | {"user": None}] * missing]

    with replaced(intact, AT, nameless):
        assert violations(intact).get(AT_KEY) == expected


@pytest.mark.slow
def test_the_key_of_a_table_of_ones_own_is_checked(tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    model = project / "configs" / "lakehouse.yaml"
    text = model.read_text()
    line = "    columns_of: step_trainer_landing\n    key: [sensorReadingTime, serialNumber,"
    assert text.count(line) == 1
    model.write_text(text.replace(line, "    columns_of: step_trainer_landing\n    key: ["))
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data", SMALL))
    lake.run()
    # Of the five steps four have the same distance.
    assert violations(lake) == {ST_KEY: 1}


@pytest.mark.slow
@pytest.mark.parametrize("column", mostly_slow(["email", "serialNumber", "USER", "somethingNew"]))
def test_a_column_that_is_not_allowed_is_reported(intact: Lake, column: str) -> None:
    table = intact.model.tables[ML]
    before = rows_of(intact, ML)
    columns = (*table.columns, Column(column, "string", "Not allowed"))
    put(intact, dataclasses.replace(table, columns=columns), before)
    assert violations(intact) == {f"{ML}_no_personal_columns": 1}
    put(intact, table, before)


def test_every_check_holds_on_the_intact_lake_and_has_a_test_that_breaks_it(intact: Lake) -> None:
    report = intact.validate()
    assert not any(check.violations for check in report.checks)
    broken = {check for *_, expected in BREAKINGS for check in expected} | OTHER_CHECKS
    assert {check.check for check in report.checks} == broken
    assert broken == SQL_CHECKS | OTHER_CHECKS


# --- Wrong jobs ---------------------------------------------------------------------------------

# The course's rule for one job amid the strict ones, and what that breaks in the small lake.
WRONG_JOBS = {
    "customer_landing_to_trusted": {CONSENT: 1},
    "accelerometer_landing_to_trusted": {READING: 2, READING_ONCE: 1, AT_KEY: 1},
    "step_trainer_trusted": {OWNER: 3, STEP_ONCE: 1, ST_KEY: 1},
    "machine_learning_curated": {JOINED: 2},
}


@pytest.mark.slow
@pytest.mark.parametrize("job", WRONG_JOBS)
def test_a_wrong_job_is_reported(tmp_path: Path, job: str) -> None:
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    wrong = project / "jobs" / "published" / f"{job}.sql"
    wrong.rename(project / "jobs" / f"{job}.sql")
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data", SMALL))
    lake.run()
    assert violations(lake) == WRONG_JOBS[job]
    report = lake.validate()
    assert f"{JOBS[job]}_accounted" in {c.check for c in report.checks if not c.ok}
    assert not report.ok


# Policy, job, what is changed in its SQL, and what that breaks in the small lake: values, or rows,
# in the place of others, where hardly any count is another.
PEOPLE_JOB, MOTION_JOB, CURATED_JOB, STEP_JOB, _ = JOBS
STEP, MOTION = "step_trainer_landing", "accelerometer_landing"
ONE_MOTION = f"FROM {MOTION} o\nJOIN {MOTION} a ON a.timestamp = {C + 20}\nWHERE o."
ONE_STEP = f"FROM {STEP} o\nJOIN {STEP} t ON t.sensorReadingTime = {C + 20}\nWHERE o."
NAME = ("c.customerName, c.email, c.phone,", "c.phone AS customerName, c.email, c.email AS phone,")
NAME_LANDED = tuple(text.replace("c.", "l.") for text in NAME)
FURTHER = ("t.distanceFromObject\n", "t.distanceFromObject + 1 AS distanceFromObject\n")
AXES = ("a.x, a.y, a.z", "a.y AS x, a.x AS y, a.z")
MIN_AXES = ("min(a.x) AS x, min(a.y) AS y", "min(a.y) AS x, min(a.x) AS y")
AT_NOTHING = ("s.distanceFromObject, a", "0 * s.distanceFromObject AS distanceFromObject, a")
ACCELEROMETER = "consent_on_accelerometer"
MUTANTS = [
    ("strict", STEP_JOB, *FURTHER, {ST_ROWS: 5}),
    ("strict", PEOPLE_JOB, *NAME_LANDED, {CT_ROWS: 4}),
    ("strict", MOTION_JOB, *MIN_AXES, {AT_ROWS: 4}),
    ("strict", CURATED_JOB, *NAME, {CC_ROWS: 3}),
    ("published", ML, *AT_NOTHING, {BY_TIME: 2 * 15}),
    ("published", ML, *AXES, {BY_TIME: 2 * 15}),
    ("published", STEP_JOB, *FURTHER, {ST_ROWS: 10, ST_OFTEN: 2}),
    ("published", STEP_JOB, f"FROM {STEP} t\nWHERE t.", ONE_STEP, {ST_OFTEN: 9}),
    ("published", STEP_JOB, " IN ", " NOT IN ", {HOLDER: 1}),
    ("published", MOTION_JOB, *AXES, {AT_ROWS: 8, AT_OFTEN: 2}),
    ("published", MOTION_JOB, f"FROM {MOTION} a\nWHERE a.", ONE_MOTION, {AT_OFTEN: 7}),
    ("published", MOTION_JOB, " IN ", " NOT IN ", {OF_CUSTOMER: 1}),
    ("published", PEOPLE_JOB, "IS NOT NULL", "IS NULL", {RECORD: 2}),
    (ACCELEROMETER, ML, *AT_NOTHING, {BY_TIME: 2 * 9}),
    (ACCELEROMETER, STEP_JOB, *FURTHER, {ST_ROWS: 9, ST_OFTEN: 2}),
    (ACCELEROMETER, STEP_JOB, f"FROM {STEP} t\nWHERE t.", ONE_STEP, {ST_OFTEN: 8}),
    (ACCELEROMETER, STEP_JOB, " IN ", " NOT IN ", {HOLDER: 2}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "job", "old", "new", "expected"), mostly_slow(MUTANTS))
def test_wrong_rows_of_the_right_number_are_reported(
    tmp_path: Path, policy: str, job: str, old: str, new: str, expected: dict[str, int]
) -> None:
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    file = project / "jobs" / ("" if policy == "strict" else policy) / f"{job}.sql"
    assert file.read_text().count(old) == 1
    file.write_text(file.read_text().replace(old, new))
    lake = Lake(tmp_path / "lake", project=project).up()
    stranger = {MOTION: {"a.json": [*MOTIONS, motion("eve@x.org", C + 60)]}}
    lake.upload(write_lake(tmp_path / "data", SMALL | stranger))
    lake.run(policy=policy)
    report = lake.validate()
    failed = {c.check: c.violations for c in report.checks if c.verdict == "failed"}
    assert {check: n for check, n in failed.items() if check not in ACCOUNTS} == expected
    assert not report.ok


@pytest.mark.slow
def test_what_a_policy_breaks_on_purpose_is_known(lake: Lake) -> None:
    # Of the pairs by time alone six are of two people: ann's step of C - 1 beside dan's reading,
    # a shared step of C, ann's two of C + 10 beside fay's reading, fay's beside ann's two.
    lake.run(policy="published")
    surplus = Counter(lake.rows("machine_learning_curated"))
    surplus.subtract(
        (time, distance, *reading[2:])
        for reading in lake.rows("accelerometer_trusted")
        for owner in lake.rows("customers_curated")
        for time, serial, distance in lake.rows("step_trainer_trusted")
        if (owner[1].strip(" ").lower(), owner[4], reading[1])
        == (reading[0].strip(" ").lower(), serial, time)
    )
    assert len(+surplus | -surplus) == 4
    report = lake.validate()
    assert {c.check: c.violations for c in report.checks if c.violations} == {
        CONSENT: 1,
        READING: 2,
        READING_ONCE: 1,
        OWNER: 2,
        STEP_ONCE: 1,
        AT_KEY: 1,
        ST_KEY: 1,
        JOINED: sum(map(abs, surplus.values())),
    }
    assert all(c.known and c.ok for c in report.checks if c.violations)
    assert report.ok


@pytest.mark.slow
def test_what_consent_on_one_sensor_breaks_is_known(lake: Lake) -> None:
    # ann's step of before her consent, a shared one of nobody, one of cid, who withdrew. By time
    # alone one of C is beside ann's reading, and each of ann and fay beside the other's step.
    lake.run(policy="consent_on_accelerometer")
    counts = STRICT | {"step_trainer_trusted": 9, "machine_learning_curated": 9}
    assert lake.counts() == counts
    report = lake.validate()
    broken = {c.check: c.violations for c in report.checks if c.violations}
    assert broken.keys() == {OWNER, STEP_ONCE, ST_KEY, JOINED}
    assert broken[OWNER] == 3
    assert all(c.known and c.ok for c in report.checks if c.violations)
    assert report.ok


# --- Checks of one's own ------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one's own."""
    copy_out(PROJECT, tmp_path / "project")
    return tmp_path / "project"


@pytest.mark.parametrize(
    "name",
    [
        "customer_landing_accounted",
        "customer_landing",
        "customer_trusted_key",
        "machine_learning_curated_no_personal_columns",
    ],
)
@pytest.mark.parametrize("folder", ["checks", "published/checks"])
def test_a_check_with_the_name_of_another_is_refused(
    project: Path, folder: str, name: str, invoke: Callable[..., Result]
) -> None:
    file = project / "jobs" / folder / f"{name}.sql"
    file.parent.mkdir(exist_ok=True)
    file.write_text("SELECT 1 AS broken\n")
    told = invoke("--config", project / "configs" / "local.yaml", "jobs", "list")
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith(f"Error: {file}: ")


POLICY = "published"


def checks_told(lake: Lake) -> dict[str, tuple[int | None, str, str]]:
    """What each check says, how it is called, and the folder of its file."""
    found = lake.validate().checks
    return {c.check: (c.violations, c.verdict, c.file.parts[-3] if c.file else "") for c in found}


def test_a_check_of_a_policy_is_asked_under_that_alone(
    project: Path, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    own = project / "jobs" / POLICY / "checks"
    own.mkdir(exist_ok=True)
    (own / "nobody.sql").write_text("-- Nobody.\nSELECT email FROM customer_trusted")
    # In the place of the project's.
    (own / f"{READING}.sql").write_text(
        "-- Other.\nSELECT a.timestamp FROM accelerometer_trusted a"
    )
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    strict = checks_told(lake)
    assert strict.keys() == SQL_CHECKS | OTHER_CHECKS
    assert strict[READING] == (0, "ok", "jobs")
    at = ("--config", project / "configs" / "local.yaml", "--root", lake.settings.root, "validate")
    told = invoke(*at, "nobody")
    assert (told.code, told.out) == (2, "")
    assert "'nobody'" in told.err
    # Under which the tables are compared says nothing of the rules they were built by.
    assert "nobody" not in {c.check for c in lake.validate(POLICY).checks}
    lake.run(policy=POLICY)
    published = checks_told(lake)
    assert published.keys() == strict.keys() | {path.stem for path in own.glob("*.sql")}
    assert published["nobody"] == (5, "failed", POLICY)
    assert published[READING] == (8, "known", POLICY)
    assert published[CURATED_READINGS] == (0, "ok", "jobs")
    told = invoke(*at, "nobody", "--show", "--json")
    assert told.code == 3
    (check,) = told.json()["checks"]
    assert (check["rule"], len(check["rows"])) == ("Nobody.", 5)
    lake.run()
    assert checks_told(lake) == strict


@pytest.mark.slow
def test_a_policy_may_break_a_check_of_its_own_on_purpose(project: Path, tmp_path: Path) -> None:
    own = project / "jobs" / POLICY / "checks"
    own.mkdir(exist_ok=True)
    (own / "nobody.sql").write_text("SELECT 1 AS a")
    model = project / "configs" / "lakehouse.yaml"
    line = "      - step_trainer_trusted_owner\n"
    model.write_text(model.read_text().replace(line, f"{line}      - nobody\n", 1))
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run(policy=POLICY)
    assert checks_told(lake)["nobody"] == (1, "known", POLICY)
    model.write_text(model.read_text().replace("  strict:\n", "  strict:\n    breaks: [nobody]\n"))
    with pytest.raises(UsageError, match="there is no check 'nobody'"):
        assert lake.model


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["checks", "notes"])
@pytest.mark.parametrize(
    "sql",
    mostly_slow(
        [
            "SELEC 1",
            "SELECT 1 AS a FROM (",
            "SELECT noSuchColumn, 1 FROM customer_landing",
            "SELECT * FROM no_such_table",
            "SELECT 'x', 1 FROM customer_landing WHERE CAST(email AS BIGINT) > 0",
            "SELECT getenv('HOME'), 1",
            "COPY customer_landing TO 'taken.csv'",
            "SELECT 'x', 1; SELECT 'y', 2",
            "",
            "\n-- A rule in words.\n",
            "/* ; */ ;",
        ]
    ),
)
def test_sql_that_cannot_be_run_is_named_by_its_file(
    intact: Lake, project: Path, folder: str, sql: str, invoke: Callable[..., Result]
) -> None:
    file = project / "jobs" / folder / "broken_one.sql"
    file.write_text(sql)
    config = project / "configs" / "local.yaml"
    at = ("--config", config, "--root", intact.settings.root, "validate")
    told = invoke(*at, "--json")
    report = told.json()
    assert (told.code, report["ok"], report["verdict"]) == (3, False, "error")
    # Nothing else is hidden by it.
    others = [check for check in report["checks"] if check["check"] != "broken_one"]
    assert {check["check"] for check in others} == SQL_CHECKS | OTHER_CHECKS
    assert {check["violations"] for check in others} == {0}
    if folder == "checks":
        (broken,) = (c for c in report["checks"] if c["check"] == "broken_one")
        assert (broken["violations"], broken["ok"], broken["verdict"]) == (None, None, "error")
        assert broken["error"].startswith(f"{file}: ")
    shown = invoke(*at)
    assert shown.code == 3
    assert "1 query cannot be run" in shown.out
    assert f"{file}:" in shown.out.replace("\n", "")


@pytest.mark.parametrize("folder", ["checks", "notes", "accounts"])
def test_a_file_without_a_query_says_so(
    intact: Lake, project: Path, folder: str, invoke: Callable[..., Result]
) -> None:
    file = project / "jobs" / folder / "customer_trusted_to_curated.sql"
    file.write_text("-- Nothing yet;\n")
    config = project / "configs" / "local.yaml"
    told = invoke("--config", config, "--root", intact.settings.root, "validate")
    assert told.code == 3
    assert f"{file}: It holds no query.".replace(" ", "") in "".join(told.out.split())


ENDED = "-- A rule; in words.\nSELECT c.email, 1 AS n FROM customer_trusted c{where};{behind}"


@pytest.mark.slow
@pytest.mark.parametrize("behind", ["", " ", "\n-- That was it; nothing more", " /* done; */\n"])
def test_a_semicolon_may_end_a_query(intact: Lake, project: Path, behind: str) -> None:
    where = " WHERE c.email = 'ann@x.org'"
    files = {
        "checks/ended.sql": ENDED.format(where=where, behind=behind),
        "notes/ended.sql": ENDED.format(where=where, behind=behind),
        "accounts/customer_trusted_to_curated.sql": "SELECT 'no trusted reading' AS reason, 1 AS n;"
        + behind,
    }
    for name, text in files.items():
        (project / "jobs" / name).write_text(text)
    lake = Lake(intact.settings.root, project=project)
    report = lake.validate()
    assert [(c.check, c.violations) for c in report.checks if not c.ok] == [("ended", 1)]
    assert report.left_out["ended"] == [("…", 1)]
    assert report.errors == {}
    with lake.opened() as opened:
        validation = Validation(lake.model, opened, None, only=["ended"])
        report, rows = validation.offending(validation.run(), 3, masked=False)
    assert rows["ended"].rows == [("ann@x.org", 1)]


@pytest.mark.parametrize("folder", ["checks", "notes"])
def test_a_misspelt_table_is_answered_with_the_nearest(
    intact: Lake, project: Path, folder: str, invoke: Callable[..., Result]
) -> None:
    (project / "jobs" / folder / "misspelt.sql").write_text("SELECT email, 1 FROM custmer_trusted")
    config = project / "configs" / "local.yaml"
    told = invoke("--config", config, "--root", intact.settings.root, "validate")
    assert told.code == 3
    words = " ".join(told.out.split())
    assert "There is no table custmer_trusted. Did you mean customer_trusted?" in words


COMPUTED = [
    "SELECT CAST(c.email AS BIGINT) FROM customer_trusted c",
    "SELECT c.email, CAST(c.email AS BIGINT) AS number, 1 AS violations FROM customer_trusted c",
    "SELECT 1 AS n FROM customer_trusted UNION ALL SELECT CAST(email AS INT) FROM customer_trusted",
]


@pytest.mark.parametrize("sql", mostly_slow(COMPUTED))
def test_columns_that_cannot_be_computed_are_an_error_of_their_check_alone(
    intact: Lake, project: Path, sql: str, invoke: Callable[..., Result]
) -> None:
    file = project / "jobs" / "checks" / "computed.sql"
    file.write_text(sql)
    config = project / "configs" / "local.yaml"
    for words in ((), ("--show",)):
        at = ("--config", config, "--root", intact.settings.root, "validate", *words)
        told = invoke(*at, "--json")
        assert (told.code, told.err.count("Error")) == (3, 0)
        found = {c["check"]: c for c in told.json()["checks"]}
        broken = found.pop("computed")
        assert (broken["verdict"], broken["violations"]) == ("error", None)
        assert broken["error"].startswith(f"{file}: ")
        assert "ann@" not in told.out
        assert {check["ok"] for check in found.values()} == {True}


def test_rows_that_cannot_be_shown_hide_no_others(
    intact: Lake, project: Path, invoke: Callable[..., Result]
) -> None:
    checks = project / "jobs" / "checks"
    inside = "SELECT CAST(email AS BIGINT) AS number FROM customer_trusted"
    (checks / "computed.sql").write_text(f"SELECT q.number FROM ({inside}) q")
    (checks / "others.sql").write_text("SELECT 7 AS number FROM customer_trusted")
    config = project / "configs" / "local.yaml"
    at = ("--config", config, "--root", intact.settings.root, "validate", "--show", "2")
    told = invoke(*at, "--json")
    assert told.code == 3
    report = told.json()
    found = {c["check"]: c for c in report["checks"] if not c["ok"]}
    assert {name: c["verdict"] for name, c in found.items()} == {
        "computed": "error",
        "others": "failed",
    }
    assert (report["verdict"], found["computed"]["rows"]) == ("error", [])
    assert found["others"]["rows"] == [{"number": 7}] * 2
    # DuckDB's sentence ends before the next one begins.
    assert found["computed"]["error"].endswith(". `stedi tables --ddl` shows columns.")
    shown = invoke(*at)
    assert shown.code == 3
    words = " ".join(shown.out.split())
    # Of this lake, which tests change, other tables may be stale.
    assert "1 query cannot be run" in words
    assert "1 rule is broken" in words
