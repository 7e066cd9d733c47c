"""Whether a policy's jobs ask who may have withdrawn in a line that cannot be read."""

from __future__ import annotations

from stedi_cli.project.lakehouse import HELD_BACK, Job, Lakehouse, Policy
from stedi_cli.questions.sql_text import TOKEN


def holds_back(lakehouse: Lakehouse, policy: str) -> bool:
    """Tell whether people are held back: the job that first reads the customers asks who they are.

    Args:
        lakehouse: The model.
        policy: Name of the policy.
    """
    customers = lakehouse.customers
    return customers is not None and any(
        _asks(lakehouse, job, policy)
        for job in lakehouse.jobs.values()
        if customers.name in lakehouse.answers_for(job)
    )


def are_asked_for(lakehouse: Lakehouse, policy: str) -> bool:
    """Tell whether any job asks, so that lines of which nobody knows whose they are matter.

    Args:
        lakehouse: The model.
        policy: Name of the policy.
    """
    return any(_asks(lakehouse, job, policy) for job in lakehouse.jobs.values())


def is_on_purpose(lakehouse: Lakehouse, policy: Policy) -> bool:
    """Tell whether a policy says that it breaks a check of who is held back.

    Args:
        lakehouse: The model.
        policy: The policy.
    """
    return any(_names_them(lakehouse.rules[name].sql) for name in policy.breaks)


def _asks(lakehouse: Lakehouse, job: Job, policy: str) -> bool:
    return HELD_BACK in job.reads and _names_them(lakehouse.job_text(job, policy).sql)


def _names_them(sql: str) -> bool:
    # By its words alone: to parse it takes longer than all else that a command asks.
    words = TOKEN.finditer(sql)
    return any((w["word"] or (w["name"] or "").strip('"')).lower() == HELD_BACK for w in words)
