"""Who is held back: a line that cannot be read may be a withdrawal, or another one's reading."""

from __future__ import annotations

import json
import re
import shlex
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import PROJECT, Ask, Lake
from small import PUBLISHED, STRICT, TABLES, C, Record, customer, lines, motion, step, write_lake

from stedi_cli.errors import BadDataError, StediError, UsageError
from stedi_cli.lake.records import Task
from stedi_cli.local.held_back import HeldBack
from stedi_cli.local.layout import to_uri
from stedi_cli.local.table_files import open_catalog
from stedi_cli.project.folder import copy_out
from stedi_cli.project.lakehouse import JobText
from stedi_cli.project.model import load
from stedi_cli.project.settings import Limits, load_settings
from stedi_cli.questions.withdrawals import holds_back
from stedi_cli.runs import spark_request
from stedi_cli.runs.bad_rows import UnreadableCustomers
from stedi_cli.runs.job_reads import refuse_undeclared
from stedi_cli.tables import iceberg
from stedi_cli.tables.recipes import Recipes

CUSTOMER, ACCELEROMETER = "customer_landing", "accelerometer_landing"
ANN, BOB, CID, DAN, FAY = (f"{name}@x.org" for name in ("ann", "bob", "cid", "dan", "fay"))
CONSENT, OWNER = "customer_trusted_consent", "step_trainer_trusted_owner"


def broken(record: Record) -> bytes:
    """A line that says all that a record says, and cannot be used: its end is cut."""
    return json.dumps(record).encode()[:-1] + b', "phone\n'


def broken_customer(email: str, serial: str, updated: int | None) -> bytes:
    record = customer(email, serial, updated or C, None)
    if updated is None:
        del record["lastUpdateDate"]
    return broken(record)


def add(lake: Lake, table: str, *content: bytes, name: str = "broken.json") -> Lake:
    """Put lines into the landing zone, and take them where others are not."""
    folder = lake.layout.landing / str(lake.model.tables[table].folder)
    (folder / name).write_bytes(b"".join(content))
    return Lake(lake.settings.root, max_bad_rows=9, max_unreadable_customers=0)


def trusted(lake: Lake) -> set[str]:
    return {str(row[1]).strip().lower() for row in lake.rows("customer_trusted")}


def steps(lake: Lake) -> set[tuple[str, int]]:
    return {(row[1], row[0] - C) for row in lake.rows("step_trainer_trusted")}


def people(lake: Lake) -> int | None:
    report = lake.validate()
    assert report.ok
    return report.held_back


def all_rows(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    found = {name: lake.rows(name) for name in (*TABLES, "quarantine", "held_back")}
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


# --- Whose consent is taken away ----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "held"),
    [
        pytest.param(broken_customer(ANN, "serial-ann", C + 2), True, id="later"),
        pytest.param(broken_customer(ANN, "serial-ann", C + 1), True, id="at the same time"),
        pytest.param(broken_customer(ANN, "serial-ann", C), False, id="older"),
        pytest.param(broken_customer(ANN, "serial-ann", None), True, id="without a date"),
        pytest.param(broken_customer(ANN, "other", C + 2), True, id="of another device"),
        pytest.param(broken_customer(" Ann@X.org ", "serial-ann", C + 2), True, id="spelled"),
        pytest.param(
            lines([customer(ANN, "serial-ann", C + 2, 7)]), True, id="an implausible consent"
        ),
        pytest.param(
            lines([customer(ANN, "serial-ann", C + 2) | {"lastUpdateDate": 0}]),
            True,
            id="an implausible date",
        ),
        pytest.param(lines([customer(ANN, "serial-ann", C + 2)]), False, id="a usable one"),
        *(
            pytest.param(lines([customer(odd, "serial-ann", C + 2, None)]), True, id=repr(odd))
            for odd in ("\tAnn@x.org", f"{ANN}\u00a0", f"{ANN}\0", f"MailTo:{ANN}", f" {ANN}\n ")
        ),
    ],
)
def test_a_line_that_may_be_a_withdrawal_takes_consent_away(
    lake: Lake, line: bytes, held: bool
) -> None:
    lake = add(lake, CUSTOMER, line)
    lake.run()
    assert trusted(lake) == {ANN, BOB, DAN, FAY} - ({ANN} if held else set())
    assert people(lake) == held
    assert not [row for row in lake.rows("accelerometer_trusted") if held and row[0] == ANN]


