"""Queries on Athena: waited for, retried, explained, paid for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sandbox.faults import How
from sandbox.server import Sandbox

from aws.cloud_lake import aws_settings
from stedi_cli.aws.account import Account
from stedi_cli.aws.athena import Athena
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.query_failures import BadLineError, NoTableError
from stedi_cli.errors import StediError, UsageError

SQL = "SELECT 1 AS n"
AGAIN = {"ErrorCategory": 1, "Retryable": True}


def ready(sandbox: Sandbox, **changes: Any) -> Layout:
    """An account with bucket and work group."""
    settings = aws_settings(**changes)
    layout = Layout(Account(settings), settings, settings.lakehouse())
    sandbox.client("s3").create_bucket(
        Bucket=layout.bucket, CreateBucketConfiguration={"LocationConstraint": sandbox.region}
    )
    sandbox.client("athena").create_work_group(Name=layout.work_group)
    return layout


class Clock:
    """Waits without waiting, and remembers."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def layout(sandbox: Sandbox) -> Layout:
    return ready(sandbox)


@pytest.fixture
def athena(layout: Layout, clock: Clock) -> Athena:
    return Athena(layout, Backoff(sleep=clock, random=lambda: 1.0))


# --- Answers --------------------------------------------------------------------------------------


def test_values_have_the_types_of_their_columns(sandbox: Sandbox, athena: Athena) -> None:
    columns = {
        "big": ("bigint", "9007199254740993", 9007199254740993),
        "small": ("integer", "-1", -1),
        "float": ("double", "0.1", 0.1),
        "text": ("varchar", "é\n", "é\n"),
        "empty": ("varchar", "", ""),
        "none": ("bigint", None, None),
        "yes": ("boolean", "true", True),
        "no": ("boolean", "false", False),
        "exact": ("decimal", "1.50", Decimal("1.50")),
        "day": ("date", "2020-02-03", "2020-02-03"),
        "list": ("array", "[1, 2]", "[1, 2]"),
    }
    sandbox.queries.script(
        columns=[(name, kind) for name, (kind, _, _) in columns.items()],
        rows=[[text for _, text, _ in columns.values()]],
    )
    answer = athena.select(SQL)
    assert answer.columns == list(columns)
    assert answer.types == [kind for kind, _, _ in columns.values()]
    assert list(answer.rows) == [tuple(value for _, _, value in columns.values())]


def test_not_a_number_and_infinity(sandbox: Sandbox, athena: Athena) -> None:
    sandbox.queries.script(columns=[("x", "double")], rows=[["NaN"], ["Infinity"], ["-Infinity"]])
    nan, most, least = (row[0] for row in athena.select(SQL).rows)
    assert nan != nan
    assert (most, least) == (float("inf"), float("-inf"))


def test_pages_are_fetched_as_rows_are_asked_for(sandbox: Sandbox, athena: Athena) -> None:
    # A row that is the same as the heading is a row.
    rows: list[list[str | None]] = [["n"], *([str(n)] for n in range(2500))]
    sandbox.queries.script(columns=[("n", "varchar")], rows=rows)
    with sandbox.recording() as calls:
        answer = athena.select(SQL)
        found = [next(answer.rows)]
    assert sum(call.action == "GetQueryResults" for call in calls) == 1
    found += answer.rows
    assert [list(row) for row in found] == rows


def test_no_rows(sandbox: Sandbox, athena: Athena) -> None:
    sandbox.queries.script(columns=[("n", "bigint")])
    assert list(athena.select(SQL).rows) == []


# --- Waiting --------------------------------------------------------------------------------------


def test_a_query_may_go_back_into_the_queue(sandbox: Sandbox, athena: Athena, clock: Clock) -> None:
    states = ("QUEUED", "RUNNING", "QUEUED", *["RUNNING"] * 20, "SUCCEEDED")
    sandbox.queries.script(*states, columns=[("n", "bigint")], rows=[["1"]])
    assert list(athena.select(SQL).rows) == [(1,)]
    assert len(sandbox.queries.started) == 1
    # Looked at once a state; the pauses grow up to a limit.
    assert len(clock.waits) == len(states) - 1
    assert clock.waits == sorted(clock.waits)
    assert clock.waits[-1] == clock.waits[-2] == 3.0


