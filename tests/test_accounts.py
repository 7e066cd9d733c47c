"""Where every row went: each account against the oracle, and broken where job or account is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import oracle
import pyarrow as pa
import pytest
from conftest import PROJECT, Ask, Lake, Result, mostly_slow
from oracle import Files, Landing
from oracle_accounts import Accounts, accounts
from small import JOBS, C, step, write_lake
from test_oracle import (
    HELD_BACK,
    POLICIES,
    connection,
    fields_of,
    lakes_of,
    on_serials,
    selects,
)

from stedi_cli.checks.accounts import flows
from stedi_cli.checks.asking import Asking
from stedi_cli.datasets.synthetic import Request, generate
from stedi_cli.project.folder import copy_out
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.model import load
from stedi_cli.sql import literal

MODEL: Lakehouse = load(PROJECT)
BOTH = "consent_on_accelerometer"
FOLDERS = {name: str(table.folder) for name, table in MODEL.landing.items()}
TYPES = {"string": pa.string(), "long": pa.int64(), "double": pa.float64()}


def files_of(folder: Path) -> Files:
    return {
        table: {path.name: path.read_bytes() for path in (folder / name / "landing").iterdir()}
        for table, name in FOLDERS.items()
    }


class Built:
    """The tables of one lake in plain DuckDB, built by the jobs of a policy."""

    def __init__(self, landing: Landing, policy: str, **instead: str) -> None:
        self.landing, self.policy = landing, policy
        self._connection = connection()
        for table, rows in landing.rows.items():
            schema = pa.schema([(f.name, TYPES[f.type]) for f in fields_of(table)])
            columns = zip(*rows, strict=True) if rows else [()] * len(schema)
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
            self._connection.register(table, pa.Table.from_arrays(arrays, schema=schema))
        held = [dict(zip(HELD_BACK.names, entry, strict=True)) for entry in landing.held_back]
        table_of = pa.Table.from_pylist(held, schema=HELD_BACK)
        self._connection.register("held_back", table_of)
        for table, sql in selects(policy).items():
            text = instead.get(table, sql)
            self._connection.execute(f"CREATE OR REPLACE TABLE {table} AS {text}")

    def account(self, job: str, sql: str = "") -> Accounts:
        """What the account of a job says, by the table that it is about."""
        account = MODEL.account(MODEL.jobs[job], self.policy)
        assert account is not None
        reads = MODEL.jobs[job].reads
        told: Accounts = {(job, side): Counter() for side in sides(job)}
        for reason, number in self._connection.execute(sql or account.sql).fetchall():
            table, _, words = reason.partition(": ")
            side, words = (table, words) if table in MODEL.tables else (reads[0], reason)
            told[job, side][words] += number
        return told

    def rows(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])

    def left_over(self, job: str, sql: str = "") -> dict[str, int]:
        """Rows that are in neither the table of a job nor its account."""
        out = self.rows(MODEL.jobs[job].writes)
        return {
            table: self.rows(table) - out - reasons.total()
            for (_, table), reasons in self.account(job, sql).items()
        }


def sides(job: str) -> tuple[str, ...]:
    if job == "machine_learning_curated":
        return ("accelerometer_trusted", "step_trainer_trusted")
    return MODEL.jobs[job].reads[:1]


def told_by_nobody(account: Accounts) -> Accounts:
    return {key: Counter({w: n for w, n in told.items() if n}) for key, told in account.items()}


def assert_accounts(landing: Landing, policy: str) -> Accounts:
    built = Built(landing, policy)
    found: Accounts = {}
    for job in MODEL.jobs:
        found |= built.account(job)
        assert not any(built.left_over(job).values()), job
    assert told_by_nobody(found) == told_by_nobody(accounts(landing, policy))
    return found


# --- Against the oracle --------------------------------------------------------------------------


@pytest.mark.slow
@lakes_of(250)
def test_accounts_of_many_lakes(files: Files) -> None:
    landing = oracle.read(files)
    for policy in POLICIES:
        assert_accounts(landing, policy)


@pytest.fixture(scope="module")
def sample() -> Landing:
    return oracle.read(files_of(PROJECT / "data" / "sample"))


SAMPLE = {
    "customer_landing": {
        "older record of the same customer": 32,
        "no consent": 43,
        "held back: a newer record cannot be read": 3,
    },
    "accelerometer_landing": {
        "no consent": 3_691,
        "held back: a newer record cannot be read": 259,
        "before the consent": 1_237,
        "exact duplicate": 104,
    },
    "customer_trusted": {"no trusted reading": 2},
    "accelerometer_trusted": {"without partner": 217},
    "step_trainer_landing": {
        "no consent": 1_278,
        "held back: a newer record cannot be read": 92,
        "before the consent": 420,
        "nobody's: a reading that cannot be read may be any holder's": 7,
        "nobody's: no holder of the serial was there": 10,
        "nobody's: several holders of the serial were there": 132,
        "exact duplicate": 36,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("policy", mostly_slow(POLICIES))
def test_accounts_of_the_sample(sample: Landing, policy: str) -> None:
    found = told_by_nobody(assert_accounts(sample, policy))
    if policy == "strict":
        by_table = {table: dict(told) for (_, table), told in found.items()}
        by_table.pop("step_trainer_trusted")
        assert by_table == SAMPLE


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_accounts_of_dirty_data(tmp_path: Path, policy: str, seed: int) -> None:
    request = Request(200, seed, shared_serials=30, dirty=0.02, updates=0.5, duplicates=0.2)
    generate(tmp_path / "data", request)
    assert_accounts(oracle.read(files_of(tmp_path / "data")), policy)


PUBLIC = {
    "strict": {
        "accelerometer_landing": {"no consent": 40_292, "before the consent": 8_956},
        "step_trainer_landing": {"no consent": 14_220, "before the consent": 3_163},
        "accelerometer_trusted": {},
        "step_trainer_trusted": {"further pairs": -20_728},
    },
    "published": {
        "accelerometer_landing": {"no consent": 40_292},
        "step_trainer_landing": {"no consent": 14_220},
        "accelerometer_trusted": {"further pairs": -2_700},
    },
    "consent_on_accelerometer": {
        "accelerometer_landing": {"no consent": 40_292, "before the consent": 8_956},
        "step_trainer_landing": {"no consent": 14_220, "owner not curated": 540},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_accounts_of_the_public_data(public_data: Path, policy: str) -> None:
    landing = oracle.read(files_of(public_data))
    by_table = {
        t: told for (_, t), told in told_by_nobody(assert_accounts(landing, policy)).items()
    }
    assert PUBLIC[policy].items() <= by_table.items()
    assert_accounts(on_serials(landing, 30), policy)


# --- Broken --------------------------------------------------------------------------------------

BROKEN_JOBS = {
    "a row too few": "SELECT * FROM ({sql}) made LIMIT (SELECT count(*) - 1 FROM ({sql}) made)",
    "a row twice": "SELECT * FROM ({sql}) made UNION ALL SELECT * FROM"
    " (SELECT * FROM ({sql}) made LIMIT 1) again",
}


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("how", BROKEN_JOBS)
@pytest.mark.parametrize("job", MODEL.jobs)
def test_a_broken_job_leaves_rows_over(sample: Landing, job: str, how: str, policy: str) -> None:
    table = MODEL.jobs[job].writes
    sql = BROKEN_JOBS[how].format(sql=selects(policy)[table])
    built = Built(sample, policy, **{table: sql})
    number = 1 if how == "a row too few" else -1
    assert built.left_over(job) == dict.fromkeys(sides(job), number)


OTHER_RULES = [
    ("customer_landing_to_trusted", "published"),
    ("accelerometer_landing_to_trusted", "published"),
    ("step_trainer_trusted", "published"),
    ("machine_learning_curated", "published"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("job", "policy"), OTHER_RULES)
def test_the_rules_of_another_policy_leave_rows_over(
    sample: Landing, job: str, policy: str
) -> None:
    table = MODEL.jobs[job].writes
    built = Built(sample, "strict", **{table: selects(policy)[table]})
    assert all(built.left_over(job).values())


@pytest.mark.parametrize("policy", mostly_slow(POLICIES))
@pytest.mark.parametrize("job", MODEL.jobs)
def test_a_broken_account_leaves_rows_over(sample: Landing, job: str, policy: str) -> None:
    built = Built(sample, policy)
    account = MODEL.account(MODEL.jobs[job], policy)
    assert account is not None
    broken: set[Any] = set()
    for (_, table), reasons in told_by_nobody(built.account(job)).items():
        for reason, number in reasons.items():
            words = reason if len(sides(job)) == 1 else f"{table}: {reason}"
            sql = f"SELECT * FROM ({account.sql}) told WHERE reason <> {literal(words)}"
            assert built.left_over(job, sql)[table] == number
            broken.add(reason)
    assert broken


# --- The command ---------------------------------------------------------------------------------


def flow_of(told: Any) -> Accounts:
    return {
        (job["job"], side["table"]): Counter({r["reason"]: r["rows"] for r in side["reasons"]})
        for job in told["jobs"]
        for side in job["inputs"]
    }


@pytest.mark.parametrize("policy", mostly_slow(POLICIES))
def test_flow_of_the_sample(tmp_path: Path, sample: Landing, policy: str, invoke: Ask) -> None:
    lake = Lake(tmp_path / "lake").up()
    lake.upload(PROJECT / "data" / "sample")
    lake.run(policy=policy)
    told = invoke("--root", lake.settings.root, "flow", "--json").json()
    assert told["ok"]
    assert flow_of(told) == told_by_nobody(accounts(sample, policy))
    quarantined = Counter(table for table, *_ in sample.quarantine)
    counts = lake.counts()
    for job in told["jobs"]:
        assert (job["rows"], job["account"], job["error"]) == (counts[job["table"]], True, None)
        for side in job["inputs"]:
            assert side["quarantined"] == quarantined[side["table"]]
            assert side["rows"] == counts[side["table"]] + side["quarantined"]
            reasons = sum(reason["rows"] for reason in side["reasons"])
            assert side["rows"] == side["quarantined"] + reasons + job["rows"]
            assert side["not_explained"] == 0
    report = lake.validate()
    assert report.ok
    # What was asked is kept for `validate`, and the other way round.
    assert {c.check for c in report.checks if c.kept} == {f"{t}_accounted" for t in JOBS.values()}


@pytest.mark.slow
def test_flow_is_a_sum_a_line(ask: Ask) -> None:
    told = ask("flow")
    assert told.code == 0
    lines = told.out.splitlines()
    found = [line.replace("\t", " ") for line in lines]
    assert found[:6] == [
        "customer_landing_to_trusted",
        "customer_landing 9",
        "- in quarantine 2",
        "- older record of the same customer 2",
        "- no consent 1",
        "= customer_trusted 4",
    ]
    assert found[-6:] == [
        "machine_learning_curated",
        "accelerometer_trusted 4",
        "= machine_learning_curated 4",
        "step_trainer_trusted 5",
        "- without partner 1",
        "= machine_learning_curated 4",
    ]


def test_before_the_jobs_have_run(lake: Lake, invoke: Ask) -> None:
    told = invoke("--root", lake.settings.root, "flow")
    assert told.code == 3
    assert "Not built yet: customer_trusted" in told.out
    assert "not explained" not in told.out


def own(tmp_path: Path) -> tuple[Path, Lake]:
    """A project of one's own, and the small lake that it is of."""
    copy_out(PROJECT, tmp_path / "project")
    lake = Lake(tmp_path / "lake", project=tmp_path / "project").up()
    lake.upload(write_lake(tmp_path / "data"))
    return tmp_path / "project", lake


