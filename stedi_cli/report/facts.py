"""All that the report says of a lakehouse, gathered once; the page and its pictures ask nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stedi_cli.addresses import MASK
from stedi_cli.checks.accounts import Flow
from stedi_cli.checks.comparison import Counts
from stedi_cli.checks.pairs import MOST_ROWS_COUNTED
from stedi_cli.checks.validation import Validation
from stedi_cli.checks.verdict import CheckResult, Report
from stedi_cli.errors import UsageError
from stedi_cli.lake.job_run import JobRun
from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import Answer, Question
from stedi_cli.landing.files import LandingState
from stedi_cli.printable import cell_text
from stedi_cli.project.lakehouse import Lakehouse, Table
from stedi_cli.project.personal import masked_rows
from stedi_cli.questions.statement import tables_named
from stedi_cli.sql import identifier
from stedi_cli.tables.provenance import Snapshot, TableState

ROWS = 5
"""Rows that are shown of each table."""
MOST_SNAPSHOTS = 10
"""Snapshots that are shown of each table."""
MOST_RUNS = 30
_LONGEST_CELL = 120
# Epoch milliseconds of a day that can be written.
_LATEST = 250_000_000_000_000


@dataclass(frozen=True)
class CheckFacts:
    """A check's result, and the SQL that it was asked by; empty where no query is asked."""

    result: CheckResult
    sql: str


@dataclass(frozen=True)
class TableFacts:
    """What is told of a table.

    Args:
        table: The table as the model has it.
        rows: Its rows; None where it is not built, or nobody counted.
        lines: Its lines, of a landing table.
        files: How many files it is now; None where that is not known.
        size: Bytes of these files.
        fingerprint: Of a landing table, the digest of its files.
        snapshots: Its newest snapshots, newest first.
        older: How many more there are.
        columns: The columns of the rows that are shown.
        shown: The first rows in the order of their columns, those that are not personal first.
        silent: Why no row can be shown; else empty.
    """

    table: Table
    rows: int | None
    lines: int | None
    files: int | None
    size: int | None
    fingerprint: str
    snapshots: tuple[Snapshot, ...]
    older: int
    columns: tuple[str, ...]
    shown: tuple[tuple[str, ...], ...]
    silent: str

    @property
    def exported(self) -> bool:
        """Whether rows with personal columns are in it, where these are not masked."""
        return bool(self.shown) and any(column.personal for column in self.table.columns)


