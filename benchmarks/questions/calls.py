"""How many calls does AWS get?"""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmarks.process import helper, output_of
from benchmarks.report import Goal, Section, table
from benchmarks.workshop import Workshop

_UP_TO_DATE = "infra up, up to date"


def sections(workshop: Workshop) -> Iterator[Section]:
    """Count the calls of each command."""
    counts = json.loads(output_of(helper("benchmarks.calls"), workshop.work))
    section = Section(
        "Calls on AWS",
        "HTTP requests of each command on the sample, counted by the sandbox that the tests run"
        " in. “Twice” counts those with the same content as an earlier one: waiting for a query,"
        " and looking again at what was made or removed.",
    )
    rows = [
        (f"`{c['title']}`", *(f"{c[key]}" for key in ("reads", "writes", "twice"))) for c in counts
    ]
    section.parts.append(table(["command", ">reads", ">writes", ">twice"], rows))
    found = {c["title"]: c for c in counts}[_UP_TO_DATE]
    section.judge(f"`{_UP_TO_DATE}`", Goal("at most 25 reads", 25, ""), found["reads"])
    section.judge(f"`{_UP_TO_DATE}`", Goal("no write", 0, ""), found["writes"])
    yield section