def shown(project: Path, lake: Lake, invoke: Ask, *words: str) -> Result:
    config = project / "configs" / "local.yaml"
    return invoke("--config", config, "--root", lake.settings.root, "flow", *words)


@pytest.mark.slow
def test_a_job_without_an_account_is_not_explained(tmp_path: Path, invoke: Ask) -> None:
    project, lake = own(tmp_path)
    # The strict account is none of other rules.
    (project / "jobs" / "published" / "accounts" / "machine_learning_curated.sql").unlink()
    lake.run(policy="published")
    told = shown(project, lake, invoke)
    assert told.code == 0
    # Of 8 readings 15 pairs were made.
    assert told.out.count("not explained: -7") == told.out.count("not explained") == 1
    assert "No account says where rows of these jobs went: machine_learning_curated." in " ".join(
        told.out.split()
    )
    report = lake.validate()
    assert report.ok
    assert "machine_learning_curated_accounted" not in {c.check for c in report.checks}


@pytest.mark.slow
def test_an_account_that_cannot_be_run_hides_no_other(tmp_path: Path, invoke: Ask) -> None:
    project, lake = own(tmp_path)
    lake.run()
    account = project / "jobs" / "accounts" / "step_trainer_trusted.sql"
    account.write_text("SELECT reason FROM customer_landing")
    told = shown(project, lake, invoke)
    assert told.code == 3
    assert str(account) in "".join(told.out.split())
    assert "- no consent" in told.out
    report = lake.validate()
    (broken,) = [c for c in report.checks if not c.ok]
    assert (broken.check, broken.verdict) == ("step_trainer_trusted_accounted", "error")