def test_a_later_record_gives_consent_back(lake: Lake) -> None:
    lake = add(lake, CUSTOMER, broken_customer(ANN, "serial-ann", C + 2))
    lake.run()
    assert ANN not in trusted(lake)
    add(lake, CUSTOMER, lines([customer(ANN, "serial-ann", C + 3)]), name="later.json")
    lake.run()
    assert ANN in trusted(lake)
    assert people(lake) == 0


@pytest.mark.slow
def test_of_whom_there_is_no_other_record_is_held_back_too(lake: Lake) -> None:
    lake = add(lake, CUSTOMER, broken_customer("zoe@x.org", "serial-zoe", C))
    lake.run()
    assert lake.counts() == STRICT
    assert people(lake) == 1


@pytest.mark.slow
def test_it_is_said_how_many_and_never_who(lake: Lake, invoke: Ask) -> None:
    add(lake, CUSTOMER, *(broken_customer(who, "serial-zoe", C + 9) for who in (ANN, BOB, BOB)))
    root = ["--root", lake.settings.root]
    ran = invoke(*root, "jobs", "run", "--all", "--max-bad-rows", "100%")
    assert ran.code == 0
    assert "2 people held back" in " ".join(ran.out.split())
    told = invoke(*root, "validate")
    assert told.code == 0
    assert "People held back: 2;" in told.out
    assert not any(who in text for who in (ANN, BOB) for text in (ran.out + ran.err, told.out))
    again = invoke(*root, "jobs", "run", "--all", "--force", "--max-bad-rows", "100%", "--json")
    assert again.json()["held_back"] == 2
    assert invoke(*root, "validate", "--json").json()["held_back"] == 2
    # A job that is not the first to read the customers does not tell.
    one = ("jobs", "run", "accelerometer_landing_to_trusted", "--force", "--json")
    assert invoke(*root, *one, "--max-bad-rows", "100%").json()["held_back"] is None


@pytest.mark.slow
def test_the_published_rules_hold_nobody_back(lake: Lake, invoke: Ask) -> None:
    lake = add(lake, CUSTOMER, broken_customer(ANN, "serial-ann", C + 2))
    lake.run(policy="published")
    assert ANN in trusted(lake)
    report = lake.validate()
    assert report.ok
    assert report.held_back is None
    assert "people_held_back" not in report.left_out
    assert {c.check for c in report.checks if c.violations and c.known} >= {CONSENT}
    told = invoke("--root", lake.settings.root, "validate")
    assert "held back" not in told.out.lower()


@pytest.fixture
def mine(tmp_path: Path) -> Callable[[str, str], Any]:
    """A model with a policy that has SQL of its own for the customers' job."""
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    (project / "jobs" / "mine").mkdir()

    def with_sql(old: str, new: str) -> Any:
        name = "customer_landing_to_trusted.sql"
        text = (project / "jobs" / name).read_text()
        (project / "jobs" / "mine" / name).write_text(text.replace(old, new))
        return load_settings(project / "configs" / "local.yaml", policy="mine").lakehouse()

    return with_sql


@pytest.mark.parametrize(
    ("new", "held"),
    [
        ("FROM HELD_BACK h", True),
        ('FROM "held_back" h', True),
        # That the other job still asks is another thing.
        ("FROM customer_landing h -- held_back", False),
    ],
    ids=["capitals", "quotes", "a comment"],
)
def test_the_customers_job_tells_whether_people_are_held_back(
    mine: Callable[[str, str], Any], new: str, held: bool
) -> None:
    assert holds_back(mine("FROM held_back h", new), "mine") == held


# --- Lines of which nobody knows whose they are --------------------------------------------------

NOBODYS = [
    pytest.param(b"nonsense\n", id="nothing"),
    pytest.param(b'{"serialNumber": "serial-ann"}\n', id="no e-mail"),
    pytest.param(b'{"email": "ann@x.org"}\n', id="no serial number"),
    pytest.param(lines([customer(" ", "serial-ann", C + 9, None)]), id="a blank e-mail"),
]


