"""The same jobs on Spark: equal to DuckDB and to the oracle, row for row and line for line."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import oracle
import pytest
from conftest import PROJECT, uploaded
from fire.arena import until
from lake import Files
from small import CUSTOMERS, MOTIONS, STEPS, STRICT, lines
from test_contract import (
    ACCEPTED,
    CUSTOMER,
    MARK_APART,
    NAMED,
    QUARANTINED,
    TEXTS,
    WITHOUT_LINES,
    ZERO_LINES,
    ZEROS,
    line,
    members,
)
from test_oracle import signed

from stedi_cli.datasets.synthetic import Request, generate
from stedi_cli.errors import BadDataError, StediError, UsageError
from stedi_cli.lake.job_run import JobDone
from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import RunOptions
from stedi_cli.local import spark, spark_submit
from stedi_cli.places import open_lake
from stedi_cli.project.folder import copy_out
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.settings import load_settings
from stedi_cli.runs import pipeline, spark_request
from stedi_cli.runs.pipeline import Pipeline

pytestmark = [pytest.mark.spark, pytest.mark.slow]
SAMPLE = Path(__file__).parent.parent / "data" / "sample"


def opened(root: Path, policy: str, *, bad: str = "100%") -> tuple[Lakehouse, Lake]:
    settings = load_settings(
        root=root, policy=policy, max_bad_rows=bad, max_unreadable_customers=bad
    )
    lakehouse = settings.lakehouse()
    return lakehouse, open_lake(settings, lakehouse)


def run(
    root: Path, policy: str, engine: str, jobs: tuple[str, ...] = (), *, reread: bool = False
) -> list[JobDone]:
    lakehouse, lake = opened(root, policy)
    try:
        options = RunOptions(engine, force=True, reread=reread)
        events = Pipeline(lakehouse, lake, policy).run(options, jobs)
        return [event for event in events if isinstance(event, JobDone)]
    finally:
        lake.close()


def emails(folder: Path) -> set[str]:
    texts = (path.read_text() for path in (folder / "customer" / "landing").glob("*.json"))
    return {email for text in texts for email in re.findall(r'"email": ?"([^"]+@[^"]+)"', text)}


def contents(root: Path) -> dict[str, Counter[Any]]:
    lakehouse, lake = opened(root, "strict")
    try:
        names = [*lakehouse.writers, "quarantine", "held_back"]
        return {n: Counter(signed(lake.questions.ask(f"SELECT * FROM {n}").rows)) for n in names}
    finally:
        lake.close()


def upload(root: Path, folder: Path) -> None:
    _, lake = opened(root, "strict")
    list(lake.infrastructure.up())
    uploaded(lake, folder, replace=True)
    lake.close()


def files_below(folder: Path) -> Files:
    lakehouse, lake = opened(folder, "strict")
    lake.close()
    return {
        name: {p.name: p.read_bytes() for p in (folder / str(table.folder) / "landing").iterdir()}
        for name, table in lakehouse.landing.items()
    }


def assert_parity(root: Path, files: Files | None = None) -> None:
    for policy in ("strict", "published"):
        run(root, policy, "duckdb")
        expected = contents(root)
        # Or it would take what the other engine has read.
        run(root, policy, "spark", reread=policy == "strict")
        found = contents(root)
        for name, rows in expected.items():
            assert found[name] == rows, (policy, name)
        if files is not None:
            landing = oracle.read(files)
            assert found["quarantine"] == Counter(landing.quarantine)
            for name, told in oracle.lakehouse(landing, policy).items():
                assert found[name] == Counter(signed(told)), (policy, name)


def test_parity_on_the_sample(tmp_path: Path) -> None:
    upload(tmp_path / "l", SAMPLE)
    assert_parity(tmp_path / "l", files_below(SAMPLE))


def test_parity_on_dirty_data_with_shared_serials(tmp_path: Path) -> None:
    request = Request(
        customers=60,
        seed=11,
        shared_serials=7,
        dirty=0.05,
        updates=0.4,
        duplicates=0.1,
    )
    generate(tmp_path / "g", request)
    upload(tmp_path / "l", tmp_path / "g")
    assert_parity(tmp_path / "l", files_below(tmp_path / "g"))


def test_parity_on_the_public_data(tmp_path: Path, public_data: Path) -> None:
    upload(tmp_path / "l", public_data)
    assert_parity(tmp_path / "l")
    rows = [done.rows for done in run(tmp_path / "l", "strict", "spark")]
    assert rows == [482, 32_025, 464, 11_297, 32_025]


def contract_files() -> Files:
    """Every case of the contract, in a few files, since each bad file is a task of its own."""
    customer = {k: v for k, v in CUSTOMER.items() if k != "customerName"}
    tail = json.dumps(customer).encode()[1:]
    odd = [text for cases in (ACCEPTED, QUARANTINED) for text, _ in cases.values()]
    readings = {
        f"odd{start}.json": b"\n".join([line(), *odd[start : start + 12], line()])
        for start in range(0, len(odd), 12)
    }
    readings |= {
        "bom.json": b"\xef\xbb\xbf" + line(x=3.0) + b"\n",
        "crlf.json": line(x=4.0) + b"\r\n\r\n" + line(x=5.0) + b"\r\n",
        "empty.json": b"",
        "blank.json": b"\n \t\r\n" + line(x=6.0) + b"\n\n\n{\n\x0b\n[]",
        "one_byte.json": b"7",
        "zeros.json": b"\n".join(ZERO_LINES),
    }
    readings |= {name: members(given) for name, given in (WITHOUT_LINES | MARK_APART).items()}
    head = b'{"customerName":'
    texts = {"c.json": b"\n".join(head + given + b"," + tail for given, _ in TEXTS.values())}
    return {"customer_landing": texts, "accelerometer_landing": readings}


def test_parity_on_every_case_of_the_contract(tmp_path: Path) -> None:
    # Folders above and below that look like partitions.
    root = tmp_path / NAMED / "l"
    files = {t: {**named, "x=9/a.json": line()} for t, named in contract_files().items()}
    lakehouse, lake = opened(root, "strict")
    list(lake.infrastructure.up())
    for table, contents_ in files.items():
        folder = root / "landing" / str(lakehouse.tables[table].folder)
        (folder / "x=9").mkdir()
        for name, content in contents_.items():
            (folder / name).write_bytes(content)
    lake.close()
    assert_parity(root, files)
    reasons = {row[3] for row in contents(root)["quarantine"]}
    assert {reason for _, reason in QUARANTINED.values()} <= reasons
    found = [row[2] for row in contents(root)["accelerometer_trusted"].elements()]
    negative = [text for _, text in ZEROS.values() if text.startswith("-")] * 2
    assert found.count("-0.0") == len(negative)


def test_files_in_folders_are_called_by_their_paths(tmp_path: Path) -> None:
    customers, more = lines(CUSTOMERS[:3]), lines(CUSTOMERS[3:])
    files = {
        "customer/2023/01/a.json": customers + b"nonsense\n",
        "customer/2023/02/a": more + b"\n{}\n",
        "customer/c.JSONL": b"nonsense\n",
        "accelerometer/dt=2023-01-31/a": gzip.compress(lines(MOTIONS)),
        "accelerometer/x=1/y=2/a (1).json": gzip.compress(b"{}\n"),
        "step_trainers/landing/timestamp=5/s": lines(STEPS),
    }
    for name, content in files.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    upload(tmp_path / "lake", tmp_path / "data")
    run(tmp_path / "lake", "strict", "duckdb")
    expected = contents(tmp_path / "lake")
    assert {row[:3] for row in expected["quarantine"]} == {
        ("customer_landing", "2023/01/a.json", 4),
        ("customer_landing", "2023/02/a.json", 6),
        ("customer_landing", "c.json", 1),
        ("accelerometer_landing", "x=1/y=2/a (1).json.gz", 1),
    }
    assert {name: expected[name].total() for name in STRICT if name in expected} == {
        name: rows for name, rows in STRICT.items() if name in expected
    }
    run(tmp_path / "lake", "strict", "spark", reread=True)
    assert contents(tmp_path / "lake") == expected


def test_engines_take_turns(tmp_path: Path) -> None:
    root = tmp_path / "l"
    upload(root, SAMPLE)
    run(root, "strict", "duckdb")
    expected = contents(root)
    lakehouse, lake = opened(root, "strict")
    lake.close()
    for position, job in enumerate(lakehouse.jobs):
        run(root, "strict", ("spark", "duckdb")[position % 2], (job,))
    assert contents(root) == expected
    # What one engine built is up to date for the other.
    lakehouse, lake = opened(root, "strict")
    plans = Pipeline(lakehouse, lake, "strict").plan()
    states = lake.tables.states().items()
    engines = {t: s.current.provenance.engine for t, s in states if t in lakehouse.writers}
    lake.close()
    assert [plan.stale for plan in plans] == [None] * 5
    assert set(engines.values()) == {"spark", "duckdb"}


def test_the_script_itself_can_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Glue nobody else does: old snapshots go, and all of another policy, with their files."""
    asked = spark_request.request
    monkeypatch.setattr(spark_request, "request", lambda *a, **k: asked(*a, **{**k, "keep": 2}))
    monkeypatch.setattr(spark.SparkRunner, "_expire", lambda self, work: None)
    root, table = tmp_path / "l", "customer_trusted"
    upload(root, SAMPLE)

    def after(policy: str) -> tuple[list[str], bool]:
        run(root, policy, "spark", ("customer_landing_to_trusted",))
        _, lake = opened(root, policy)
        snapshots = lake.tables.states()[table].snapshots
        policies = [s.provenance.policy for s in snapshots if s.provenance]
        whole = lake.tables.is_whole(table)
        lake.close()
        return policies, whole

    told = [after(policy) for policy in ("strict", "strict", "strict", "published")]
    counts = [["strict"], ["strict"] * 2, ["strict"] * 2, ["published"]]
    assert told == [(policies, True) for policies in counts]