@pytest.mark.slow
def test_sums_that_do_not_meet_fail(tmp_path: Path, invoke: Ask) -> None:
    project, lake = own(tmp_path)
    job = project / "jobs" / "customer_trusted_to_curated.sql"
    job.write_text(job.read_text() + "WHERE c.email <> 'bob@x.org'\n")
    lake.run()
    told = shown(project, lake, invoke)
    assert told.code == 3
    assert "not explained: 1" in told.out
    assert "The sums of customers_curated do not meet." in told.out
    failed = [c.check for c in lake.validate().checks if c.verdict == "failed"]
    assert "customers_curated_accounted" in failed
    assert not lake.validate().ok


def test_what_two_policies_say_of_one_rule_is_one_text() -> None:
    jobs = PROJECT / "jobs"
    beside = [p for kind in ("accounts", "folds") for p in (jobs / BOTH).glob(f"{kind}/*.sql")]
    # Its customers are those of the strict rules, of whom some are held back.
    beside.remove(jobs / BOTH / "accounts" / "step_trainer_trusted.sql")
    assert beside
    for path in beside:
        rules = [(jobs / policy / path.name).read_text() for policy in (BOTH, "published")]
        one, other = (re.sub("--.*\n", "", rule) for rule in rules)
        assert one == other
    for path in [*beside, *(jobs / BOTH / "checks").glob("*.sql")]:
        assert path.read_text() == (jobs / "published" / path.relative_to(jobs / BOTH)).read_text()


