"""Hostile SQL, policies and roots: refused in a line, and nothing outside is read or changed."""

from __future__ import annotations

import shutil

import pytest
from conftest import PROJECT
from small import STRICT

from fire.arena import Arena, assert_refused
from fire.state import listing, read, stray
from stedi_cli.project import copy_out

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
    "what is not there": "SELECT nothing FROM nowhere",
}


@pytest.mark.parametrize("name", JOBS)
def test_a_hostile_job_is_refused(built: Arena, name: str) -> None:
    project = built.data.parent / "project"
    copy_out(PROJECT, project)
    outside = built.root.parent / "outside"
    outside.mkdir()
    path = project / "jobs" / "customer_landing_to_trusted.sql"
    path.write_text(JOBS[name].replace("{outside}", str(outside)))
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


@pytest.mark.parametrize("sql", QUERIES, ids=lambda sql: ascii(sql)[:40])
def test_a_hostile_query_is_refused(built: Arena, sql: str) -> None:
    (built.root / "landing" / "customer" / "link.txt").symlink_to("/etc/passwd")
    before = listing(built.root.parent)
    ended = built.run("query", sql.format(root=built.root))
    assert_refused(ended)
    assert len(ended.err) < 10_000
    assert listing(built.root.parent) == before
