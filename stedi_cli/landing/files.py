"""The files of a landing table as a set, and whether two sets are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from stedi_cli.landing.file_facts import FileFacts


@dataclass(frozen=True)
class LandingState:
    """A landing table's files and their facts, by file name."""

    files: dict[str, FileFacts]

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the files' names and contents: by its file's name a line is found again."""
        return fingerprint({name: facts.sha256 for name, facts in self.files.items()})

    @property
    def lines(self) -> int:
        """Lines that are not blank, over all files."""
        return sum(facts.lines for facts in self.files.values())


def other_shapes(states: Mapping[str, LandingState]) -> list[str]:
    """Return in words which landing files are no JSON lines, and what to do about each kind.

    Args:
        states: The landing files by table.
    """
    others = {
        table: found
        for table, state in states.items()
        if (found := {file: facts.shape for file, facts in state.files.items() if facts.shape})
    }
    if not others:
        return []
    from stedi_cli.landing.shapes import shapes_said

    return [f"{table}: {said}" for table, found in others.items() for said in shapes_said(found)]


def fingerprint(files: Mapping[str, str]) -> str:
    """Return the digest of files' names and contents, given as digests by name."""
    return _digest(f"{sha256} {name}" for name, sha256 in files.items())


def same_content(files: Mapping[str, FileFacts]) -> list[list[str]]:
    """Return the names of files that hold the same lines, packed or not, a list for each content.

    Empty ones are not among them.
    """
    by_content: dict[str, list[str]] = {}
    for name, facts in sorted(files.items()):
        if facts.lines:
            by_content.setdefault(facts.content or facts.sha256, []).append(name)
    return [names for names in by_content.values() if len(names) > 1]


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()