def test_too_many_bad_lines(tmp_path: Path) -> None:
    root = tmp_path / "l"
    upload(root, SAMPLE)
    lakehouse, lake = opened(root, "strict", bad="0")
    with pytest.raises(BadDataError, match="lines cannot be used"):
        list(Pipeline(lakehouse, lake, "strict").run(RunOptions("spark")))
    lake.close()
    assert "customer_trusted" not in opened(root, "strict")[1].tables.states()


def test_failure_names_the_log(tmp_path: Path) -> None:
    project = tmp_path / "p"
    subprocess.run([sys.executable, "-m", "stedi_cli", "init", str(project)], check=True)
    sql = project / "jobs" / "customer_landing_to_trusted.sql"
    sql.write_text(sql.read_text().replace("  l.customerName,", "  l.no_such,"))
    config = project / "configs" / "local.yaml"
    settings = load_settings(config, root=tmp_path / "l")
    lakehouse = settings.lakehouse()
    lake = open_lake(settings, lakehouse)
    list(lake.infrastructure.up())
    with pytest.raises(StediError, match="customer_landing_to_trusted failed on Spark") as told:
        list(Pipeline(lakehouse, lake, "strict").run(RunOptions("spark")))
    lake.close()
    log = tmp_path / "l" / "spark.log"
    assert str(log) in str(told.value.hint)
    assert "no_such" in log.read_text()