def test_a_lost_answer_starts_no_second_query(sandbox: Sandbox, athena: Athena) -> None:
    sandbox.queries.script(columns=[("n", "bigint")], rows=[["1"]])
    fault = sandbox.fail(How.LOST, service="athena", action="StartQueryExecution")
    assert list(athena.select(SQL).rows) == [(1,)]
    assert len(fault.hits) == 1
    assert len(sandbox.queries.started) == 1
    assert athena.cost.queries == 1


def test_an_interrupted_query_is_stopped(sandbox: Sandbox, layout: Layout) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    sandbox.queries.script("RUNNING")
    with pytest.raises(KeyboardInterrupt):
        Athena(layout, Backoff(sleep=interrupt)).select(SQL)
    (execution,) = sandbox.queries.started.values()
    assert execution.state == "CANCELLED"


# --- What fails -----------------------------------------------------------------------------------


def test_a_retryable_failure_is_tried_again(sandbox: Sandbox, athena: Athena, clock: Clock) -> None:
    sandbox.queries.script("RUNNING", "FAILED", reason="GENERIC_INTERNAL_ERROR: x", error=AGAIN)
    sandbox.queries.script("SUCCEEDED", columns=[("n", "bigint")], rows=[["1"]])
    assert list(athena.select(SQL).rows) == [(1,)]
    assert len(sandbox.queries.started) == 2
    assert len(clock.waits) == 2


def test_it_is_not_tried_for_ever(sandbox: Sandbox, athena: Athena) -> None:
    for _ in range(9):
        sandbox.queries.script("FAILED", reason="GENERIC_INTERNAL_ERROR: x", error=AGAIN)
    with pytest.raises(StediError, match=r"3 times: GENERIC_INTERNAL_ERROR: x\.$"):
        athena.select(SQL)
    assert len(sandbox.queries.started) == 3


WRONG = [
    ("COLUMN_NOT_FOUND: line 1:8: Column 'n'\ncannot be resolved", UsageError, "'n' cannot be"),
    ("SYNTAX_ERROR: line 1:1: mismatched input", UsageError, "mismatched input"),
    ("TABLE_NOT_FOUND: Table 'd.x' does not exist", UsageError, "'d.x' does not exist"),
    ("HIVE_CURSOR_ERROR: Row is not a valid JSON Object", BadLineError, "a line that Athena"),
    ("HIVE_BAD_DATA: Error Parsing a column: secret", BadLineError, "a line that Athena"),
    ("Access denied when writing to s3://b", StediError, "may not read"),
    ("Permission denied on S3 path: s3://b/warehouse", StediError, "may not read"),
    # Whatever the code, these are no bad lines.
    ("HIVE_CURSOR_ERROR: secret: Access Denied (Service: Amazon S3)", StediError, "may not read"),
    ("HIVE_CURSOR_ERROR: secret: SlowDown (Status Code: 503)", StediError, "too busy"),
    ("HIVE_CURSOR_ERROR: NoSuchKey: The specified key does not exist", StediError, "not there"),
    ("HIVE_BAD_DATA: secret Access Denied", BadLineError, "a line that Athena"),
    ("HIVE_CURSOR_ERROR: secret: Query exhausted resources", StediError, "too much"),
    ("Query exhausted resources at this scale factor", StediError, "too much"),
    # What a query is wrong about is no matter of permissions, nor of what it names.
    (
        "COLUMN_NOT_FOUND: line 1:8: Column 'n' cannot be resolved or requester is not authorized"
        " to access requested resources",
        UsageError,
        "'n' cannot be",
    ),
    (
        "COLUMN_NOT_FOUND: line 1:8: Column 'throttled' cannot be resolved",
        UsageError,
        "'throttled'",
    ),
    ("TABLE_NOT_FOUND: Table 'd.slowdown' does not exist", UsageError, "'d.slowdown' does not"),
]


