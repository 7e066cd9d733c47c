"""Landing files of a million customers: ``python -m benchmarks.crowd unique|shared FOLDER``.

Both kinds hold the same rows, but for the serial numbers: one a customer, or 30 for everybody.
Each customer has five accelerometer and two step readings, at two instants that hardly anybody
shares. Half of them agreed to research, most of these before their readings.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

_CUSTOMERS = 1_000_000
_FILES = 20
_SERIALS = {"unique": "i", "shared": "i % 30"}
_START = 1_700_000_000_000
_CONSENT = """CASE WHEN i % 2 = 0 THEN
  format(', "shareWithResearchAsOfDate": {}', instant(i, 0) + (i // 2 % 5 = 0)::INT * 1500
    - (i // 2 % 5 > 0)::INT * 60000) ELSE '' END"""
_MACROS = f"""
CREATE MACRO email(i) AS format('walker.{{}}@example.com', i);
CREATE MACRO instant(i, n) AS {_START} + i * 7919 % 9000000011 + n * 3011;
CREATE MACRO decimal4(i, n) AS round(sin(i * 0.37 + n), 4);
"""
_LINES = {
    "customer": f"""
SELECT format('{{{{"customerName": "Walker {{}}", "email": "{{}}", "phone": "5550100{{:03d}}", '
  '"birthDay": "{{}}-05-27", "serialNumber": "{{}}", "registrationDate": {{}}, '
  '"lastUpdateDate": {{}}{{}}}}}}', i, email(i), i % 1000, 1930 + i % 80, serial(i),
  instant(i, 0) - 90000, instant(i, 0) - 60000, {_CONSENT})
FROM range(?::BIGINT, ?::BIGINT) t(i)""",
    "accelerometer": """
SELECT format('{{"user":"{}","timestamp":{},"x":{},"y":{},"z":{}}}', email(i),
  instant(i, (n >= 3)::INT), decimal4(i, n), decimal4(i, n + 10), decimal4(i, n + 20))
FROM range(?::BIGINT, ?::BIGINT) t(i), range(5) u(n)""",
    "step_trainer": """
SELECT format('{{"sensorReadingTime":{},"serialNumber":"{}","distanceFromObject":{}}}',
  instant(i, n), serial(i), 200 + (i * 13 + n * 7) % 100)
FROM range(?::BIGINT, ?::BIGINT) t(i), range(2) u(n)""",
}


def main(kind: str, folder: Path) -> None:
    """Write the files."""
    connection = duckdb.connect()
    for statement in _MACROS.strip().splitlines():
        connection.execute(statement)
    digits = f"md5(({_SERIALS[kind]})::VARCHAR)"
    parts = ", '-', ".join(
        f"substr({digits}, {start}, {length})"
        for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    )
    connection.execute(f"CREATE MACRO serial(i) AS concat({parts})")
    size = _CUSTOMERS // _FILES
    for name, select in _LINES.items():
        landing = folder / name / "landing"
        landing.mkdir(parents=True)
        for number in range(_FILES):
            file = landing / f"{name}-{number + 1:04d}.json"
            _write(connection, select, range(number * size, (number + 1) * size), file)


def _write(
    connection: duckdb.DuckDBPyConnection, select: str, customers: range, file: Path
) -> None:
    for bound in (customers.start, customers.stop):
        select = select.replace("?", str(bound), 1)
    # One text column, written as it is.
    connection.execute(
        f"COPY ({select}) TO '{file}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '',"
        " DELIMITER E'\\x01')"
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
