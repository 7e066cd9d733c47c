"""Who may read a local lakehouse: everything that it is made of is made under one mask.

DuckDB, pyiceberg, SQLite and Spark open files by themselves, so the mask of this process is set,
while it works on a lakehouse and no longer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast

from stedi_cli.project.settings import LocalSettings

P = ParamSpec("P")
T = TypeVar("T")

_MASKS = {"owner": 0o077, "group": 0o027}
# What was in force before, outermost first.
_before: list[int] = []


def mask_of(settings: LocalSettings) -> int:
    """Return the mask that a lakehouse's files and folders are made under."""
    return _MASKS[settings.access]


def private(method: Callable[P, T]) -> Callable[P, T]:
    """Let a method make files under its lakehouse's mask; of a generator, each of its steps.

    The first argument is the lakehouse's place, or an object that has it in ``_place``.
    """

    @wraps(method)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        place = getattr(args[0], "_place", args[0])
        mask = mask_of(cast("Any", place).settings)
        with _masked(mask):
            result = method(*args, **kwargs)
        return cast("T", _steps(mask, result)) if isinstance(result, Generator) else result

    return run


@contextmanager
def users_own() -> Iterator[None]:
    """Make a file that is no part of the lakehouse, under the user's mask."""
    if not _before:
        yield
        return
    with _masked(_before[0]):
        yield


@contextmanager
def _masked(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    _before.append(before)
    try:
        yield
    finally:
        _before.pop()
        os.umask(before)


def _steps(mask: int, inner: Generator[Any]) -> Generator[Any]:
    step: Callable[[], Any] = partial(next, inner)
    try:
        while True:
            with _masked(mask):
                try:
                    item = step()
                except StopIteration:
                    return
            step = partial(next, inner)
            try:
                yield item
            except GeneratorExit:
                raise
            except BaseException as error:
                step = partial(inner.throw, error)
    finally:
        with _masked(mask):
            inner.close()
