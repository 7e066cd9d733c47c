"""What docs/notebook.md shows gives the rows that validate tells."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import CHECKOUT, IN_CI, Lake

from stedi_cli.local import spark_submit

FINAL = "machine_learning_curated"
DOCUMENT = CHECKOUT / "docs" / "notebook.md"
OPEN, *READERS = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.M | re.S)
BY_NAME = {
    name: block
    for name in ("pandas", "polars", "duckdb", "pyspark")
    for block in READERS
    if f"import {name}" in block or f"from {name}" in block or f"to_{name}" in block
}
SLOW = [pytest.mark.slow]
CASES = [
    pytest.param("pandas", marks=SLOW),
    pytest.param("polars", marks=SLOW),
    pytest.param("duckdb", marks=SLOW),
    pytest.param("pyspark", marks=[*SLOW, pytest.mark.spark]),
]


@pytest.fixture
def twice(ran: Lake, workspace: Path) -> Lake:
    """The small lake in ./.stedi, built twice, so that data/ holds an older snapshot."""
    ran.run(force=True)
    (workspace / ".stedi").symlink_to(ran.settings.root)
    return ran


def test_each_snippet_has_a_test() -> None:
    assert len(BY_NAME) == len(READERS) == len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_snippet_gives_the_rows_of_validate(twice: Lake, name: str) -> None:
    lacking = None
    for package in (name, "sqlalchemy"):
        if find_spec(package) is None:
            lacking = f"no {package}: pip install 'stedi[examples]'"
    if lacking:
        assert not IN_CI, lacking
        pytest.skip(lacking)
    (count,) = [table.rows for table in twice.validate().tables if table.table == FINAL]
    block = BY_NAME[name] if name == "pyspark" else OPEN + BY_NAME[name]
    before = twice.layout.catalog.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", block],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(count)]
    assert twice.layout.catalog.read_bytes() == before


@pytest.mark.slow
def test_the_files_of_a_table_are_more_than_the_table(twice: Lake) -> None:
    import duckdb

    files = [str(p) for p in (twice.layout.warehouse / FINAL / "data").glob("*.parquet")]
    with duckdb.connect() as connection:
        sql = f"SELECT count(*) FROM read_parquet({files})"
        rows = connection.execute(sql).fetchall()[0][0]
    assert rows == 2 * len(twice.rows(FINAL))


def test_the_packages_are_those_that_spark_runs_with() -> None:
    assert re.findall(r'"(org\.[^" ]+:[^" ]+)"', BY_NAME["pyspark"]) == list(spark_submit.PACKAGES)