@dataclass(frozen=True)
class Run:
    """A run of jobs, as the snapshots that are kept tell it."""

    run: str
    last: Snapshot
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Plotted:
    """The answer that a plot is drawn of; ``silent`` says why there is none."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    silent: str = ""


@dataclass(frozen=True)
class Facts:
    """All that the report says.

    Args:
        place: Place and name of the lakehouse.
        unmasked: Whether the rows show what identifies a person.
        lakehouse: The model.
        found: What a validation found.
        flows: Where the rows of each job went.
        known: Rows of tables by policy, as far as they are known of these landing files.
        checks: The checks.
        tables: The tables.
        quarantined: Landing table, reason and number of the lines that cannot be used.
        runs: The runs that made the snapshots which are kept, newest first.
        paid: The runs in an account that is paid for, newest first; None where there is none.
        plots: What the plots are drawn of, by name.
    """

    place: str
    unmasked: bool
    lakehouse: Lakehouse
    found: Report
    flows: Sequence[Flow]
    known: Counts
    checks: Sequence[CheckFacts]
    tables: Sequence[TableFacts]
    quarantined: Sequence[tuple[str, str, int]]
    runs: Sequence[Run]
    paid: Sequence[JobRun] | None
    plots: Mapping[str, Plotted]

    @property
    def personal(self) -> list[TableFacts]:
        """The tables of which it shows people as they are."""
        return [told for told in self.tables if told.exported] if self.unmasked else []


def gather(lakehouse: Lakehouse, lake: Lake, usual: str, *, unmasked: bool, plots: bool) -> Facts:
    """Ask for all that the report says.

    Args:
        lakehouse: The model.
        lake: Its parts.
        usual: Policy that jobs run under where none is named.
        unmasked: Whether the rows show what identifies a person.
        plots: Whether there is what draws the plots.
    """
    validation = Validation(lakehouse, lake, None, usual=usual)
    found = validation.run()
    landing, states = lake.landing.states(), lake.tables.states()
    there = [name for name in lakehouse.tables if name in states or name in landing]
    unread = lake.questions.unread()
    readable = [name for name in there if name not in unread]
    drawn = lakehouse.plots if plots else []
    plotted = [plot for plot in drawn if tables_named(plot.sql, lakehouse.tables) <= {*readable}]
    questions = {name: Question(_first_rows(lakehouse.tables[name])) for name in readable}
    answers = lake.questions.ask_all(
        [*questions.values(), *(Question(plot.sql, plot.file) for plot in plotted)]
    )
    rows = dict(zip(questions, answers, strict=False))
    told = dict(zip((plot.name for plot in plotted), answers[len(questions) :], strict=True))
    asked = validation.asked()
    counts = {count.table: count.rows for count in found.tables}
    return Facts(
        place=lake.name,
        unmasked=unmasked,
        lakehouse=lakehouse,
        found=found,
        flows=validation.flows(),
        known=validation.known(found),
        checks=[
            CheckFacts(check, asked[check.check].sql.strip() if check.check in asked else "")
            for check in found.checks
        ],
        tables=[
            _table(
                table,
                counts.get(name),
                landing.get(name),
                states.get(name),
                rows.get(name),
                unmasked=unmasked,
            )
            for name, table in lakehouse.tables.items()
        ],
        quarantined=validation.quarantined(),
        runs=_runs(states),
        paid=lake.account.runs()[:MOST_RUNS] if lake.account else None,
        plots={plot.name: _plotted(told.get(plot.name)) for plot in drawn},
    )


def questions_of(lakehouse: Lakehouse, lake: Lake) -> int:
    """Return how many queries a report asks at most."""
    validation = Validation(lakehouse, lake, None)
    return len(validation.queries()) + len(lakehouse.tables) + len(lakehouse.plots) + 2


def _first_rows(table: Table) -> str:
    """Return a query for the same first rows each time, whatever order an engine reads in."""
    names = ", ".join(identifier(column.name) for column in table.columns)
    ordered = sorted(table.columns, key=lambda column: column.personal)
    order = ", ".join(identifier(column.name) for column in ordered)
    return f"SELECT {names} FROM {identifier(table.name)} ORDER BY {order} LIMIT {ROWS}"


def _table(
    table: Table,
    rows: int | None,
    landing: LandingState | None,
    state: TableState | None,
    answer: Answer | UsageError | None,
    *,
    unmasked: bool,
) -> TableFacts:
    current = state.current if state else None
    sizes = [facts.size for facts in landing.files.values()] if landing else None
    if current is not None and current.files:
        sizes = list(current.files.values())
    snapshots = tuple(reversed(state.snapshots)) if state else ()
    columns: tuple[str, ...] = ()
    shown: tuple[tuple[str, ...], ...] = ()
    if isinstance(answer, Answer):
        columns, found = tuple(answer.columns), list(answer.rows)
        found = found if unmasked else _masked(table, columns, found)
        shown = tuple(tuple(_short(cell_text(value)) for value in row) for row in found)
    return TableFacts(
        table=table,
        rows=current.rows if rows is None and current else rows,
        lines=landing.lines if landing else None,
        files=None if sizes is None else len(sizes),
        size=None if sizes is None else sum(sizes),
        fingerprint=landing.fingerprint if landing else "",
        snapshots=snapshots[:MOST_SNAPSHOTS],
        older=max(len(snapshots) - MOST_SNAPSHOTS, 0),
        columns=columns,
        shown=shown,
        silent=answer.message if isinstance(answer, UsageError) else "",
    )


def _masked(
    table: Table, columns: Sequence[str], rows: list[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Return rows without what identifies a person; to the millisecond an instant may be theirs."""
    instants = {column.name.lower() for column in table.columns if column.plausible is not None}
    are_instants = [name.lower() in instants for name in columns]
    return [
        tuple(
            _coarse(value, is_instant=is_instant)
            for value, is_instant in zip(row, are_instants, strict=True)
        )
        for row in masked_rows(table, columns, rows)
    ]


def _coarse(value: Any, *, is_instant: bool) -> Any:
    """Return an instant as its day; mask another whole number that may be no count."""
    if not isinstance(value, int) or abs(value) <= MOST_ROWS_COUNTED:
        return value
    if is_instant and 0 < value < _LATEST:
        return datetime.fromtimestamp(value / 1000, UTC).date().isoformat()
    return MASK


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"


def _runs(states: Mapping[str, TableState]) -> list[Run]:
    """Return the runs that snapshots tell of."""
    made: dict[str, list[tuple[Snapshot, str]]] = {}
    for name, state in states.items():
        for snapshot in state.snapshots:
            if snapshot.provenance is not None:
                made.setdefault(snapshot.provenance.run, []).append((snapshot, name))
    runs = []
    for run, found in made.items():
        found.sort(key=lambda made: (made[0].committed_ms, made[1]))
        runs.append(Run(run, found[-1][0], tuple(dict.fromkeys(name for _, name in found))))
    runs.sort(key=lambda run: (run.last.committed_ms, run.run), reverse=True)
    return runs[:MOST_RUNS]


def _plotted(answer: Answer | UsageError | None) -> Plotted:
    if answer is None:
        return Plotted((), (), "tables that it is about are not there yet")
    if isinstance(answer, UsageError):
        return Plotted((), (), answer.message)
    return Plotted(tuple(name.lower() for name in answer.columns), tuple(answer.rows))
