"""How many people are held back, since a record that cannot be read may be their withdrawal."""

from __future__ import annotations

from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import Question, answered
from stedi_cli.project.lakehouse import HELD_BACK, Lakehouse
from stedi_cli.questions.sql_text import TOKEN

PEOPLE = "people_held_back"
"""The note that counts them."""


def holds_back(lakehouse: Lakehouse, policy: str) -> bool:
    """Tell whether a job of a policy reads who is held back.

    Args:
        lakehouse: The model.
        policy: Name of the policy.
    """
    jobs = [job for job in lakehouse.jobs.values() if HELD_BACK in job.reads]
    texts = [lakehouse.job_text(job, policy).sql for job in jobs]
    return any(token["word"] == HELD_BACK for text in texts for token in TOKEN.finditer(text))


def people_held_back(lakehouse: Lakehouse, lake: Lake, policy: str) -> int:
    """Return how many people are held back under a policy.

    Args:
        lakehouse: The model.
        lake: Its parts.
        policy: Name of the policy.
    """
    notes = [note for note in lakehouse.notes if note.name == PEOPLE]
    if not notes or HELD_BACK not in lake.tables.states() or not holds_back(lakehouse, policy):
        return 0
    (answer,) = lake.questions.ask_all([Question(notes[0].sql, notes[0].file)])
    return sum(int(row[1]) for row in answered(answer).rows)
