"""How many people are held back, since a record that cannot be read may be their withdrawal."""

from __future__ import annotations

from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import Question, answered
from stedi_cli.project.lakehouse import HELD_BACK, Lakehouse
from stedi_cli.questions.withdrawals import holds_back

PEOPLE = "people_held_back"
"""The note that counts them."""


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