# --- What is not of now, and what is no account -------------------------------------------------


def more_steps(tmp_path: Path, lake: Lake) -> None:
    files = {"step_trainer_landing": {"more.json": [step("serial-none", C + 10)]}}
    lake.upload(write_lake(tmp_path / "more", files))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("landing", "Stale: step_trainer_trusted (step_trainer_landing changed)"),
        ("SQL", "Stale: customers_curated (its SQL changed)"),
    ],
)
def test_flow_of_what_is_stale_says_so(tmp_path: Path, invoke: Ask, change: str, said: str) -> None:
    project, lake = own(tmp_path)
    lake.run()
    assert shown(project, lake, invoke).code == 0
    if change == "landing":
        more_steps(tmp_path, lake)
    else:
        job = project / "jobs" / "customer_trusted_to_curated.sql"
        job.write_text(job.read_text() + "-- The same, said otherwise.\n")
    told = shown(project, lake, invoke)
    assert told.code == 3
    words = " ".join(told.out.split())
    assert said in words
    assert "Run `stedi jobs run --all`." in words
    record = shown(project, lake, invoke, "--json")
    assert record.code == 3
    found = record.json()
    assert not found["ok"]
    assert any(problem.startswith(said) for problem in found["problems"])
    assert {"machine_learning_curated"} < {stale["table"] for stale in found["stale"]}
    lake.run()
    found = shown(project, lake, invoke, "--json").json()
    assert (found["ok"], found["stale"], found["problems"]) == (True, [], [])


def test_an_account_of_another_policy_than_the_usual_names_its_run(
    tmp_path: Path, invoke: Ask
) -> None:
    project, lake = own(tmp_path)
    lake.run(policy="published")
    more_steps(tmp_path, lake)
    words = " ".join(shown(project, lake, invoke).out.split())
    assert "Run `stedi jobs run --all --policy published`." in words


ITSELF = [
    ("customers_curated", "customer_trusted_to_curated", "customers_curated"),
    ("CUSTOMERS_curated", "customer_trusted_to_curated", "customers_curated"),
    # What is made of its table tells of it too.
    ("machine_learning_curated", "customer_trusted_to_curated", "machine_learning_curated"),
    ('"step_trainer_trusted"', "step_trainer_trusted", "step_trainer_trusted"),
]


@pytest.mark.parametrize(("table", "job", "named"), mostly_slow(ITSELF))
def test_an_account_by_its_own_table_is_none(
    tmp_path: Path, invoke: Ask, table: str, job: str, named: str
) -> None:
    project, lake = own(tmp_path)
    lake.run()
    first = lake.model.jobs[job].reads[0]
    account = project / "jobs" / "accounts" / f"{job}.sql"
    account.write_text(
        f"SELECT 'no reason' AS reason, (SELECT count(*) FROM {first})"
        f" - (SELECT count(*) FROM {table}) AS n"
    )
    for _ in range(2):
        told = shown(project, lake, invoke)
        assert told.code == 3
        assert "no reason" not in told.out
        words = " ".join(told.out.split())
        assert f"It reads {named}, which follows from the job." in words
        assert account.name in told.out.replace("\n", "")
        report = lake.validate()
        (broken,) = (c for c in report.checks if not c.ok)
        assert (broken.check, broken.verdict) == (f"{JOBS[job]}_accounted", "error")


