"""Validations whose queries go by script: files, counts that are expected of them, answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from small import FOLDERS, JOBS, LANDING_COUNTS, STRICT, write_lake

from aws.cloud_lake import CloudLake
from stedi_cli.checks.validation_queries import row_query

# As many lines as a scripted run says that it read.
LINES = 10
COUNTS = STRICT | dict.fromkeys(LANDING_COUNTS, LINES)
_PAIRS = [("name", "varchar"), ("number", "bigint")]
_FILES = [("t", "varchar"), ("f", "varchar"), ("found_in", "varchar"), ("lines", "bigint")]


def write_data(folder: Path) -> Path:
    """Write landing files of so many lines, with the counts that are expected of them."""
    lines = b"{}\n" * LINES
    write_lake(folder, {name: {"l.json": lines} for name in LANDING_COUNTS})
    digest = hashlib.sha256(lines).hexdigest()
    files = {f"{place}/landing/l.json": digest for place in FOLDERS.values()}
    counts = dict.fromkeys(("strict", "published"), COUNTS)
    known = {"source": "by hand", "files": files, "counts": counts}
    (folder / "expected.yaml").write_text(json.dumps(known))
    return folder


def account_answers(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """What the accounts say where these are the tables' rows, by a text in each query."""
    reads = {
        "customer_landing_to_trusted": ["customer_landing"],
        "accelerometer_landing_to_trusted": ["accelerometer_landing"],
        "customer_trusted_to_curated": ["customer_trusted"],
        "step_trainer_trusted": ["step_trainer_landing"],
        "machine_learning_curated": ["accelerometer_trusted", "step_trainer_trusted"],
    }
    return {
        f'"account of {job}"': {
            f"{table}: why": (counts[table] - counts[JOBS[job]]) for table in tables
        }
        for job, tables in reads.items()
    }


def script_answers(cloud: CloudLake, *broken: str, counts: Mapping[str, int] = COUNTS) -> None:
    """Let the queries of one validation find some counts, and some rules broken."""
    checks = {check.name: 2 * (check.name in broken) for check in cloud.settings.lakehouse().checks}
    counts = dict.fromkeys(LANDING_COUNTS, LINES) | dict(counts)
    answers: dict[str, dict[str, int]] = account_answers(counts) | {
        "AS table_name": dict(counts),
        "AS readings": {"nobody has it": 1},
    }
    for name, number in checks.items():
        answers[f"'{name}' AS check_name"] = {name: number}
    for text, found in answers.items():
        rows: list[list[str | None]] = [[name, str(number)] for name, number in found.items()]
        cloud.sandbox.queries.script(columns=_PAIRS, rows=rows, contains=text, scanned=10)
    # Of each file all lines, for the copies that scripted runs make call none unusable.
    files = [
        [t, f, f"{t}_typed", str(n)] for t, named in cloud.lines.items() for f, n in named.items()
    ]
    cloud.sandbox.queries.script(
        columns=_FILES, rows=files, contains="AS landing_table", scanned=10
    )
    athena = {"string": "varchar", "long": "bigint", "double": "double"}
    for name, table in cloud.settings.lakehouse().landing.items():
        types = [(column.name.lower(), athena[column.type]) for column in table.columns]
        cloud.sandbox.queries.script(
            columns=types, rows=cloud.rows[name], contains=row_query(table)
        )
