"""What leaves as JSON is what docs/json.md says: the same keys, in the same order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT

from stedi_cli.checks.verdict import CheckResult, Report, TableCount
from stedi_cli.cli.live_jobs import Progress
from stedi_cli.consent.change import Changed
from stedi_cli.consent.customers import Customer, HeldLine
from stedi_cli.consent.held import HeldRows, Holding
from stedi_cli.datasets.synthetic import Truth
from stedi_cli.lake.events import UploadCount
from stedi_cli.lake.exports import ExportEntry
from stedi_cli.lake.findings import Finding
from stedi_cli.lake.job_run import JobDone, JobRun, Usage
from stedi_cli.lake.records import Change, Exported, Fold, Folded, Plan, Resource, TableEntry
from stedi_cli.privacy.known import Sought
from stedi_cli.privacy.needles import Values
from stedi_cli.privacy.scan import Hit, Scan, Unread
from stedi_cli.project.lakehouse import Job
from stedi_cli.project.model import load
from stedi_cli.runs.pipeline import JobPlan
from stedi_cli.tables.history import RefRemoved
from stedi_cli.tables.provenance import Provenance, Snapshot

JOB = Job("j", "", ("customer_landing",), "customer_trusted")
USAGE = Usage("r", 1.0, 0.1, 0.2)
MADE = Provenance("r", "j", "strict", "duckdb", "sql", "columns", {"customer_landing": "f"})
CUSTOMERS = load(PROJECT).customers
assert CUSTOMERS is not None
RECORD = {column.name: None for column in CUSTOMERS.columns} | {"lastUpdateDate": 1}
CUSTOMER = Customer("e", CUSTOMERS, [1], [RECORD], [HeldLine("f", 1, None, 1)])
COUNT = UploadCount("customer_landing").as_json()
RESOURCE = Resource("folder", "here", "made").as_json()

DOCUMENTS: dict[str, Any] = {
    "infra plan": {
        **Plan((Change("job", "n", "change", (("workers", "2", "3"),)),)).as_json(),
        "costs": [],
    },
    "infra up": {"resources": [RESOURCE], "uploaded": [COUNT]},
    "infra status": [RESOURCE],
    "infra down": [RESOURCE],
    "upload": [COUNT],
    "data generate": {"folder": "f", **Truth({}, {}, 0, 0, 0, {}, 0).as_json()},
    "jobs list": [JobPlan(JOB, None).as_json()],
    "jobs run": Progress(
        done=[JobDone(JOB, "built", 1, 0, 1.0)], removed=[RefRemoved("t", "tag", "n")]
    ).as_json(),
    "jobs status": [JobRun("j", "r", "RUNNING", True, 1.0).as_json()],
    "validate": Report(
        "strict",
        None,
        [TableCount("t", "trusted", 1, 1, stale="its SQL changed")],
        [CheckResult("c", 0, False)],
        {},
        [],
        [],
    ).as_json(),
    "tables": [TableEntry("t", "trusted", 1, None, "doc").as_json()],
    "history": [{"table": "t", **Snapshot(1, 0, 1, MADE).as_json()}],
    "history --exports": [
        ExportEntry("t", "export", "t", "1", "strict", "/f.csv", 1, ("email",)).as_json()
    ],
    "export": Exported("t", Path("f.csv"), 1).as_json(),
    "export --folds": Folded("t", Path("f"), 0, (Fold("fold-1.parquet", 1, 1),)).as_json(),
    "consent show": {
        "people": [Holding([1], "e", CUSTOMER, [HeldRows("t", 1, [])]).as_json()],
        "not_found": [],
        "stale": [],
    },
    "consent revoke": {
        **Changed().as_json(),
        "jobs": [JobDone(JOB, "built", 1, 0, 1.0).as_json()],
        "removed": [RefRemoved("t", "tag", "n").as_json()],
    },
    "privacy scan": Scan(
        Sought(Values(), 1, 0, 0),
        found=[Hit("log", "spark.log", "raw", "e-mail", 1, False)],
        unread=[Unread("log", "spark.log", "gzip", "why", False)],
    ).as_json(),
    "doctor": [Finding("w", "f").as_json()],
}


def section(command: str) -> str:
    text = (PROJECT / "docs" / "json.md").read_text(encoding="utf-8")
    return re.split(rf"^## `stedi {command}`$", text, flags=re.M)[1].split("\n## ")[0]


def keys(value: Any) -> Iterator[str]:
    """The keys of a document as they stand in it; of what has no keys of its own, none."""
    if isinstance(value, list):
        value = value[0] if value else None
        yield from keys(value)
    elif isinstance(value, dict):
        for key, inside in value.items():
            yield key
            # By table, and so no key of the document's.
            if key != "inputs":
                yield from keys(inside)


@pytest.mark.parametrize("command", DOCUMENTS)
def test_docs_name_the_keys_of_a_document(command: str) -> None:
    shape = section(command).split("```")[1]
    assert re.findall(r'"(\w+)"', shape) == list(keys(DOCUMENTS[command]))


def test_docs_name_the_keys_of_what_a_run_used() -> None:
    assert ", ".join(f'"{key}"' for key in USAGE.as_json()) in section("jobs run")