@pytest.mark.slow
@pytest.mark.parametrize("line", NOBODYS)
def test_lines_of_nobody_stop_a_run(lake: Lake, line: bytes, invoke: Ask) -> None:
    lake.run()
    before = {name: lake.rows(name) for name in TABLES if not name.endswith("_landing")}
    lake = add(lake, CUSTOMER, line)
    with pytest.raises(UnreadableCustomers) as raised:
        lake.run()
    assert isinstance(raised.value, BadDataError)
    assert raised.value.message == (
        "customer_landing: 1 line that cannot be used does not say for certain whose it is"
        " or which serial number is theirs, more than max_unreadable_customers, 0, allows."
    )
    (query,) = re.findall("`stedi (.+)`", str(raised.value.hint))
    found = invoke("--root", lake.settings.root, *shlex.split(query), "--json").json()
    assert found == [{"file": "broken.json", "line": 1}]
    assert {name: lake.rows(name) for name in before} == before
    assert not lake.validate().ok
    run = ("--root", lake.settings.root, "jobs", "run", "--all", "--max-bad-rows", "9")
    assert invoke(*run).code == 3
    done = invoke(*run, "--max-unreadable-customers", "1")
    assert done.code == 0
    # The same holds where nothing is to be done.
    assert invoke(*run, "--max-unreadable-customers", "1").code == 0
    assert invoke(*run).code == 3


@pytest.mark.slow
def test_the_limit_holds_for_a_job_alone_too(lake: Lake, invoke: Ask) -> None:
    add(lake, CUSTOMER, b"nonsense\n")
    run = ("--root", lake.settings.root, "jobs", "run", "--max-bad-rows", "9")
    once = ("--max-unreadable-customers", "1")
    assert invoke(*run, "--all", *once).code == 0
    for job in ("machine_learning_curated", "accelerometer_landing_to_trusted"):
        assert invoke(*run, job, "--force").code == 3
        assert invoke(*run, job).code == 3
        assert invoke(*run, job, "--force", *once).code == 0


@pytest.mark.slow
def test_the_published_rules_take_such_lines(lake: Lake, invoke: Ask) -> None:
    lake = add(lake, CUSTOMER, b"nonsense\n")
    lake.run(policy="published")
    # And where nothing is to be done.
    lake.run(policy="published")
    assert lake.validate().ok
    with pytest.raises(UnreadableCustomers):
        lake.run()
    assert lake.counts() == PUBLISHED
    told = invoke("--root", lake.settings.root, "validate", "--policy", "strict")
    assert "which serial number is theirs" in " ".join(told.out.split())


@pytest.mark.parametrize(("policy", "customers"), [("strict", CUSTOMER), ("published", None)])
def test_spark_is_told_whether_such_lines_matter(policy: str, customers: str | None) -> None:
    model = load(PROJECT)
    job = model.jobs["accelerometer_landing_to_trusted"]
    made = Recipes(model, policy).provenance(job, run="r", engine="spark")
    names = dict.fromkeys(("engine", "catalog", "namespace", "ledgers", "aside"), "")
    asked = spark_request.request(
        [Task(job, model.job_text(job, policy), made, {})],
        model,
        {},
        **names,
        limits=Limits(0, 0),
        keep=None,
        folder=str,
        sql=str,
        ledger=lambda table: None,
        is_whole=lambda name: True,
        answered={},
    )
    assert asked["customers"] == customers


@pytest.mark.slow
def test_where_such_lines_are_taken_not_all_is_right(lake: Lake, invoke: Ask) -> None:
    add(lake, CUSTOMER, b"nonsense\n", broken_customer(ANN, "serial-ann", C + 2))
    run = ("--root", lake.settings.root, "jobs", "run", "--all", "--max-bad-rows", "9")
    assert invoke(*run, "--max-unreadable-customers", "50%").code == 0
    told = invoke("--root", lake.settings.root, "validate", "--json")
    assert told.code == 3
    said = told.json()
    assert (said["ok"], said["held_back"]) == (False, 1)
    assert any("1 line of customer_landing" in problem for problem in said["problems"])


def test_readings_of_nobody_stop_nothing(lake: Lake) -> None:
    lake = add(lake, ACCELEROMETER, b"nonsense\n")
    lake.run()
    assert lake.counts() == STRICT


# --- Whose a step reading is --------------------------------------------------------------------

# In the small lake: ann and fay have a device of their own; of bob's and cid's, bob's one reading.
ANNS = {("serial-ann", 0), ("serial-ann", 10), ("serial-ann", 40)}
FAYS, BOBS = {("serial-fay", 10)}, {("serial-shared", 20)}


def test_the_small_lake_gives_each_their_own(lake: Lake) -> None:
    lake.run()
    assert steps(lake) == ANNS | FAYS | BOBS


