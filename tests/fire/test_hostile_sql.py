"""Hostile SQL, policies and roots: refused in a line, and nothing outside is read or changed."""

from __future__ import annotations

import shutil

import pytest
from conftest import PROJECT
from small import STRICT

from fire.arena import Arena, assert_refused
from fire.state import listing, read, stray
from stedi_cli.project.folder import copy_out

# --- Jobs ----------------------------------------------------------------------------------------

OWN = "customerName, email, phone, birthDay, serialNumber, registrationDate, lastUpdateDate,"
OWN += " shareWithResearchAsOfDate, shareWithPublicAsOfDate, shareWithFriendsAsOfDate"
JOBS = {
    "a file outside": f"SELECT {OWN} FROM read_csv('/etc/passwd')",
    "a table that it does not read": f"SELECT {OWN} FROM customers_curated",
    "a copy": "COPY (SELECT 1) TO '{outside}/stolen.csv'",
    "two statements": f"SELECT {OWN} FROM customer_landing; COPY (SELECT 1) TO '{{outside}}/x.csv'",
    "a copy behind a comment": "/* SELECT 1 */ COPY (SELECT 1) TO '{outside}/stolen.csv' -- SELECT",
    "a way out of the brackets": f"SELECT {OWN} FROM customer_landing) TO '{{outside}}/x.csv' --",
    "a setting": "SET enable_external_access = true",
    "an attached file": "ATTACH '{outside}/x.db'",
    "other columns": "SELECT email FROM customer_landing",
    "nothing": "-- SELECT 1",
    "deep": "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
    "long": f"SELECT {OWN} FROM customer_landing WHERE email = '" + "x" * 5_000_000,
    "NUL": "SELECT \0",
    "a landing file by its path": f"SELECT {OWN} FROM"
    " read_json('{root}/landing/customer/*.json')",
    "a landing file as a table": f"SELECT {OWN} FROM '{{root}}/landing/customer/a.json'",
    "a table's files": f"SELECT {OWN} FROM read_parquet('{{root}}/warehouse/*/data/*.parquet')",
    "a query in a text": f"SELECT {OWN} FROM query('FROM customer_landing')",
    "a copy in a WITH": "WITH x AS (COPY (SELECT 1) TO '{root}/landing/customer/a.json')"
    f" SELECT {OWN} FROM customer_landing, x",
    "a log": f"SELECT {OWN} FROM customer_landing, enable_logging(storage := 'file')",
    "what is not there": "SELECT nothing FROM nowhere",
}


@pytest.mark.parametrize("name", JOBS)
def test_a_hostile_job_is_refused(built: Arena, name: str) -> None:
    project = built.data.parent / "project"
    copy_out(PROJECT, project)
    outside = built.root.parent / "outside"
    outside.mkdir()
    path = project / "jobs" / "customer_landing_to_trusted.sql"
    places = {"{outside}": outside, "{root}": built.root}
    sql = JOBS[name]
    for word, place in places.items():
        sql = sql.replace(word, str(place))
    path.write_text(sql)
    before = read(built.root)
    config = project / "configs" / "local.yaml"
    ended = built.launcher.run(
        "--root", built.root, "--config", config, "jobs", "run", "--all", folder=built.root
    )
    assert_refused(ended)
    assert len(ended.err) < 10_000
    assert read(built.root) == before
    assert listing(outside) == {}
    assert stray(built.root) == set()


@pytest.mark.parametrize("policy", ["../x", "/etc", "published/../published", "", ".", "a\nb"])
def test_a_hostile_policy_is_refused(built: Arena, policy: str) -> None:
    shutil.copytree(PROJECT / "jobs" / "published", built.root.parent / "x")
    ended = built.run("jobs", "run", "--all", "--policy", policy)
    if policy:
        assert ended.code == 2, ended
    assert built.counts() == STRICT


# --- Roots, queries ------------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["~nobody-of-that-name/x", "x" * 300, "x/" * 3000, "a\udcffb"])
def test_a_hostile_root(arena: Arena, root: str) -> None:
    before = listing(arena.root.parent)
    ended = arena.launcher.run(
        "--root", root, "infra", "up", "--data", arena.data, folder=arena.root, cwd=arena.data
    )
    if ended.code != 0:
        assert_refused(ended)
    assert listing(arena.root.parent) == before


