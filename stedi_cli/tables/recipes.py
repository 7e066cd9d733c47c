"""What a job's table is made of, and what of that changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import Job, JobText, Lakehouse
from stedi_cli.tables.provenance import Provenance, TableState


@dataclass(frozen=True)
class Changed:
    """What changed since a job made its table.

    Args:
        inputs: The tables that it reads whose rows or landing files are others now.
        sql: Whether its SQL did.
        model: Whether columns or tables did.
    """

    inputs: list[str]
    sql: bool
    model: bool


class Recipes:
    """What the jobs make their tables of under a policy.

    Args:
        lakehouse: The model.
        policy: The policy.
    """

    def __init__(self, lakehouse: Lakehouse, policy: str) -> None:
        self._lakehouse = lakehouse
        self._policy = policy
        self._texts: dict[str, JobText] = {}
        self.see({}, {})

    def see(self, landing: Mapping[str, LandingState], tables: Mapping[str, TableState]) -> None:
        """Go by these landing files and tables from now on."""
        self._landing = landing
        self._tables = tables

    def text(self, job: Job) -> JobText:
        """Return a job's SQL, read once, so that what runs is what was compared."""
        if job.name not in self._texts:
            self._texts[job.name] = self._lakehouse.job_text(job, self._policy)
        return self._texts[job.name]

    def provenance(self, job: Job, *, run: str, engine: str) -> Provenance:
        """Return the record of a job that would run now."""
        tables = [self._lakehouse.tables[name] for name in (job.writes, *job.reads)]
        columns = "".join(table.columns_sha256 for table in tables)
        return Provenance(
            run=run,
            job=job.name,
            policy=self._policy,
            engine=engine,
            sql=self.text(job).sha256,
            columns=hashlib.sha256(columns.encode()).hexdigest(),
            inputs={name: self._input(name) for name in self._lakehouse.inputs(job)},
        )

    def changed(self, job: Job, provenance: Provenance) -> Changed:
        """Tell what changed since a job made its table, but for the policy."""
        wanted = self.provenance(job, run="", engine="")
        inputs = [name for name, now in wanted.inputs.items() if provenance.inputs.get(name) != now]
        known = {name: provenance.inputs[name] for name in inputs if name in provenance.inputs}
        # The model is whatever else differs.
        same = replace(
            wanted, policy=provenance.policy, sql=provenance.sql, inputs={**wanted.inputs, **known}
        )
        return Changed(inputs, provenance.sql != wanted.sql, not provenance.same_recipe(same))

    def _input(self, name: str) -> str:
        if name in self._landing:
            return self._landing[name].fingerprint
        state = self._tables.get(name)
        return str(state.current.id) if state and state.current else ""
