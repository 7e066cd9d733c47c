"""Why a table is not what its job would make of what there is now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import QUARANTINE, Job, Lakehouse, Table
from stedi_cli.tables.drift import beside_drift, drift_said, shape_drift
from stedi_cli.tables.history import overdue
from stedi_cli.tables.metrics import may_tell_values
from stedi_cli.tables.provenance import Provenance, TableState
from stedi_cli.tables.recipes import Recipes

FORCED = "forced"
NOT_BUILT = "not built yet"


class Staleness:
    """Tells what is stale under a policy.

    Args:
        lakehouse: The model.
        policy: The policy.
        is_whole: Tells whether a table's current data files are all there.
        has_copy: Tells whether a landing table's typed copy can be used.
    """

    def __init__(
        self,
        lakehouse: Lakehouse,
        policy: str,
        is_whole: Callable[[str], bool],
        has_copy: Callable[[Table], bool],
    ) -> None:
        self._lakehouse = lakehouse
        self._policy = policy
        self._is_whole = is_whole
        self._has_copy = has_copy
        self._landing: Mapping[str, LandingState] = {}
        self._tables: Mapping[str, TableState] = {}
        self.recipes = Recipes(lakehouse, policy)

    def see(self, landing: Mapping[str, LandingState], tables: Mapping[str, TableState]) -> None:
        """Go by these landing files and tables from now on."""
        self._landing, self._tables = landing, tables
        self.recipes.see(landing, tables)

    def tables(self) -> dict[str, str]:
        """Return the tables that have to be built, each with the reason why."""
        found: dict[str, str] = {}
        for job in self._lakehouse.jobs.values():
            reason = next(self.reasons(job, found, forced=False), None)
            if reason:
                found[job.writes] = reason
        return found

    def unread(self) -> list[str]:
        """Return the landing tables of which a table was made that held other files then."""
        changed = {
            name
            for job in self._lakehouse.jobs.values()
            if (made := self._made(job)) is not None
            for name in self.recipes.changed(job, made).inputs
        }
        return [name for name in self._landing if name in changed]

    def reasons(self, job: Job, rebuilt: Mapping[str, str], *, forced: bool) -> Iterator[str]:
        """Yield why a job has to run, what is known already before what has to be looked for.

        Args:
            job: The job.
            rebuilt: The tables of earlier jobs that have to run, each with the reason why.
            forced: Whether it runs in any case, so that no costly reason is looked for.
        """
        state, provenance = self._tables.get(job.writes), self._made(job)
        if state is None or provenance is None:
            yield NOT_BUILT if state is None else "not built by a job"
            return
        if provenance.policy != self._policy:
            yield f"built under policy {provenance.policy}"
        if any(name in rebuilt for name in job.reads):
            yield "an input is rebuilt"
        changed = self.recipes.changed(job, provenance)
        if changed.inputs:
            yield f"{', '.join(changed.inputs)} changed"
        if any(s.provenance and s.provenance.policy != provenance.policy for s in state.snapshots):
            yield "snapshots of another policy are left"
        if overdue(state.snapshots, state.current.id if state.current else None):
            yield "snapshots that have to go are left"
        if changed.sql:
            yield "its SQL changed"
        if changed.model:
            yield "the model changed"
        yield from self._changes_of_others(job, state, provenance)
        if forced:
            yield FORCED
        yield from self._not_whole(job, provenance)

    def _not_whole(self, job: Job, last: Provenance) -> Iterator[str]:
        if not self._is_whole(job.writes):
            yield "its files are not whole"
        quarantined = any(account.quarantined for account in last.landing.values())
        for table in self._lakehouse.beside if quarantined else ():
            if not self._is_whole(table.name):
                yield f"{_named(table)} is not whole"
        for name in (name for name in job.reads if name in self._lakehouse.landing):
            if not self._has_copy(self._lakehouse.tables[name]):
                yield f"the typed copy of {name} is lost or cannot be used"

    def _changes_of_others(self, job: Job, state: TableState, last: Provenance) -> Iterator[str]:
        changes = shape_drift(self._lakehouse.tables[job.writes], state)
        if changes:
            yield drift_said(changes)
        beside = self._lakehouse.beside if last.landing else []
        for table in beside:
            there = self._tables.get(table.name)
            if beside_drift(self._lakehouse, table, there, last.landing):
                yield f"{_named(table)} changed"
            judged = there.current.judged if there and there.current else {}
            if any(
                account.quarantined and judged.get(name, account.fingerprint) != account.fingerprint
                for name, account in last.landing.items()
            ):
                yield f"{_named(table)} is of other landing files"
        telling = self._telling([job.writes, *(table.name for table in beside)])
        if telling:
            yield f"the metadata of {' and '.join(telling)} may hold values"

    def _telling(self, names: list[str]) -> list[str]:
        """Return those of some tables that are to be written again so that they keep their values.

        An older version or another engine wrote values into their metadata.
        """
        tables = self._lakehouse.tables
        there = [name for name in names if name in self._tables]
        return [name for name in there if may_tell_values(tables[name], self._tables[name])]

    def _made(self, job: Job) -> Provenance | None:
        state = self._tables.get(job.writes)
        return state.current.provenance if state and state.current else None


def _named(table: Table) -> str:
    return "the quarantine" if table.name == QUARANTINE else table.name
