"""Who may write now: nobody into a bucket that is not ours, nor beside a run."""

from __future__ import annotations

from stedi_cli.aws.infra.infrastructure import Infrastructure
from stedi_cli.aws.runs import Runs
from stedi_cli.lake.elsewhere import remove_abandoned


class Writer:
    """Whoever changes a lakehouse without a run.

    Args:
        infrastructure: What it stands on.
        runs: The runs of the Glue jobs.
    """

    def __init__(self, infrastructure: Infrastructure, runs: Runs) -> None:
        self.layout = infrastructure.layout
        self._infrastructure = infrastructure
        self._runs = runs

    def refuse(self, *, wait: bool) -> None:
        """Raise StediError if nothing may be written.

        Args:
            wait: Whether to wait for runs that are at work.
        """
        remove_abandoned()
        self._infrastructure.refuse_foreign_bucket()
        self._runs.refuse_active(wait=wait)