@pytest.mark.parametrize("updated", [C - 2000, C + 9, None])
def test_who_stands_in_a_line_holds_its_device(lake: Lake, updated: int | None) -> None:
    """Also where the line is superseded: the device may have been theirs when it was used."""
    lake = add(lake, CUSTOMER, broken_customer(BOB, "serial-ann", updated))
    lake.run()
    bobs = BOBS if updated and updated < C else set()
    # ann was there at 0 and 10, and at 40 nobody was.
    assert steps(lake) == {("serial-ann", 0), ("serial-ann", 10)} | FAYS | bobs


@pytest.mark.slow
def test_an_unknown_person_holds_a_device_too(lake: Lake) -> None:
    lake = add(lake, CUSTOMER, b'{"serialNumber": "serial-ann"}\n{"serialNumber": "new"}\n' * 2)
    Lake(lake.settings.root, max_bad_rows=9).run()
    assert steps(lake) == {("serial-ann", 0), ("serial-ann", 10)} | FAYS | BOBS


@pytest.mark.slow
def test_nobody_owns_by_a_line_that_cannot_be_read(lake: Lake) -> None:
    lake = add(lake, CUSTOMER, broken_customer(ANN, "serial-none", C - 3000))
    lake.run()
    assert trusted(lake) >= {ANN}
    assert steps(lake) == ANNS | FAYS | BOBS
    # Nor where ann alone of several holders was there.
    add(lake, CUSTOMER, broken_customer(ANN, "serial-none", C - 3000) * 1, name="broken.json")
    add(lake, CUSTOMER, lines([customer(FAY, "serial-none", C + 5, None)]), name="fay.json")
    lake.run()
    assert ("serial-none", 10) not in steps(lake)


@pytest.mark.slow
def test_one_person_in_several_lines_is_one_holder(lake: Lake) -> None:
    same = broken_customer(" ANN@x.org", "serial-ann", C - 3000)
    lake = add(lake, CUSTOMER, same, broken_customer(ANN, "serial-ann", C - 4000))
    lake.run()
    assert steps(lake) == ANNS | FAYS | BOBS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "bobs"),
    [
        pytest.param(broken(motion(CID, C + 20)), set(), id="of another holder"),
        pytest.param(broken(motion(" Cid@x.ORG", C + 20)), set(), id="spelled otherwise"),
        pytest.param(broken(motion(BOB, C + 20)), BOBS, id="of the same"),
        pytest.param(broken(motion(ANN, C + 20)), BOBS, id="of who holds another device"),
        pytest.param(broken(motion(CID, C + 21)), BOBS, id="of another time"),
        pytest.param(b'{"timestamp": %d}\n' % (C + 20), set(), id="of anybody"),
        pytest.param(b'{"timestamp": %d}\n' % (C + 21), BOBS, id="of anybody, another time"),
        pytest.param(b'{"user": "cid@x.org"}\n', BOBS, id="at any time"),
    ],
)
def test_a_reading_that_cannot_be_read_contends(lake: Lake, line: bytes, bobs: Any) -> None:
    lake = add(lake, ACCELEROMETER, line)
    lake.run()
    assert steps(lake) == ANNS | FAYS | bobs
    assert lake.validate().ok


