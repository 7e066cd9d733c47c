"""What using the account costs and needs, and what runs in it."""

from __future__ import annotations

from typing import Any

from stedi_cli.aws import policies, prices
from stedi_cli.aws.athena import Athena
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.run import Run
from stedi_cli.aws.runs import Runs
from stedi_cli.lake.job_run import JobRun
from stedi_cli.lake.records import QueryCost

_INLINE = 2_047
"""Most characters of a document; a user's inline policies may hold one more."""


class AccountUse:
    """The account as whoever runs commands has to know it.

    Args:
        layout: Names.
        runs: The runs of the Glue jobs.
        athena: Runs the queries.
    """

    def __init__(self, layout: Layout, runs: Runs, athena: Athena) -> None:
        self._layout = layout
        self._runs = runs
        self._athena = athena

    def costs(self) -> list[str]:
        used = prices.forecast(self._layout.settings, len(self._layout.lakehouse.jobs))
        return [*used, prices.idle(self._layout)]

    def queries_cost(self, number: int) -> str:
        return prices.queries(self._layout.settings, number)

    def query_cost(self) -> QueryCost:
        return self._athena.cost

    def caller_policy(self) -> dict[str, Any]:
        return policies.caller(self._layout)

    def caller_policies(self) -> list[dict[str, Any]]:
        return policies.split(self.caller_policy(), _INLINE)

    def runs(self) -> list[JobRun]:
        found = sorted(self._runs.all_latest(), key=Run.when, reverse=True)
        return [run.as_job_run() for run in found]

    def stop(self, run: JobRun) -> None:
        self._runs.stop(run.job, run.id)
