"""Are the contenders' tables the same, and as many rows as they should be?

A process of its own: ``python -m benchmarks.compare EXPECTED FOLDER…``. Each folder holds one
Parquet file a table.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import yaml

_LANDING = "_landing"


def digest(file: Path) -> tuple[int, int]:
    """Return a table's rows and a digest of them as a multiset; Spark writes a folder of files."""
    files = file / "*.parquet" if file.is_dir() else file
    rows = duckdb.execute(
        "SELECT count(*), coalesce(sum(hash(t)), 0)"
        " FROM read_parquet(?, hive_partitioning = false) t",
        [str(files)],
    ).fetchone()
    assert rows is not None
    return int(rows[0]), int(rows[1])


def main(expected: Path, folders: list[Path]) -> None:
    """Exit with 1, naming the first difference, if there is one."""
    counts = yaml.safe_load(expected.read_text())["counts"]["strict"]
    for table, wanted in counts.items():
        if table.endswith(_LANDING):
            continue
        found = {folder.name: digest(folder / f"{table}.parquet") for folder in folders}
        if len(set(found.values())) > 1 or any(rows != wanted for rows, _ in found.values()):
            sys.exit(f"{table}: {wanted:,} rows expected, found {found}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