def test_a_reading_that_cannot_be_read_gives_no_step_reading_away(lake: Lake) -> None:
    """Without it the step reading would be of the other holder, who never was there."""
    lake = add(lake, ACCELEROMETER, broken(motion(BOB, C + 30)))
    lake.run()
    assert ("serial-shared", 30) not in steps(lake)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            broken_customer("zoe@x.org", "serial-none", C),
            "the only record with the serial number cannot be read",
        ),
        (
            broken_customer(ANN, "serial-none", C - 3000)
            + lines([customer("gus@x.org", "serial-none", C, None)]),
            "shared serial number, who was there holds it only in a record that cannot be read",
        ),
    ],
    ids=["alone", "shared"],
)
def test_step_readings_of_who_stands_in_such_a_line_are_told_as_nobodys(
    lake: Lake, line: bytes, reason: str
) -> None:
    lake = add(lake, CUSTOMER, line)
    lake.run()
    report = lake.validate()
    assert report.ok
    told = dict(report.left_out["step_readings_of_nobody"])
    assert told[reason] == 1
    assert "no customer has the serial number" not in told


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["strict", "consent_on_accelerometer"])
def test_readings_of_who_is_held_back_say_so(lake: Lake, policy: str, invoke: Ask) -> None:
    lake = add(lake, CUSTOMER, broken_customer(FAY, "serial-fay", C + 2))
    lake.run(policy=policy)
    told = invoke("--root", lake.settings.root, "flow", "--json")
    assert told.code == 0
    reason = "held back: a newer record cannot be read"
    reasons = {
        side["table"]: {found["reason"]: found["rows"] for found in side["reasons"]}
        for job in told.json()["jobs"]
        for side in job["inputs"]
    }
    tables = ("customer_landing", "accelerometer_landing", "step_trainer_landing")
    assert [reasons[table].get(reason) for table in tables] == [1, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize(("shared", "said"), [(True, 2), (False, 0)])
def test_readings_without_a_time_are_told_where_devices_are_shared(
    lake: Lake, shared: bool, said: int
) -> None:
    if not shared:
        (lake.layout.landing / "customer" / "c.json").write_bytes(
            lines([customer(ANN, "serial-ann", C)])
        )
    lake = add(lake, ACCELEROMETER, b"nonsense\n", b'{"user": "cid@x.org"}\n')
    lake.run()
    report = lake.validate()
    told = report.left_out["accelerometer_lines_without_an_instant"]
    assert sum(number for _, number in told) == said
    assert report.ok


# --- The checks ---------------------------------------------------------------------------------


def put(lake: Lake, table: str, change: Callable[[list[Record]], list[Record]]) -> None:
    """Change what a table holds, as no job would, and leave what is said of its making."""
    current = lake.states()[table].current
    assert current is not None
    assert current.provenance is not None
    before = pq.read_table(lake.data_file(table), partitioning=None)
    path = lake.layout.warehouse / table / "data" / f"{uuid.uuid4().hex}.parquet"
    pq.write_table(before.from_pylist(change(before.to_pylist()), before.schema), path)
    made = current.provenance.to_summary()
    model = lake.model.tables[table]
    iceberg.replace(
        open_catalog(lake.layout), model, {to_uri(path): path}, made, keep=3, forget=False
    )


def violations(lake: Lake) -> dict[str, int | None]:
    return {check.check: check.violations for check in lake.validate().checks if check.violations}


@pytest.mark.slow
@pytest.mark.parametrize("updated", [C + 2, C + 1, None])
def test_a_customer_who_is_held_back_is_found(lake: Lake, updated: int | None) -> None:
    lake = add(lake, CUSTOMER, broken_customer(ANN, "serial-ann", updated))
    lake.run()
    assert violations(lake) == {}
    record = customer(ANN, "serial-ann", C + 1)
    put(lake, "customer_trusted", lambda rows: [*rows, dict.fromkeys(rows[0]) | record])
    assert violations(lake)[CONSENT] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "line", "found"),
    [
        (CUSTOMER, broken_customer(CID, "serial-fay", C - 9000), step("serial-fay", C + 11)),
        (CUSTOMER, broken_customer(ANN, "serial-none", C - 9000), step("serial-none", C + 10)),
        (ACCELEROMETER, broken(motion(CID, C + 20)), step("serial-shared", C + 20)),
        (ACCELEROMETER, b'{"timestamp": %d}\n' % (C + 20), step("serial-shared", C + 20)),
    ],
    ids=["a holder", "a holder alone", "a contender", "anybody"],
)
def test_a_step_reading_of_nobody_is_found(
    lake: Lake, table: str, line: bytes, found: Record
) -> None:
    lake = add(lake, table, line)
    lake.run()
    assert violations(lake) == {}
    put(lake, "step_trainer_trusted", lambda rows: [*rows, found])
    assert violations(lake).get(OWNER) == 1


# --- The table ----------------------------------------------------------------------------------


@pytest.fixture
def held(lake: Lake) -> Lake:
    """The small lake with ann held back, and a reading of anybody."""
    add(lake, CUSTOMER, broken_customer(ANN, "serial-ann", C + 2))
    held = add(lake, ACCELEROMETER, b'{"timestamp": %d}\n' % (C + 20))
    held.run()
    assert trusted(held) == {BOB, DAN, FAY}
    return held


def test_it_says_whose_lines_are_and_of_when(held: Lake) -> None:
    assert set(held.rows("held_back")) == {
        (CUSTOMER, "broken.json", 1, ANN, "serial-ann", C + 2),
        (ACCELEROMETER, "broken.json", 1, None, None, C + 20),
    }