def test_what_a_job_quotes_is_neither_shown_nor_kept(tmp_path: Path) -> None:
    project, root = tmp_path / "p", tmp_path / "l"
    subprocess.run([sys.executable, "-m", "stedi_cli", "init", str(project)], check=True)
    sql = project / "jobs" / "customer_landing_to_trusted.sql"
    sql.write_text(
        sql.read_text().replace(
            "  l.customerName,", "  CAST(CAST(l.email AS BIGINT) AS STRING) AS customerName,"
        )
    )
    upload(root, SAMPLE)
    lakehouse = load_settings(project / "configs" / "local.yaml", root=root).lakehouse()
    lake = open_lake(load_settings(project / "configs" / "local.yaml", root=root), lakehouse)
    with pytest.raises(StediError, match="CAST_INVALID_INPUT") as told:
        list(Pipeline(lakehouse, lake, "strict").run(RunOptions("spark")))
    lake.close()
    log = (root / "spark.log").read_text()
    assert "CAST_INVALID_INPUT" in log
    assert "@" not in told.value.message
    people = emails(SAMPLE)
    assert len(people) > 100
    assert not [email for email in people if email in log]


def test_a_run_that_succeeded_leaves_no_log_and_nothing_outside_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("TMPDIR", "SPARK_LOCAL_DIRS"):
        monkeypatch.setenv(name, str(elsewhere))
    root = tmp_path / "l"
    upload(root, SAMPLE)
    seen: set[str] = set()
    lakehouse, lake = opened(root, "strict")
    for event in Pipeline(lakehouse, lake, "strict").run(RunOptions("spark")):
        if isinstance(event, JobDone):
            seen |= {path.name for path in (root / "tmp").glob("*/*")}
    lake.close()
    assert not (root / "spark.log").exists()
    assert list(elsewhere.iterdir()) == []
    assert [name for name in seen if name.startswith("sqlite-")]
    assert [name for name in seen if name.startswith("blockmgr-")]
    assert list((root / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT * FROM customers_curated", "customers_curated, not named in its reads"),
        ("SELECT * FROM json.`/x`", "no table json./x"),
        ('SELECT * FROM json."/x"', "no table json./x"),
        ("SELECT reflect('java.lang.System', 'getenv', 'HOME')", "function reflect"),
        ("SELECT '\\' FROM customer_landing --' FROM customers_curated", "backslash"),
        ("-- \\\nSELECT 1", "backslash"),
    ],
)
def test_a_job_reads_what_it_says(tmp_path: Path, sql: str, told: str) -> None:
    copy_out(PROJECT, tmp_path / "p")
    (tmp_path / "p" / "jobs" / "customer_landing_to_trusted.sql").write_text(sql)
    settings = load_settings(tmp_path / "p" / "configs" / "local.yaml", root=tmp_path / "l")
    lakehouse = settings.lakehouse()
    lake = open_lake(settings, lakehouse)
    list(lake.infrastructure.up())
    with pytest.raises(UsageError, match=re.escape(told)):
        list(Pipeline(lakehouse, lake, "strict").run(RunOptions("spark")))
    assert not (tmp_path / "l" / "spark.log").exists()
    lake.close()