@pytest.mark.slow
def test_an_account_that_names_its_table_in_words_alone_is_one(tmp_path: Path) -> None:
    project, lake = own(tmp_path)
    lake.run()
    account = project / "jobs" / "accounts" / "customer_trusted_to_curated.sql"
    account.write_text(
        account.read_text().replace("'no trusted reading'", "'not in customers_curated'")
    )
    assert lake.validate().ok


ODD = [
    ("'no reading', NULL", "A number of rows is NULL."),
    ("'no reading', 1.5", "A number of rows is not whole."),
    ("'no reading', 'many'", "A number of rows is not whole."),
    ("'no reading', CAST('nan' AS DOUBLE)", "A number of rows is not whole."),
    ("NULL, 1", "A reason is NULL."),
]


@pytest.mark.slow
@pytest.mark.parametrize(("row", "said"), mostly_slow(ODD))
def test_an_odd_answer_of_an_account_is_refused_by_its_file(
    tmp_path: Path, invoke: Ask, row: str, said: str
) -> None:
    project, lake = own(tmp_path)
    lake.run()
    account = project / "jobs" / "accounts" / "customer_trusted_to_curated.sql"
    account.write_text(f"SELECT * FROM (VALUES ({row})) told (reason, n)")
    told = shown(project, lake, invoke)
    assert told.code == 3
    assert f"{account}: {said}".replace(" ", "") in "".join(told.out.split())
    assert "None" not in told.out
    (broken,) = (c for c in lake.validate().checks if not c.ok)
    assert broken.verdict == "error"
    assert str(broken.error).startswith(f"{account}: {said} ")


@pytest.mark.slow
def test_a_whole_number_may_be_written_as_any(tmp_path: Path) -> None:
    project, lake = own(tmp_path)
    lake.run()
    account = project / "jobs" / "accounts" / "customer_trusted_to_curated.sql"
    for number in ("1.0", "CAST(1 AS DOUBLE)", "CAST(1 AS HUGEINT)"):
        account.write_text(f"SELECT 'no trusted reading' AS reason, {number} AS n; -- dan\n")
        assert lake.validate().ok


@pytest.mark.slow
def test_a_reason_that_is_no_word_of_the_project_is_masked(tmp_path: Path, invoke: Ask) -> None:
    project, lake = own(tmp_path)
    lake.run()
    accounts_of = project / "jobs" / "accounts"
    (accounts_of / "customer_trusted_to_curated.sql").write_text(
        "SELECT c.serialNumber AS reason, 1 AS n FROM customer_trusted c"
        " WHERE c.serialNumber = 'serial-' || 'dan'"
    )
    (accounts_of / "machine_learning_curated.sql").write_text(
        "SELECT 'accelerometer_trusted: ' || a.user AS reason, 0 AS n"
        " FROM accelerometer_trusted a UNION ALL"
        " SELECT 'step_trainer_trusted: ' || s.serialNumber,"
        " CASE WHEN s.sensorReadingTime % 1000 = 143 THEN 1 ELSE 0 END"
        " FROM step_trainer_trusted s"
    )
    for words in ((), ("--json",)):
        told = shown(project, lake, invoke, *words)
        assert told.code == 0, told.out
        assert "serial-" not in told.out
        assert "@" not in told.out
    found = flow_of(told.json())
    assert found["customer_trusted_to_curated", "customer_trusted"] == {"…": 1}
    assert found["machine_learning_curated", "step_trainer_trusted"] == {"…": 1}
    assert lake.validate().ok


@pytest.mark.slow
def test_a_note_shows_no_word_of_a_row(tmp_path: Path, invoke: Ask) -> None:
    project, lake = own(tmp_path)
    lake.run()
    note = project / "jobs" / "notes" / "people.sql"
    note.write_text("SELECT c.serialNumber AS reason, 1 AS number FROM customer_trusted c")
    config = project / "configs" / "local.yaml"
    told = invoke("--config", config, "--root", lake.settings.root, "validate")
    assert told.code == 0
    assert "People: 4; …." in told.out
    assert "serial-" not in told.out


def test_reasons_come_in_one_order_whatever_an_engine_gives(ran: Lake) -> None:
    with ran.opened() as opened:
        observed = Asking(ran.model, opened, again=False).observed()
    turned = {job: told[::-1] for job, told in observed.reasons.items() if told}
    assert turned
    found = flows(ran.model, observed)
    assert flows(ran.model, replace(observed, reasons=turned)) == found
    numbers = [[number for _, number in side.reasons] for flow in found for side in flow.sides]
    assert any(len(set(told)) < len(told) for told in numbers)