@pytest.mark.parametrize(("reason", "kind", "told"), WRONG)
def test_another_failure_is_final_and_told_in_one_line(
    sandbox: Sandbox, athena: Athena, reason: str, kind: type[StediError], told: str
) -> None:
    error = {"ErrorCategory": 2, "Retryable": False}
    sandbox.queries.script("FAILED", reason=reason, error=error)
    with pytest.raises(kind, match=told) as refused:
        athena.select(SQL)
    assert type(refused.value) in (kind, NoTableError)
    assert "\n" not in refused.value.message
    assert refused.value.hint
    # What a bad line says may be about a person.
    assert "secret" not in refused.value.message
    assert len(sandbox.queries.started) == 1


def test_a_failure_of_athena_itself_is_not_the_query_s(sandbox: Sandbox, athena: Athena) -> None:
    error = {"ErrorCategory": 1, "Retryable": False}
    sandbox.queries.script("FAILED", reason="GENERIC_INTERNAL_ERROR: x", error=error)
    with pytest.raises(StediError, match="Athena failed: GENERIC_INTERNAL_ERROR") as told:
        athena.select(SQL)
    assert not isinstance(told.value, UsageError)
    assert len(sandbox.queries.started) == 1


def test_a_query_over_the_scan_limit_says_what_to_do(sandbox: Sandbox, athena: Athena) -> None:
    told = "Query cancelled! : Bytes scanned limit was exceeded"
    sandbox.queries.script("RUNNING", "CANCELLED", reason=told, scanned=1_000_000_001)
    with pytest.raises(StediError, match=r"more than 1,000,000,000 bytes \(scan_limit\)") as error:
        athena.select(SQL)
    assert "infra up" in str(error.value.hint)
    assert athena.cost.scanned == 1_000_000_001


def test_without_a_work_group(sandbox: Sandbox, layout: Layout, athena: Athena) -> None:
    sandbox.client("athena").delete_work_group(WorkGroup="stedi", RecursiveDeleteOption=True)
    with pytest.raises(StediError, match="no Athena work group stedi") as error:
        athena.select(SQL)
    assert "infra up" in str(error.value.hint)


def test_a_disabled_work_group_is_there(sandbox: Sandbox, athena: Athena) -> None:
    sandbox.client("athena").update_work_group(WorkGroup="stedi", State="DISABLED")
    with pytest.raises(StediError, match="Athena work group stedi is disabled") as error:
        athena.select(SQL)
    assert "`stedi infra up` enables it" in str(error.value.hint)


@pytest.mark.parametrize(
    "said",
    [
        "Unable to verify/create output bucket stedi-1",
        "The S3 location provided to save your query results is invalid.",
        "The expected bucket owner does not match the owner of the bucket.",
    ],
)
def test_a_place_for_results_that_cannot_be_used_is_not_the_query_s(
    sandbox: Sandbox, athena: Athena, said: str
) -> None:
    sandbox.fail(("InvalidRequestException", said, 400), action="StartQueryExecution")
    with pytest.raises(StediError, match="Athena cannot write the result") as refused:
        athena.select(SQL)
    assert "infra status" in str(refused.value.hint)


def test_expired_credentials(sandbox: Sandbox, athena: Athena) -> None:
    sandbox.fail(How.EXPIRED, service="athena", action="GetQueryExecution")
    with pytest.raises(StediError, match="GetQueryExecution") as error:
        athena.select(SQL)
    assert "expired" in str(error.value.hint)


# --- Money ----------------------------------------------------------------------------------------


def test_scanned_bytes_are_summed_and_each_query_is_billed_for_ten_megabytes_at_least(
    sandbox: Sandbox,
) -> None:
    athena = Athena(ready(sandbox, price_terabyte_scanned=6.0))
    assert athena.cost.queries == 0
    for scanned in (0, 4_000_000, 500_000_000_000):
        sandbox.queries.script("SUCCEEDED", columns=[("n", "bigint")], scanned=scanned)
        athena.select(SQL)
    # A failed query is not billed.
    sandbox.queries.script("FAILED", reason="SYNTAX_ERROR", scanned=70_000_000)
    with pytest.raises(UsageError):
        athena.select(SQL)
    assert athena.cost.queries == 4
    assert athena.cost.scanned == 500_074_000_000
    assert athena.cost.dollars == pytest.approx(6.0 * 0.50002)
