"""Where every row went, as far as that is about what there is now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stedi_cli.checks.accounts import Flow, flows
from stedi_cli.checks.asking import Asking
from stedi_cli.checks.built import built_policies, policy_of
from stedi_cli.checks.problems import command_for, not_of_now, outdated
from stedi_cli.lake.parts import Lake
from stedi_cli.project.check import ACCOUNT_CHECK
from stedi_cli.project.lakehouse import Lakehouse


@dataclass(frozen=True)
class WholeFlow:
    """The rows of all jobs.

    Args:
        jobs: The rows of each job.
        stale: The tables that their jobs would build again, each with the reason why.
        problems: In words, what is not of what there is now.
    """

    jobs: Sequence[Flow]
    stale: Mapping[str, str]
    problems: Sequence[str]

    @property
    def ok(self) -> bool:
        """Whether all sums meet, and are about what there is now."""
        return all(job.ok for job in self.jobs) and not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {
            "jobs": [job.as_json() for job in self.jobs],
            "stale": [{"table": name, "why": why} for name, why in self.stale.items()],
            "problems": list(self.problems),
            "ok": self.ok,
        }


def whole_flow(lakehouse: Lakehouse, lake: Lake, usual: str) -> WholeFlow:
    """Ask where the rows of each job went, and for nothing else.

    Args:
        lakehouse: The model.
        lake: Its parts.
        usual: The policy that jobs run under where none is named.
    """
    sums = [ACCOUNT_CHECK.format(table=name) for name in lakehouse.writers]
    observed = Asking(lakehouse, lake, again=False, only=sums).observed()
    built = built_policies(lakehouse, observed.states)
    policy = policy_of(lakehouse, built, usual)
    found = outdated(lakehouse, observed, policy, lake)
    said = not_of_now(lakehouse, observed, built, found, command_for(policy, usual))
    return WholeFlow(flows(lakehouse, observed), found.tables, said)
