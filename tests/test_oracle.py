"""The product against the brute-force oracle, row by row, on random lakes and on public data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import duckdb
import lake
import oracle
import pyarrow as pa
import pytest
import yaml
from conftest import PROJECT
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import lists
from lakes import fuzzed_line, lakes, lone_shapes, plain_line, worlds
from oracle import (
    ADDRESSES,
    LANDING,
    LONGEST_LINE,
    TRACED,
    Entry,
    Files,
    Held,
    Landing,
    LineError,
    Row,
    UnspecifiedError,
)

from stedi_cli.errors import BadDataError
from stedi_cli.landing.contract import Field, Unusable, judge
from stedi_cli.landing.sieve import SMALL, python
from stedi_cli.landing.split import canonical_like
from stedi_cli.landing.traces import Traced, traces
from stedi_cli.local import landing_reader

POLICIES = ("strict", "published", "consent_on_accelerometer")
TABLES = (
    "customer_trusted",
    "accelerometer_trusted",
    "customers_curated",
    "step_trainer_trusted",
    "machine_learning_curated",
)


class Built(Protocol):
    """A lakehouse built from files."""

    @property
    def quarantine(self) -> list[Entry]: ...

    def rows(self, table: str) -> list[Row]:
        """Rows of a table; of a landing table the usable ones."""


Build = Callable[[Files, str], Any]
HELD_BACK = pa.schema(
    [
        *(("table", pa.string()), ("file", pa.string()), ("line", pa.int64())),
        *(("email", pa.string()), ("serialNumber", pa.string()), ("instant", pa.int64())),
    ]
)


@contextmanager
def product(files: Files, policy: str) -> Iterator[Built]:
    """The whole product, through its library."""
    with TemporaryDirectory() as root:
        built = lake.build(files, policy, Path(root) / "lake")
        try:
            yield built
        finally:
            built.lake.close()


@contextmanager
def rules(files: Files, policy: str) -> Iterator[Built]:
    """The contract on each line and the jobs' SQL in plain DuckDB: ten times as many lakes."""
    yield Rules(connection(), files, policy)


class Rules:
    """The tables of one lake, replaced by those of the next."""

    def __init__(self, connection: Any, files: Files, policy: str) -> None:
        self._connection = connection
        self.quarantine: list[Entry] = []
        self.held_back: list[dict[str, Any]] = []
        for table in LANDING:
            connection.register(table, self._usable(table, files.get(table, {})))
        connection.register("held_back", pa.Table.from_pylist(self.held_back, schema=HELD_BACK))
        for table, sql in selects(policy).items():
            connection.execute(f"CREATE OR REPLACE TABLE {table} AS {sql}")

    def _usable(self, table: str, named: dict[str, bytes]) -> pa.Table:
        types = {"string": pa.string(), "long": pa.int64(), "double": pa.float64()}
        fields = fields_of(table)
        usable = []
        for name, content in named.items():
            for number, line in oracle.lines_of(name, content):
                try:
                    usable.append(judge(line, fields, first=number == 1))
                except Unusable as reason:
                    self.quarantine.append((table, name, number, str(reason)))
                    told = made_out(table, line, number == 1)
                    entries = (Held(table, name, number, *trace) for trace in told)
                    self.held_back += (dict(zip(HELD_BACK.names, e, strict=True)) for e in entries)
        schema = pa.schema([(field.name, types[field.type]) for field in fields])
        return pa.Table.from_pylist(usable, schema=schema)

    def rows(self, table: str) -> list[Row]:
        return self._connection.execute(f"SELECT * FROM {table}").fetchall()


@cache
def connection() -> Any:
    """One for all lakes, since opening it takes longer than a small lake's jobs."""
    return duckdb.connect(config={"threads": 1})


@cache
def selects(policy: str) -> dict[str, str]:
    """The SQL of each job by the table that it writes, in the order of jobs."""
    model = yaml.safe_load((PROJECT / "configs" / "lakehouse.yaml").read_text())
    found: dict[str, str] = {}
    for job, what in model["jobs"].items():
        own = PROJECT / "jobs" / policy / f"{job}.sql"
        sql = own if own.exists() else PROJECT / "jobs" / f"{job}.sql"
        found[what["writes"]] = sql.read_text()
    return found


def fields_of(table: str) -> list[Field]:
    types = {"text": "string", "whole": "long", "instant": "long", "float": "double"}
    instants = range(oracle.FIRST_INSTANT, oracle.LAST_INSTANT + 1)
    return [
        Field(
            c.name,
            types[c.type],
            c.required,
            instants if c.type == "instant" else None,
            c.name in ADDRESSES,
        )
        for c in LANDING[table]
    ]


