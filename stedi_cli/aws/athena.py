"""Queries on Athena: started once, waited for, their rows as a stream, and what they cost."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from stedi_cli.aws.account import aws_errors, error_code
from stedi_cli.aws.answers import Reader, answer_of
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.prices import query_price
from stedi_cli.aws.query_failures import failure, refused
from stedi_cli.aws.result_file import ResultFile
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.records import Answer, QueryCost
from stedi_cli.masking import athena_said

_TRIES = 3
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 3.0
_PAGE = 1000
_CATALOG = "AwsDataCatalog"
_SYSTEM_ERROR = 1
_SCAN_LIMIT = ("bytes scanned limit", "exceeded_scan_limit", "scan limit")


@dataclass(frozen=True)
class _Ended:
    """How a query ended.

    Args:
        id: Its id.
        state: ``SUCCEEDED``, ``FAILED`` or ``CANCELLED``.
        reason: Why, as Athena puts it.
        retryable: Whether Athena says that the same query may succeed.
        theirs: Whether Athena itself failed, not the query.
        scanned: Bytes that it scanned.
        location: URI of its result.
    """

    id: str
    state: str
    reason: str
    retryable: bool
    theirs: bool
    scanned: int
    location: str


class Athena:
    """Runs queries in the lakehouse's work group.

    Args:
        layout: Names and places.
        backoff: How waiting is done.
    """

    def __init__(self, layout: Layout, backoff: Backoff | None = None) -> None:
        self._layout = layout
        self._backoff = backoff or Backoff()
        self._lock = Lock()
        self._queries = 0
        self._scanned = 0
        self._dollars = 0.0

    @property
    def cost(self) -> QueryCost:
        """What queries cost so far."""
        return QueryCost(self._queries, self._scanned, self._dollars)

    def select(self, sql: str) -> Answer:
        """Run a query.

        Args:
            sql: One SELECT in Athena's dialect.

        Returns:
            The answer; rows are fetched page by page as they are asked for.

        Raises:
            UsageError: If Athena cannot run the query as it is.
            BadLineError: If a landing file holds a line that Athena cannot read.
            StediError: If it fails otherwise, or would scan more than is allowed.
        """
        query = self._ended(sql).id
        first = self._page(query, None)
        return answer_of(first, lambda readers: self._rows(query, first, readers))

    def filed(self, sql: str) -> tuple[Answer, ResultFile]:
        """Run a query whose rows are all wanted, however many.

        Returns:
            The answer, whose rows come from the file that Athena left, and that file; whoever has
            read it removes it.

        Raises:
            StediError: As ``select``.
        """
        ended = self._ended(sql)
        result = ResultFile(self._layout, ended.location)
        try:
            # The file does not tell the types.
            return answer_of(self._page(ended.id, None, most=1), result.rows), result
        except BaseException:
            with suppress(Exception):
                result.remove()
            raise

    def _ended(self, sql: str) -> _Ended:
        """Run a query until it has succeeded."""
        for tries in range(_TRIES):
            ended = self._wait(self._start(sql))
            self._note(ended)
            if ended.state == "SUCCEEDED":
                return ended
            if not ended.retryable:
                break
            self._pause(_FIRST_WAIT * 2**tries)
        raise self._explained(ended, sql)

    def _start(self, sql: str) -> str:
        # The token makes boto3's own retry after a lost answer find the query that was started.
        try:
            with aws_errors("athena:StartQueryExecution"):
                started = self._client.start_query_execution(
                    QueryString=sql,
                    ClientRequestToken=str(uuid.uuid4()),
                    QueryExecutionContext={"Catalog": _CATALOG, "Database": self._layout.database},
                    ResultConfiguration={"OutputLocation": self._layout.results},
                    WorkGroup=self._layout.work_group,
                )
        except StediError as error:
            cause = error.__cause__
            if cause is not None and error_code(cause) == "InvalidRequestException":
                raise refused(str(cause), sql, self._layout.work_group) from error
            raise
        return str(started["QueryExecutionId"])

    def _wait(self, query: str) -> _Ended:
        """Wait until a query has ended; it is stopped where that is interrupted."""
        wait = _FIRST_WAIT
        try:
            while True:
                with aws_errors("athena:GetQueryExecution"):
                    answer = self._client.get_query_execution(QueryExecutionId=query)
                found = answer["QueryExecution"]
                status = found["Status"]
                # A running query may be put back into the queue.
                if status["State"] not in ("QUEUED", "RUNNING"):
                    error = status.get("AthenaError", {})
                    return _Ended(
                        query,
                        status["State"],
                        status.get("StateChangeReason") or error.get("ErrorMessage", ""),
                        bool(error.get("Retryable")),
                        error.get("ErrorCategory") == _SYSTEM_ERROR,
                        found.get("Statistics", {}).get("DataScannedInBytes", 0),
                        found.get("ResultConfiguration", {}).get("OutputLocation", ""),
                    )
                self._pause(wait)
                wait = min(wait * 1.5, _LONGEST_WAIT)
        except BaseException:
            with suppress(Exception):
                self._client.stop_query_execution(QueryExecutionId=query)
            raise

    def _pause(self, seconds: float) -> None:
        # Not in step with the other queries.
        self._backoff.sleep(seconds * (0.5 + self._backoff.random() / 2))

    def _note(self, ended: _Ended) -> None:
        with self._lock:
            self._queries += 1
            self._scanned += ended.scanned
            # A failed query is not billed.
            if ended.state != "FAILED":
                self._dollars += query_price(self._layout.settings, ended.scanned)

    def _explained(self, ended: _Ended, sql: str) -> StediError:
        reason = athena_said(ended.reason, sql)
        if any(words in reason.lower() for words in _SCAN_LIMIT):
            limit = self._layout.settings.scan_limit
            return StediError(
                f"Athena stopped the query: it would scan more than {limit:,} bytes (scan_limit).",
                hint="Ask for less, or raise scan_limit in the config and run `stedi infra up`.",
            )
        if ended.state == "CANCELLED":
            return StediError("The query was stopped.", hint="Run the command again.")
        found = failure(reason)
        if found is not None:
            return found
        if ended.retryable or ended.theirs:
            times = f" {_TRIES} times" if ended.retryable else ""
            return StediError(
                f"Athena failed{times}: {reason}.", hint="Try again in a few minutes."
            )
        return UsageError(
            f"The query cannot be run: {reason}.", hint="`stedi tables --ddl` shows columns."
        )

    def _rows(
        self, query: str, page: dict[str, Any], readers: Sequence[Reader]
    ) -> Iterator[tuple[Any, ...]]:
        # The first row of a SELECT's first page holds the column names.
        rows = page["ResultSet"]["Rows"][1:]
        while True:
            for row in rows:
                yield tuple(
                    reader(cell["VarCharValue"]) if "VarCharValue" in cell else None
                    for cell, reader in zip(row["Data"], readers, strict=True)
                )
            token = page.get("NextToken")
            if not token:
                return
            page = self._page(query, token)
            rows = page["ResultSet"]["Rows"]

    def _page(self, query: str, token: str | None, most: int = _PAGE) -> dict[str, Any]:
        more = {"NextToken": token} if token else {}
        with aws_errors("athena:GetQueryResults"):
            found: dict[str, Any] = self._client.get_query_results(
                QueryExecutionId=query, MaxResults=most, **more
            )
        return found

    @property
    def _client(self) -> Any:
        return self._layout.account.client("athena")
