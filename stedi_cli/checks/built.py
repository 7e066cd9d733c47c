"""Tells by whose rules tables were built, and so by whose they are checked."""

from __future__ import annotations

from collections.abc import Mapping

from stedi_cli.project.check import Check
from stedi_cli.project.lakehouse import STRICT, Lakehouse
from stedi_cli.tables.provenance import TableState


def built_policies(lakehouse: Lakehouse, states: Mapping[str, TableState]) -> list[str]:
    """Return the policies that the jobs' tables were built under, by name.

    Args:
        lakehouse: The model.
        states: The tables that are there.
    """
    built = {
        state.current.provenance.policy
        for name, state in states.items()
        if name in lakehouse.writers and state.current and state.current.provenance
    }
    return sorted(built)


def policy_of(lakehouse: Lakehouse, built: list[str], usual: str) -> str:
    """Return the policy that tables are compared under where none is named.

    Args:
        lakehouse: The model.
        built: The policies that they were built under.
        usual: The policy that jobs run under where none is named.
    """
    if len(built) != 1:
        return STRICT
    # One that has left the model has no rules: the tables are stale under the usual one.
    return built[0] if built[0] in lakehouse.policies else usual


def present_checks(lakehouse: Lakehouse, states: Mapping[str, TableState]) -> list[Check]:
    """Return the checks of the policy that the tables were built under.

    Of several, or one that is no more, those of the project: that it is so is told elsewhere.

    Args:
        lakehouse: The model.
        states: The tables that are there.
    """
    built = built_policies(lakehouse, states)
    return lakehouse.checks_under(built[0] if len(built) == 1 else STRICT)
