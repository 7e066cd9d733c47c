"""Landing lines judged in Athena's SQL, on Trino: the same verdicts as the landing contract's."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from sandbox.server import Sandbox
from small import C, customer, motion, step

from aws.test_athena import ready
from stedi_cli.aws.athena import Athena, BadLineError
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.usable_lines import usable_lines
from stedi_cli.datasets.synthetic.unusable import odd, recipes
from stedi_cli.landing.contract import Unusable, judge
from stedi_cli.landing.lines import fields_of
from stedi_cli.project.lakehouse import Table
from stedi_cli.tables.ddl import landing_inputs

pytestmark = [pytest.mark.aws, pytest.mark.slow, pytest.mark.usefixtures("athena")]

RECORDS = {
    "customer": [customer("ann@x.org", "a", C), customer("zoë@x.org", "serial-a", C - 1, 0)],
    "accelerometer": [motion("ann@x.org", C), motion("zoë@x.org", C + 1, 1e-7)],
    "step_trainer": [step("serial-a", C), step("é", C - 1, 2**53 + 1)],
}
ODD = 10


def lines_of(table: Table) -> list[bytes]:
    """Usable lines in usual and unusual spellings, and unusable ones of every kind."""
    folder = str(table.folder)
    found: list[bytes] = []
    for record in RECORDS[folder]:
        plain = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        members = {key: json.dumps(value, ensure_ascii=False) for key, value in record.items()}
        found.append(plain.encode())
        found += [made(members) for _, made in recipes(folder, 1)]
        spelled = (odd(plain + "\n", C, "a", variant) for variant in range(ODD))
        found += [line for text in spelled for line in text.encode().split(b"\n")]
    # For Athena a carriage return ends a line, wherever it stands.
    return [line for line in found if b"\r" not in line.rstrip(b"\r")]


def usable(table: Table, lines: list[bytes]) -> Counter[tuple[Any, ...]]:
    fields = fields_of(table)
    found: Counter[tuple[Any, ...]] = Counter()
    for line in lines:
        try:
            found[tuple(judge(line, fields).values())] += 1
        except Unusable:
            continue
    return found


def put_tables(sandbox: Sandbox, layout: Layout) -> None:
    glue, s3 = sandbox.client("glue"), sandbox.client("s3")
    glue.create_database(DatabaseInput={"Name": layout.database})
    for table in layout.lakehouse.landing.values():
        folder = layout.landing_folder(table)
        for made in landing_inputs(table, layout.uri(folder)):
            glue.create_table(DatabaseName=layout.database, TableInput=made)
        content = b"\n".join(lines_of(table))
        s3.put_object(Bucket=layout.bucket, Key=f"{folder}a.json", Body=content)


def test_sql_and_contract_agree(sandbox: Sandbox) -> None:
    layout = ready(sandbox)
    put_tables(sandbox, layout)
    athena = Athena(layout)
    for table in layout.lakehouse.landing.values():
        lines = lines_of(table)
        expected = usable(table, lines)
        assert 2 * (ODD - 1) <= expected.total() < len(lines) / 2
        assert Counter(athena.select(usable_lines(table)).rows) == expected, table.name
        # This is why: the table itself cannot be read.
        with pytest.raises(BadLineError):
            list(athena.select(f"SELECT * FROM {table.name}").rows)
