"""Carries changes out side by side, and waits where AWS is not ready for one of them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial

from stedi_cli.aws.account import side_by_side
from stedi_cli.aws.infra.resource import Kind, NotYetError
from stedi_cli.lake.records import WAITING, Change, Resource

# Seconds before each further attempt, ten minutes in all.
_PAUSES = (5, 10, 15, *(30,) * 19)


def patiently(
    kinds: dict[str, Kind], todo: list[Change], sleep: Callable[[float], None]
) -> Generator[Resource, None, list[Resource]]:
    """Carry out changes.

    Args:
        kinds: The kinds of what is changed, by their names.
        todo: The changes.
        sleep: Waits, in the thread that calls, where Ctrl-C ends it.

    Yields:
        What is waited for, again before each further attempt.

    Returns:
        What was done.

    Raises:
        NotYetError: If AWS does not get ready.
        StediError: If it refuses.
    """
    done: list[Resource] = []
    for pause in (*_PAUSES, None):
        answers = side_by_side([partial(_attempt, kinds[c.kind], c) for c in todo])
        done += [answer for answer in answers if isinstance(answer, Resource)]
        early = {
            change: answer
            for change, answer in zip(todo, answers, strict=True)
            if isinstance(answer, NotYetError)
        }
        if not early:
            break
        if pause is None:
            raise next(iter(early.values()))
        for change, answer in early.items():
            yield Resource(change.kind, change.name, WAITING, answer.message)
        sleep(pause)
        todo = list(early)
    return done


def _attempt(kind: Kind, change: Change) -> Resource | NotYetError:
    try:
        return kind.carry_out(change)
    except NotYetError as error:
        return error