QUERIES = ["SELECT '\udcff'", "SELECT " + "(" * 5_000 + "1" + ")" * 5_000, "SELECT 1; SELECT 2"]
QUERIES += ["SELECT * FROM read_text('{root}/stedi.json')", "SELECT repeat('x', 100000000000)"]
QUERIES += ["SELECT * FROM read_text('{root}/landing/customer/link.txt')"]
QUERIES += ["SELECT * FROM '{root}/warehouse/../catalog.db'", "/* SELECT */ ATTACH '{root}/x.db'"]
QUERIES += ["COPY customer_trusted TO '{root}/warehouse/x.csv'", "PRAGMA database_list"]
INTO = "'{root}/landing/customer/a.json'"
QUERIES += [f"WITH x AS (COPY (SELECT 42) TO {INTO}) SELECT count(*) FROM x"]
QUERIES += [f"SELECT (WITH x AS (COPY (SELECT 42) TO {INTO}) SELECT count(*) FROM x)"]
QUERIES += [f"SUMMARIZE WITH x AS (COPY customer_trusted TO {INTO}) FROM x"]
QUERIES += ["WITH x AS (COPY (SELECT 1) TO '{root}/warehouse/x.parquet') FROM x"]
QUERIES += ["WITH x AS (COPY customer_landing TO '{root}/tmp/x.csv') FROM x"]
QUERIES += ["FROM enable_logging(storage := 'file', storage_config := {{'path': '{root}/tmp'}})"]
QUERIES += [f"FROM {INTO}", f"SELECT * FROM read_json({INTO})", "FROM glob('{root}/**')"]
QUERIES += ["SELECT write_log('x')", "FROM duckdb_views", "FROM duckdb_secrets()"]


@pytest.mark.parametrize("sql", QUERIES, ids=lambda sql: ascii(sql)[:40])
def test_a_hostile_query_is_refused(built: Arena, sql: str) -> None:
    (built.root / "landing" / "customer" / "link.txt").symlink_to("/etc/passwd")
    before = listing(built.root.parent)
    ended = built.run("query", sql.format(root=built.root))
    assert_refused(ended)
    assert len(ended.err) < 10_000
    assert listing(built.root.parent) == before


@pytest.mark.parametrize("kind", ["checks", "notes"])
@pytest.mark.parametrize("sql", QUERIES[-12:], ids=lambda sql: ascii(sql)[:40])
def test_a_hostile_check_is_refused(built: Arena, kind: str, sql: str) -> None:
    project = built.data.parent / "project"
    copy_out(PROJECT, project)
    (project / "jobs" / kind / "hostile.sql").write_text(sql.format(root=built.root))
    before = read(built.root)
    ended = built.run("--config", project / "configs" / "local.yaml", "validate", "--json")
    assert ended.code == 3
    report = ended.json()
    assert (report["verdict"], report["ok"]) == ("error", False)
    if kind == "checks":
        (hostile,) = (check for check in report["checks"] if check["check"] == "hostile")
        assert (hostile["violations"], hostile["ok"]) == (None, None)
    # What it would have done is not done, and nothing else is hidden by it.
    assert all(check["ok"] for check in report["checks"] if check["check"] != "hostile")
    assert read(built.root) == before
    assert stray(built.root) == set()


def test_a_job_reads_what_it_says(built: Arena) -> None:
    project = built.data.parent / "project"
    copy_out(PROJECT, project)
    job = project / "jobs" / "machine_learning_curated.sql"
    job.write_text(f"{job.read_text()} WHERE EXISTS (SELECT 1 FROM Customer_Landing)")
    before = read(built.root)
    ended = built.run("--config", project / "configs" / "local.yaml", "jobs", "run", "--all")
    assert_refused(ended)
    assert ended.code == 2
    for word in ("machine_learning_curated", "customer_landing", "in its reads"):
        assert word in ended.told()[0]
    assert read(built.root) == before