def test_an_address_stands_there_as_it_was_written(lake: Lake) -> None:
    lake = add(lake, CUSTOMER, broken_customer(" Ann@X.org ", "serial-ann", C + 2))
    lake.run()
    assert [row[3] for row in lake.rows("held_back")] == ["Ann@X.org"]
    (column,) = (c for c in lake.model.tables["held_back"].columns if c.name == "email")
    assert "as written" in column.doc


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [False, True], ids=["done", "stopped"])
def test_no_other_file_says_who_is_held_back(lake: Lake, stopped: bool) -> None:
    who = b"nobody-else@x.org"
    nobodys = b"nonsense\n" if stopped else b""
    lake = add(lake, CUSTOMER, broken_customer(who.decode(), "only-here", C), nobodys)
    with pytest.raises(UnreadableCustomers) if stopped else nullcontext():
        lake.run()
    lake.validate()
    root = lake.settings.root
    files = [p for p in root.rglob("*") if p.is_file()]
    holding = {p.relative_to(root).parent for p in files if who in p.read_bytes()}
    assert holding <= {Path("landing/customer"), Path("warehouse/held_back/data")}
    # Parquet is packed, so that bytes alone may tell nothing.
    for path in root.rglob("*.parquet"):
        texts = [
            value
            for row in pq.read_table(path, partitioning=None).to_pylist()
            for value in row.values()
        ]
        assert (who.decode() in texts) == ("held_back" in path.parts)
    assert any(lake.layout.aside.iterdir()) == stopped


@pytest.mark.slow
def test_its_manifests_hold_no_value(held: Lake) -> None:
    state = held.states()["held_back"]
    assert state.current is not None
    assert state.current.counts_only
    assert state.properties["write.metadata.metrics.default"] == "counts"


@pytest.mark.slow
def test_who_is_held_back_no_more_is_in_no_older_snapshot(held: Lake) -> None:
    (held.layout.landing / "customer" / "broken.json").unlink()
    held.run()
    assert trusted(held) == {ANN, BOB, DAN, FAY}
    assert len(held.states()["held_back"].snapshots) == 1
    assert not [row for row in held.rows("held_back") if row[0] == CUSTOMER]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["lost", "cut", "dropped", "emptied", "of nothing"])
def test_what_is_held_back_is_found_again(held: Lake, damage: str) -> None:
    before = all_rows(held)
    model = held.model.tables["held_back"]
    if damage == "lost":
        held.data_file("held_back").unlink()
    elif damage == "cut":
        path = held.data_file("held_back")
        path.write_bytes(path.read_bytes()[:-9])
    elif damage == "dropped":
        open_catalog(held.layout).drop_table(f"{iceberg.NAMESPACE}.held_back")
    else:
        summary = {} if damage == "emptied" else {"stedi.lines": "{}", "stedi.judged": "{}"}
        catalog = open_catalog(held.layout)
        iceberg.replace(catalog, model, {}, summary, keep=3, forget=False)
    if damage in ("lost", "cut"):
        with pytest.raises(StediError, match="held_back"):
            held.validate()
    else:
        assert not held.validate().ok
    held.run()
    assert all_rows(held) == before
    assert held.validate().ok


@pytest.mark.slow
def test_a_row_that_is_missing_is_told(held: Lake) -> None:
    """Also where the snapshot says that all are there."""
    state = held.states()["held_back"].current
    assert state is not None
    path = held.layout.warehouse / "held_back" / "data" / f"{uuid.uuid4().hex}.parquet"
    table = pq.read_table(held.data_file("held_back"), partitioning=None)
    pq.write_table(table.slice(0, 1), path)
    said = {
        "stedi.lines": json.dumps(state.lines),
        "stedi.judged": json.dumps(state.judged),
        "stedi.traced": state.traced,
    }
    model = held.model.tables["held_back"]
    iceberg.replace(
        open_catalog(held.layout), model, {to_uri(path): path}, said, keep=3, forget=False
    )
    assert [n for n in violations(held) if n.endswith("_accounted")]
    held.run(force=True)
    assert trusted(held) == {BOB, DAN, FAY}
    assert held.validate().ok