def made_out(table: str, line: bytes, first: bool) -> list[Row]:
    """What the product makes out of a line in quarantine."""
    if table not in TRACED:
        return []
    return [*traces(line, fields_of(table), Traced(*TRACED[table]), first=first)]


def assert_same(found: Iterable[Row], expected: Iterable[Row], what: str) -> None:
    have, want = Counter(found), Counter(expected)
    invented, lost = have - want, want - have
    assert not invented and not lost, f"{what}: invented {dict(invented)}, lost {dict(lost)}"


def signed(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows that differ where one has 0.0 and the other -0.0, which Python takes for equal."""
    return (tuple(repr(v) if isinstance(v, float) else v for v in row) for row in rows)


def assert_as_the_oracle(build: Build, files: Files, *policies: str) -> None:
    landing = oracle.read(files)
    for policy in policies:
        with build(files, policy) as built:
            assert_same(built.quarantine, landing.quarantine, "quarantine")
            assert_same(built.rows("held_back"), landing.held_back, "held_back")
            for table, rows in landing.rows.items():
                assert_same(signed(built.rows(table)), signed(rows), table)
            for table, rows in oracle.lakehouse(landing, policy).items():
                assert_same(built.rows(table), rows, f"{policy} {table}")


def lakes_of(examples: int, *, shrink: bool = True) -> Any:
    settled = settings(
        deadline=None,
        derandomize=True,
        max_examples=examples,
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    return lambda test: settled(given(files=lakes())(test))


@lakes_of(25)
def test_the_rules_on_random_lakes(files: Files) -> None:
    assert_as_the_oracle(rules, files, "strict")


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("build", [rules, product])
def test_lines_in_doubt_take_away_and_give_nothing(build: Build, policy: str) -> None:
    assert_as_the_oracle(build, worlds(1_000, Random(1)), policy)


@pytest.mark.slow
@pytest.mark.parametrize("table", LANDING)
def test_the_product_on_each_style_and_defect_alone(table: str) -> None:
    assert_as_the_oracle(product, lone_shapes(table), "strict")


# To draw a lake takes longer than what is done with it.
@pytest.mark.slow
@lakes_of(250)
def test_the_rules_on_many_lakes(files: Files) -> None:
    assert_as_the_oracle(rules, files, *POLICIES)


@pytest.mark.slow
@lakes_of(30, shrink=False)
def test_the_product_on_many_lakes(files: Files) -> None:
    assert_as_the_oracle(product, files, *POLICIES)


def deliveries(lakes: list[Files]) -> Iterator[Files]:
    """Landing files as they come and go: each lake's beside half of those there were before."""
    held: Files = {}
    for turn, files in enumerate(lakes):
        kept = {table: sorted(named.items())[turn % 2 :: 2] for table, named in held.items()}
        held = {table: {**dict(kept.get(table, ())), **named} for table, named in files.items()}
        yield held


@pytest.mark.slow
@pytest.mark.parametrize("small", [SMALL, pytest.param(0, marks=pytest.mark.slow)])
@settings(
    deadline=None,
    derandomize=True,
    max_examples=2,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)
@given(delivered=lists(lakes(), min_size=3, max_size=3))
def test_the_product_run_after_run(small: int, delivered: list[Files]) -> None:
    with TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr(landing_reader, "SMALL", small)
        for files in deliveries(delivered):
            # What a run that stops has read of some files, the next one takes.
            some = {table: dict([*named.items()][::2]) for table, named in files.items()}
            with suppress(BadDataError):
                lake.build(some, "strict", Path(root) / "lake", max_bad_rows="0")

            @contextmanager
            def again(files: Files, policy: str) -> Iterator[Built]:
                built = lake.build(files, policy, Path(root) / "lake")
                try:
                    yield built
                finally:
                    built.lake.close()

            assert_as_the_oracle(again, files, "strict")


# --- Lines at the readers' limits ---------------------------------------------------------------


def assert_steps(content: bytes, *, used: int, reasons: tuple[str, ...] = ()) -> None:
    files = {table: {} for table in LANDING} | {"step_trainer_landing": {"a.json": content}}
    with product(files, "strict") as built:
        assert tuple(reason for _, _, _, reason in built.quarantine) == reasons
        found = built.rows("step_trainer_landing")
        assert_same(found, [(TIME, "s", 218)] * used, "step_trainer_landing")


ENDS = {"no line feed": b"", "blank lines": b"\n\n  \n"}


@pytest.mark.slow
@pytest.mark.parametrize("size", [2**24 - 3, 2**24 + 40])
def test_a_last_line_across_the_readers_buffer(size: int) -> None:
    # DuckDB 2.0 loses a last line without line feed that begins within 16 MiB and ends past them,
    # in the first of these sizes without an error.
    assert_steps(PLAIN.ljust(size - len(PLAIN) - 1) + b"\n" + PLAIN, used=2)


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_longest_line(end: bytes) -> None:
    content = PLAIN + b"\n" + PLAIN.ljust(LONGEST_LINE)
    assert_steps(content + end, used=2)


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_line_too_long(end: bytes) -> None:
    content = PLAIN + b"\n" + PLAIN.ljust(LONGEST_LINE + 1)
    assert_steps(content + end, used=1, reasons=("too-long",))


# --- Fuzzed lines -------------------------------------------------------------------------------


def fuzzed_files(seed: int, lines: int, lines_a_file: int) -> Files:
    random = Random(seed)
    files: Files = {table: {} for table in LANDING}
    for start in range(0, lines, lines_a_file):
        table = random.choice(list(LANDING))
        content = b"\n".join(specified_line(table, random) for _ in range(lines_a_file))
        files[table][f"{start:05}.json"] = content
    return files


def specified_line(table: str, random: Random) -> bytes:
    """A fuzzed line whose values, if it is usable, the contract fixes."""
    while True:
        line = fuzzed_line(table, random)
        with suppress(UnspecifiedError):
            try:
                oracle.read_line(table, line, first=True)
            except LineError:
                # What is made out of it is fixed as well.
                if table in TRACED:
                    oracle.traces(table, line, first=True)
            return line


@pytest.mark.slow
@pytest.mark.parametrize("build", [product, rules])
def test_10000_fuzzed_lines_are_used_or_quarantined(build: Build) -> None:
    files = fuzzed_files(seed=1, lines=10_000, lines_a_file=20)
    landing = oracle.read(files)
    used = 0
    with build(files, "published") as built:
        quarantine = built.quarantine
        assert_same(quarantine, landing.quarantine, "quarantine")
        assert_same(built.rows("held_back"), landing.held_back, "held_back")
        for table, rows in landing.rows.items():
            assert_same(built.rows(table), rows, table)
            used += len(rows)
    lines = [ln for named in files.values() for file in named.values() for ln in file.split(b"\n")]
    blank = sum(not line.strip(b" \t\r\v\f") for line in lines)
    assert len(lines) == 10_000
    assert used + len(quarantine) + blank == 10_000
    assert min(used, len(quarantine)) > 1_700


@pytest.mark.slow
def test_the_contract_judges_fuzzed_lines_as_the_oracle() -> None:
    random = Random(2)
    for table in [*LANDING] * 2_000:
        line, first = specified_line(table, random), random.random() < 0.5
        assert judged(line, fields_of(table), first) == told(table, line, first), line


@pytest.mark.slow
def test_what_fuzzed_lines_are_about_is_made_out_as_by_the_oracle() -> None:
    random = Random(4)
    found: Counter[tuple[bool, ...]] = Counter()
    for table in [*TRACED] * 6_000:
        line, first = broken(table, random), random.random() < 0.5
        with suppress(UnspecifiedError):
            if not isinstance(told(table, line, first), str):
                continue
            expected = oracle.traces(table, line, first=first)
            assert_same(made_out(table, line, first), expected, repr(line))
            found.update(tuple(value is None for value in trace) for trace in expected)
    assert len(found) == 8 and min(found.values()) > 30, found


def broken(table: str, random: Random) -> bytes:
    """A fuzzed line, often cut at either end, or with another one behind it or torn into it."""
    line = fuzzed_line(table, random)
    if random.random() < 0.2:
        line += fuzzed_line(table, random)
    if random.random() < 0.2:
        other = fuzzed_line(table, random)
        line = line[: random.randrange(len(line) + 1)] + other[random.randrange(len(other) + 1) :]
    if random.random() < 0.2:
        line = line[random.randrange(len(line) + 1) :]
    if random.random() < 0.2:
        line = line[: random.randrange(len(line) + 1)]
    return line


@pytest.mark.slow
def test_what_is_canonical_is_usable() -> None:
    random = Random(3)
    compiled = cache(re.compile)
    found: Counter[tuple[bool, bool]] = Counter()
    for table in [*LANDING] * 1_000:
        for line in (plain_line(table, random), specified_line(table, random)):
            pattern = compiled(python(canonical_like(line, fields_of(table))))
            canonical = pattern.fullmatch(line.decode(errors="replace")) is not None
            found[canonical, b"null" in line] += 1
            if canonical:
                assert not isinstance(told(table, line, first=False), str), line
    assert len(found) == 4 and min(found.values()) > 100, found


def judged(line: bytes, fields: list[Field], first: bool) -> Row | str:
    try:
        return tuple(judge(line, fields, first=first).values())
    except Unusable as reason:
        return str(reason)


def told(table: str, line: bytes, first: bool) -> Row | str:
    try:
        return oracle.read_line(table, line, first=first)
    except LineError as reason:
        return str(reason)


# --- The oracle itself --------------------------------------------------------------------------

TIME = 1_655_564_444_103
AT = b"%d" % TIME
STEP = b'{"sensorReadingTime": %s, "serialNumber": %s, "distanceFromObject": 218}'
PLAIN = STEP % (AT, b'"s"')
DEEP = b"[" * 5_000 + b"]" * 5_000
CONTRACT: dict[str, tuple[bytes, Row | str]] = {
    "plain": (PLAIN, (TIME, "s", 218)),
    "text for an integer": (STEP % (b'"%s"' % AT, b'"s"'), (TIME, "s", 218)),
    "whole fraction": (STEP % (AT + b".0", b'"s"'), (TIME, "s", 218)),
    "whole exponent": (STEP % (b"1.6E12", b'"s"'), (1_600_000_000_000, "s", 218)),
    "fraction": (STEP % (b"1655564444103.6", b'"s"'), "not-whole:sensorReadingTime"),
    "boolean for an integer": (STEP % (b"true", b'"s"'), "not-a-number:sensorReadingTime"),
    "no number": (STEP % (b'"seven"', b'"s"'), "not-a-number:sensorReadingTime"),
    "known key twice": (STEP % (AT + b', "sensorReadingTime": 0', b'"s"'), "duplicate-key"),
    "escaped key twice": (STEP % (AT + b', "\\u0073ensorReadingTime": 0', b'"s"'), "duplicate-key"),
    "unknown key twice": (STEP % (AT + b', "n": 1, "n": 2', b'"s"'), (TIME, "s", 218)),
    "known key nested": (STEP % (AT + b', "n": {"serialNumber": 1}', b'"s"'), (TIME, "s", 218)),
    "byte order mark": (b"\xef\xbb\xbf" + PLAIN, "not-json"),
    "lone CR": (STEP % (b"\r%s\r" % AT, b'"s"\r') + b"\r", (TIME, "s", 218)),
    "NaN": (STEP % (b"NaN", b'"s"'), "not-finite:sensorReadingTime"),
    "infinite": (STEP % (b"-Infinity", b'"s"'), "not-finite:sensorReadingTime"),
    "1e999": (STEP % (b"1e999", b'"s"'), "not-finite:sensorReadingTime"),
    "largest": (
        STEP.replace(b"218", b"9223372036854775807") % (AT, b'"s"'),
        (TIME, "s", 2**63 - 1),
    ),
    "first instant": (STEP % (b"946684800000", b'"s"'), (946_684_800_000, "s", 218)),
    "before it": (STEP % (b"946684799999", b'"s"'), "implausible-instant:sensorReadingTime"),
    "last instant": (STEP % (b"4102444799999", b'"s"'), (4_102_444_799_999, "s", 218)),
    "after it": (STEP % (b"4102444800000", b'"s"'), "implausible-instant:sensorReadingTime"),
    "no instant": (STEP % (b'"0"', b'"s"'), "implausible-instant:sensorReadingTime"),
    "too large": (STEP % (b"9223372036854775808", b'"s"'), "out-of-range:sensorReadingTime"),
    "object for a text": (STEP % (AT, b"{}"), "not-text:serialNumber"),
    "array for a text": (STEP % (AT, b'["s"]'), "not-text:serialNumber"),
    "integer for a text": (STEP % (AT, b"12"), (TIME, "12", 218)),
    "boolean for a text": (STEP % (AT, b"true"), (TIME, "true", 218)),
    "text that looks nested": (STEP % (AT, b'"{[s"'), (TIME, "{[s", 218)),
    "NUL escape": (STEP % (AT, b'"\\u0000"'), (TIME, "\0", 218)),
    "no character": (STEP % (AT, b'""'), "missing:serialNumber"),
    "white space": (STEP % (AT, b'" \\u2003\\n"'), "missing:serialNumber"),
    "a blank first": (STEP % (AT, b'" s"'), (TIME, " s", 218)),
    "beyond ASCII": (STEP % (AT, '"ö"'.encode()), (TIME, "ö", 218)),
    "surrogate pair": (STEP % (AT, b'"\\uD83D\\uDE00"'), (TIME, "\N{GRINNING FACE}", 218)),
    "raw NUL": (STEP % (AT, b'"\0"'), "not-json"),
    "raw control character": (STEP % (AT, b'"\x1f"'), "not-json"),
    "bad UTF-8": (STEP % (AT, b'"\xff"'), "not-utf8"),
    "lone surrogate": (STEP % (AT, b'"\\ud83d"'), "lone-surrogate"),
    "lone surrogate elsewhere": (STEP % (AT + b', "n": ["\\udc00"]', b'"s"'), "lone-surrogate"),
    "two objects": (PLAIN * 2, "not-json"),
    "trailing text": (PLAIN + b" x", "not-json"),
    "array of objects": (b"[" + PLAIN + b", {}]", "not-an-object"),
    "null line": (b"null", "not-an-object"),
    "required key absent": (b"{}", "missing:sensorReadingTime"),
    "required key null": (STEP % (AT, b"null"), "missing:serialNumber"),
    "key in other case": (PLAIN.replace(b"serialN", b"SerialN"), "missing:serialNumber"),
    "unknown key": (STEP % (AT + b', "n": [nan, 1e999, {}]', b'"s"'), (TIME, "s", 218)),
    "deep unknown key": (STEP % (AT + b', "n": ' + DEEP, b'"s"'), (TIME, "s", 218)),
    "longest": (PLAIN.ljust(2**24), (TIME, "s", 218)),
    "too long": (PLAIN.ljust(2**24 + 1), "too-long"),
}


@pytest.mark.parametrize("case", CONTRACT)
def test_the_oracle_knows_the_contract(case: str) -> None:
    line, expected = CONTRACT[case]
    assert told("step_trainer_landing", line, first=False) == expected


def test_the_oracle_counts_lines_as_an_editor_does() -> None:
    mark = b"\xef\xbb\xbf"
    content = mark + PLAIN + b"\n\n \r\n" + mark + PLAIN + b"\n" + PLAIN
    files = {"a.json": content, "empty.json": b"", "marked.json": mark}
    landing = oracle.read({"step_trainer_landing": files})
    assert landing.rows["step_trainer_landing"] == [(TIME, "s", 218)] * 2
    assert landing.quarantine == [("step_trainer_landing", "a.json", 4, "not-json")]


@pytest.fixture(scope="module")
def public_landing(public_data: Path) -> Landing:
    folders = {table: public_data / table.removesuffix("_landing") / "landing" for table in LANDING}
    return oracle.read(
        {
            table: {file.name: file.read_bytes() for file in folder.glob("*.json")}
            for table, folder in folders.items()
        }
    )


@pytest.mark.slow
def test_the_oracle_uses_every_public_line(public_landing: Landing) -> None:
    assert [len(rows) for rows in public_landing.rows.values()] == [956, 81_273, 28_680]
    assert not public_landing.quarantine


def counts(landing: Landing, policy: str) -> list[int]:
    tables = oracle.lakehouse(landing, policy)
    return [len(tables[table]) for table in TABLES]


@pytest.mark.slow
def test_the_oracle_counts_as_published(public_landing: Landing) -> None:
    assert counts(public_landing, "strict") == [482, 32_025, 464, 11_297, 32_025]
    assert counts(public_landing, "published") == [482, 40_981, 482, 14_460, 43_681]
    on_one_sensor = counts(public_landing, "consent_on_accelerometer")
    assert on_one_sensor == [482, 32_025, 464, 13_920, 34_437]


@pytest.mark.slow
def test_the_oracle_survives_thirty_serials(public_landing: Landing) -> None:
    shared = on_serials(public_landing, 30)
    assert counts(shared, "strict") == [482, 32_025, 464, 11_246, 31_879]
    assert counts(shared, "published") == [482, 40_981, 482, 28_680, 46_022]


def on_serials(landing: Landing, number: int) -> Landing:
    """The same lake on so few serial numbers: the i-th becomes the (i mod number)-th."""
    place = {table: [c.name for c in LANDING[table]].index("serialNumber") for table in SERIAL}
    known = sorted({row[place[table]] for table in SERIAL for row in landing.rows[table]})
    mapped = {serial: known[i % number] for i, serial in enumerate(known)}
    rows = dict(landing.rows)
    for table, at in place.items():
        rows[table] = [(*row[:at], mapped[row[at]], *row[at + 1 :]) for row in rows[table]]
    return Landing(rows)


SERIAL = ("customer_landing", "step_trainer_landing")