def test_a_file_is_no_table_for_spark_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should SQL get that far."""
    monkeypatch.setattr(pipeline, "refuse_undeclared", lambda *_: None)
    copy_out(PROJECT, tmp_path / "p")
    columns = "customerName, email, phone, birthDay, serialNumber, registrationDate,"
    columns += " lastUpdateDate, shareWithResearchAsOfDate, shareWithPublicAsOfDate,"
    columns += " shareWithFriendsAsOfDate"
    path = SAMPLE / "customer" / "landing"
    (tmp_path / "p" / "jobs" / "customer_landing_to_trusted.sql").write_text(
        f"SELECT {columns} FROM json.`{path}`"
    )
    settings = load_settings(tmp_path / "p" / "configs" / "local.yaml", root=tmp_path / "l")
    lakehouse = settings.lakehouse()
    lake = open_lake(settings, lakehouse)
    list(lake.infrastructure.up())
    with pytest.raises(StediError, match="customer_landing_to_trusted failed on Spark"):
        list(Pipeline(lakehouse, lake, "strict").run(RunOptions("spark")))
    lake.close()
    assert "TABLE_OR_VIEW_NOT_FOUND" in (tmp_path / "l" / "spark.log").read_text()


def test_without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert "install a JDK 17 or newer" in str(spark_submit.missing())


def test_with_an_old_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert "Java 11 is too old" in str(spark_submit.missing())


def test_shared_serial_numbers_are_joined_with_the_time(tmp_path: Path) -> None:
    """By its serial number alone, one step reading would meet thousands of customers' readings."""
    lakehouse, lake = opened(tmp_path / "l", "strict")
    lake.close()
    types = {"string": "STRING", "long": "BIGINT", "double": "DOUBLE"}
    given = {
        "tables": {
            name: ", ".join(f"`{c.name}` {types[c.type]}" for c in table.columns)
            for name, table in lakehouse.tables.items()
        },
        "jobs": {
            name: lakehouse.job_text(job, "strict").sql for name, job in lakehouse.jobs.items()
        },
    }
    file = tmp_path / "given.json"
    file.write_text(json.dumps(given))
    script = Path(__file__).parent / "spark_plans.py"
    told = subprocess.run([sys.executable, str(script), str(file)], stdout=-1, check=True)
    plans = json.loads(told.stdout)
    assert len(plans) == 5
    final = [(set(j["left"]), set(j["right"])) for j in plans["machine_learning_curated"]]
    of_steps = [pair for pair in final if any("serialNumber" in side for side in pair)]
    both = ({"serialNumber", "timestamp"}, {"serialNumber", "sensorReadingTime"})
    assert of_steps in ([both], [both[::-1]])
    presence = [
        {*j["left"], *j["right"]}
        for j in plans["step_trainer_trusted"]
        if any("instant" in key or key == "timestamp" for key in j["right"])
        # Of each instant at which anybody may have read there is one row.
        and {*j["left"], *j["right"]} != {"instant"}
    ]
    assert presence and all({"serialNumber", "sensorReadingTime"} <= keys for keys in presence)
    for name, found in plans.items():
        for join in found:
            assert join["left"] and join["right"], (name, join)


def test_told_to_end_it_takes_spark_with_it(tmp_path: Path) -> None:
    root = tmp_path / "l"
    command = [sys.executable, "-m", "stedi_cli", "--root", str(root)]
    subprocess.run([*command, "infra", "up"], check=True, capture_output=True)
    words = ["jobs", "run", "--all", "--engine", "spark"]
    run = subprocess.Popen([*command, *words], stdout=-1, stderr=-1, text=True)
    # Spark is at work: its log says so, and the lock names it, which may outlive the command.
    until((root / "spark.log").is_file)
    lock = root / "lock"
    holder = until(lambda: {int(lock.read_text() or 0)} - {0, run.pid}).pop()
    until(lambda: "java" in Path(f"/proc/{holder}/cmdline").read_text())
    refused = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert f"Another process, {holder}, is changing" in refused.stderr
    run.send_signal(signal.SIGTERM)
    _, told = run.communicate(timeout=60)
    assert run.returncode == 130, told
    assert "Error: Interrupted" in told
    assert not Path(f"/proc/{holder}").exists()
    assert not (root / "journal.json").exists()
    assert list((root / "tmp").iterdir()) == []
    again = subprocess.run([*command, "jobs", "run", "--all"], capture_output=True, check=False)
    assert again.returncode in (0, 3)