@pytest.mark.slow
def test_a_death_between_the_commits_loses_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.run()
    lake = add(lake, CUSTOMER, broken_customer(ANN, "serial-ann", C + 2))

    def dying(*_: Any) -> None:
        raise OSError("killed")

    monkeypatch.setattr(HeldBack, "replace", dying)
    with pytest.raises(OSError, match="killed"):
        lake.run()
    monkeypatch.undo()
    assert len(lake.rows("quarantine")) == 1
    assert lake.rows("held_back") == []
    lake.run()
    assert trusted(lake) == {BOB, DAN, FAY}
    assert people(lake) == 1


def test_what_was_read_before_a_run_stopped_still_says_whose_it_is(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = add(lake, CUSTOMER, broken_customer(ANN, "serial-ann", C + 2))
    with pytest.raises(BadDataError):
        Lake(lake.settings.root, max_bad_rows=0).run()
    monkeypatch.setattr("stedi_cli.landing.sieve.Sieve.add", None)
    assert lake.run()
    assert trusted(lake) == {BOB, DAN, FAY}


@pytest.mark.slow
def test_what_a_killed_run_had_read_says_whose_it_is_in_these_files(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the files before, other lines may be known at the same places."""
    lake = add(lake, CUSTOMER, broken_customer(ANN, "serial-ann", C + 2))
    stopping = Lake(lake.settings.root, max_bad_rows=0)
    with pytest.raises(BadDataError):
        stopping.run()
    add(lake, CUSTOMER, broken_customer(BOB, "serial-bob", C + 2))
    with monkeypatch.context() as patch:
        patch.setattr(HeldBack, "replace", None)
        with pytest.raises(TypeError):
            stopping.run()
    assert [row[3] for row in lake.rows("held_back")] == [ANN]
    lake.run()
    assert [row[3] for row in lake.rows("held_back")] == [BOB]
    assert trusted(lake) == {ANN, DAN, FAY}


@pytest.mark.slow
def test_what_is_known_of_another_line_is_looked_for_again(held: Lake) -> None:
    before = all_rows(held)
    state = held.states()["held_back"].current
    assert state is not None
    table = pq.read_table(held.data_file("held_back"), partitioning=None)
    path = held.layout.warehouse / "held_back" / "data" / f"{uuid.uuid4().hex}.parquet"
    moved = [row | {"line": row["line"] + 1} for row in table.to_pylist()]
    pq.write_table(table.from_pylist(moved, table.schema), path)
    said = {
        "stedi.lines": json.dumps(state.lines),
        "stedi.judged": json.dumps(state.judged),
        "stedi.traced": state.traced,
    }
    model = held.model.tables["held_back"]
    iceberg.replace(
        open_catalog(held.layout), model, {to_uri(path): path}, said, keep=3, forget=False
    )
    held.run(force=True)
    assert all_rows(held) == before


@pytest.mark.slow
def test_what_is_looked_for_otherwise_is_looked_for_again(
    held: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = all_rows(held)
    monkeypatch.setattr("stedi_cli.landing.traced.TRACING", 99)
    assert not held.validate().ok
    held.run()
    assert held.validate().ok
    assert all_rows(held) == before


@pytest.mark.slow
def test_a_job_sees_what_is_held_back_of_the_tables_that_it_reads(held: Lake) -> None:
    """So that another landing table does not make it stale."""
    add(held, ACCELEROMETER, b'{"timestamp": %d}\n' % (C + 30))
    done = held.run()
    assert done["customer_landing_to_trusted"].status == "unchanged"
    assert done["step_trainer_trusted"].status == "built"
    assert held.validate().ok


@pytest.mark.slow
def test_it_goes_with_a_landing_table_that_leaves_the_model(
    held: Lake, tmp_path: Path, invoke: Ask
) -> None:
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    model = project / "configs" / "lakehouse.yaml"
    text = model.read_text().replace("accelerometer_landing:", "other_landing:", 1)
    text = text.replace("accelerometer_landing", "other_landing")
    model.write_text(text.replace("folder: accelerometer", "folder: other"))
    config = ("--config", project / "configs" / "local.yaml", "--root", held.settings.root)
    dropped = invoke(*config, "tables", "--drop", ACCELEROMETER, "--yes")
    assert dropped.code == 0, dropped.err
    rows = pq.read_table(held.data_file("held_back"), partitioning=None).to_pylist()
    assert ACCELEROMETER not in {row["table"] for row in rows}
    assert len(held.states()["held_back"].snapshots) == 1


# --- The model ----------------------------------------------------------------------------------


def test_a_job_reads_the_tables_of_which_held_back_is_to_tell_it(lake: Lake) -> None:
    """Else it would see nothing there, and nobody would say so."""
    model = lake.model
    job = model.jobs["customer_landing_to_trusted"]
    sql = """SELECT * FROM customer_landing WHERE email NOT IN (
        SELECT email FROM held_back WHERE "table" = 'accelerometer_landing')"""
    with pytest.raises(UsageError, match="accelerometer_landing, not named in its reads"):
        refuse_undeclared(model, job, JobText(sql, ""), "duckdb")
    refuse_undeclared(model, job, JobText(sql.replace("accelerometer", "customer"), ""), "duckdb")


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """A project whose model does not say whose lines are."""
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    path = project / "configs" / "lakehouse.yaml"
    kept = [line for line in path.read_text().split("\n") if not line.startswith("    held_back:")]
    path.write_text("\n".join(kept))
    return project


@pytest.mark.slow
def test_a_model_that_does_not_say_whose_lines_are_works_as_before(
    silent: Path, tmp_path: Path, invoke: Ask
) -> None:
    lake = Lake(tmp_path / "lake", project=silent, max_bad_rows=9).up()
    lake.upload(write_lake(tmp_path / "data"))
    add(lake, CUSTOMER, broken_customer(ANN, "serial-ann", C + 2), b"nonsense\n")
    lake.run()
    assert lake.counts() == STRICT
    assert lake.rows("held_back") == []
    assert people(lake) is None
    config = silent / "configs" / "local.yaml"
    told = invoke("--config", config, "--root", lake.settings.root, "doctor")
    assert "does not say whose an unusable line is" in " ".join(told.out.split())


@pytest.mark.slow
def test_doctor_tells_of_jobs_that_do_not_ask_who_is_held_back(
    tmp_path: Path, invoke: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the model is new, and the jobs are not."""
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    doctor = ("--config", project / "configs" / "local.yaml", "doctor", "--json")

    def found() -> list[str]:
        return [f["found"] for f in invoke(*doctor).json() if f["what"] == "held back"]

    assert found() == []
    job = project / "jobs" / "customer_landing_to_trusted.sql"
    job.write_text("SELECT * FROM customer_landing WHERE shareWithResearchAsOfDate IS NOT NULL")
    assert found() == [
        "no one is under strict: the job that reads customer_landing does not read held_back"
    ]
    # A policy that breaks other checks says nothing of it.
    model = project / "configs" / "lakehouse.yaml"
    breaks = "\npolicies:\n  own:\n    doc: Mine\n    breaks: [customer_trusted_key]"
    model.write_text(model.read_text().replace("\npolicies:", breaks))
    (project / "jobs" / "own").mkdir()
    monkeypatch.setenv("STEDI_POLICY", "own")
    assert len(found()) == 1
    monkeypatch.setenv("STEDI_POLICY", "published")
    assert found() == []


@pytest.mark.slow
def test_a_job_that_names_held_back_and_asks_nothing_of_it_breaks_a_rule(tmp_path: Path) -> None:
    """Which `doctor` does not see: it goes by the words of the SQL alone."""
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    job = project / "jobs" / "customer_landing_to_trusted.sql"
    text, join, _ = job.read_text().partition("LEFT JOIN unread")
    assert join
    job.write_text(text)
    made = Lake(tmp_path / "lake", project=project, max_bad_rows=9).up()
    made.upload(write_lake(tmp_path / "data"))
    add(made, CUSTOMER, broken_customer(ANN, "serial-ann", C + 2))
    made.run()
    assert ANN in trusted(made)
    report = made.validate()
    assert not report.ok
    failed = [check.check for check in report.checks if check.verdict == "failed"]
    assert "customer_trusted_consent" in failed


@pytest.mark.slow
def test_a_model_that_says_it_from_now_on_looks_again(silent: Path, tmp_path: Path) -> None:
    before = Lake(tmp_path / "lake", project=silent, max_bad_rows=9).up()
    before.upload(write_lake(tmp_path / "data"))
    add(before, CUSTOMER, broken_customer(ANN, "serial-ann", C + 2))
    before.run()
    after = Lake(tmp_path / "lake", max_bad_rows=9)
    assert not after.validate().ok
    after.run()
    assert trusted(after) == {BOB, DAN, FAY}
    assert people(after) == 1
