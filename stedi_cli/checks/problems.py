"""What is wrong with a lakehouse beside its counts and rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from stedi_cli.checks.observed import Observed
from stedi_cli.errors import quantity
from stedi_cli.lake.parts import Lake
from stedi_cli.landing.files import other_shapes
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.questions.withdrawals import are_asked_for
from stedi_cli.tables.drift import changed_by_others, drift_said
from stedi_cli.tables.staleness import NOT_BUILT, Staleness


@dataclass(frozen=True)
class Outdated:
    """What is not of what there is now.

    Args:
        tables: The tables that their jobs would build again, each with the reason why.
        unread: The landing tables that no run has read as they are now.
        broken: The tables of which files are lost or broken.
    """

    tables: Mapping[str, str]
    unread: Collection[str]
    broken: Collection[str]


def outdated(lakehouse: Lakehouse, observed: Observed, policy: str, lake: Lake) -> Outdated:
    """Look for what is not of what there is now.

    Args:
        lakehouse: The model.
        observed: What is there.
        policy: The policy that the tables are compared under.
        lake: The lakehouse's parts, which tell whether what is there is whole.
    """
    broken = [name for name in observed.states if not lake.tables.is_whole(name)]
    staleness = Staleness(lakehouse, policy, lambda table: table not in broken, lake.has_copy)
    staleness.see(observed.landing, observed.states)
    tables = {name: why for name, why in staleness.tables().items() if why != NOT_BUILT}
    unread = {*staleness.unread()}
    if all(name in observed.states for name in lakehouse.writers):
        unread |= {*observed.unread, *observed.not_looked_at()}
    return Outdated(tables, [name for name in lakehouse.landing if name in unread], broken)


def command_for(policy: str, usual: str) -> str:
    """Return the command that builds all tables under a policy.

    Args:
        policy: The policy.
        usual: The policy that jobs run under where none is named.
    """
    return "stedi jobs run --all" + ("" if policy == usual else f" --policy {policy}")


def problems(
    lakehouse: Lakehouse,
    observed: Observed,
    policy: str,
    built: list[str],
    found: Outdated,
    run: str,
) -> list[str]:
    """Return in words what is wrong, and what to do about it.

    Args:
        lakehouse: The model.
        observed: What is there.
        policy: The policy that the tables are compared under.
        built: The policies that the tables were built under.
        found: What is not of what there is now.
        run: The command that builds all tables.
    """
    said: list[str] = []
    missing = [name for name in lakehouse.writers if name not in observed.states]
    if missing:
        said.append(f"Not built yet: {', '.join(missing)}. Run `{run}`.")
    said += other_shapes(observed.landing)
    said += [
        f"None of the {account.lines:,} lines of {name} can be used; see `stedi quarantine`."
        for name, account in observed.accounts.items()
        if account.lines and not account.usable
    ]
    said += _unreadable(lakehouse, observed, policy)
    return said + not_of_now(lakehouse, observed, built, found, run)


def not_of_now(
    lakehouse: Lakehouse, observed: Observed, built: list[str], found: Outdated, run: str
) -> list[str]:
    """Return in words what is not of what there is now; the arguments are those of ``problems``."""
    said: list[str] = []
    others = changed_by_others(lakehouse, observed.states)
    said += [
        f"{name} is not as a run leaves it: {drift_said(what)}. Run `{run}`."
        for name, what in others.items()
    ]
    if found.broken:
        said.append(f"Files are lost or broken of {', '.join(found.broken)}. Run `{run}`.")
    if len(built) > 1:
        said.append(
            f"Tables of several policies lie side by side: {', '.join(built)}. Run `{run}`."
        )
    read = {name for job in lakehouse.jobs.values() for name in job.reads}
    if unread := [name for name in found.unread if name in read]:
        said.append(f"No run has read {', '.join(unread)} as it is now. Run `{run}`.")
    if idle := [name for name in found.unread if name not in read]:
        said.append(
            f"No run looks at the lines of {', '.join(idle)}: no job reads it. Name it in a job's"
            " reads."
        )
    stale = [f"{name} ({why})" for name, why in found.tables.items() if name not in others]
    if stale:
        said.append(f"Stale: {', '.join(stale)}. Run `{run}`.")
    return said


def _unreadable(lakehouse: Lakehouse, observed: Observed, policy: str) -> list[str]:
    """Return what is said of customers' lines that may take away anybody's consent."""
    customers = lakehouse.customers
    account = observed.accounts.get(customers.name) if customers else None
    if customers is None or account is None or not account.unreadable:
        return []
    if not are_asked_for(lakehouse, policy):
        return []
    told = quantity(
        account.unreadable,
        f"line of {customers.name} that cannot be used does not say for certain whose it is"
        " or which serial number is theirs",
        f"lines of {customers.name} that cannot be used do not say for certain whose they are"
        " or which serial number is theirs",
    )
    return [f"{told}. Any may be a withdrawal; see `stedi quarantine {customers.name} --show`."]
