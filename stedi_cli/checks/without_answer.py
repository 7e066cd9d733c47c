"""Which of the project's queries have no answer that tells anything, and why."""

from __future__ import annotations

from stedi_cli.checks.accounts import refuse_own_table
from stedi_cli.checks.pairs import Pairs, pairs_of
from stedi_cli.checks.validation_queries import COUNTS, QUARANTINED, account_title, note_title
from stedi_cli.errors import UsageError, said
from stedi_cli.lake.records import Answer, Question, answered
from stedi_cli.project.check import ACCOUNT_CHECK, Check
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.questions.sql_text import bare


class WithoutAnswer:
    """The queries without an answer; one of them hides no other.

    Args:
        lakehouse: The model.
    """

    def __init__(self, lakehouse: Lakehouse) -> None:
        self._lakehouse = lakehouse
        self._why: dict[str, str] = {}

    def may_ask(self, title: str, question: Question, account: Check | None) -> bool:
        """Tell whether a query can tell anything.

        Args:
            title: Its title.
            question: The query.
            account: The account that it is, or None.
        """
        try:
            with question.blamed():
                if not bare(question.sql):
                    raise UsageError("It holds no query.", hint="Write a SELECT, or remove it.")
                if account is not None:
                    refuse_own_table(self._lakehouse, account)
        except UsageError as error:
            self._why[title] = said(error)
            return False
        return True

    def pairs(self, title: str, question: Question, answer: Answer | UsageError) -> Pairs | None:
        """Return the words and numbers of an answer; None where it cannot be used.

        Raises:
            UsageError: If rows cannot be counted.
        """
        try:
            found = answered(answer)
            with question.blamed():
                return pairs_of(found)
        except UsageError as error:
            if title in (COUNTS, QUARANTINED):
                raise
            self._why[title] = said(error)
            return None

    def checks(self) -> dict[str, str]:
        """Return why checks cannot be made, by name; accounts are checks too."""
        of_jobs = {
            account_title(job.name): ACCOUNT_CHECK.format(table=job.writes)
            for job in self._lakehouse.jobs.values()
        }
        notes = {note_title(name) for name in self.notes()}
        return {
            of_jobs.get(title, title.partition(" ")[2]): why
            for title, why in self._why.items()
            if title not in notes
        }

    def notes(self) -> dict[str, str]:
        """Return why notes cannot be told, by name."""
        names = {title: title.partition(" ")[2] for title in self._why}
        return {name: self._why[t] for t, name in names.items() if t == note_title(name)}
