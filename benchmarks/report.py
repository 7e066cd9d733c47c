"""Tables and verdicts, and the file that they are written to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.turns import Results, cpu, memory, seconds, temp

Row = Sequence[str]


@dataclass(frozen=True)
class Goal:
    """What is to be reached.

    Args:
        text: In words.
        limit: The value to reach.
        unit: ``s``, ``x``, ``MB``, ``%``, or an empty text for a count.
        most: What is allowed at the most, where that is more than the goal.
        at_least: Whether more is better.
    """

    text: str
    limit: float
    unit: str
    most: float | None = None
    at_least: bool = False

    def shown(self, value: float) -> str:
        """Return a value with the goal's unit."""
        if self.unit == "MB":
            return f"{value:,.0f} MB"
        if self.unit == "%":
            return f"{value:.1f} %"
        if not self.unit:
            return f"{value:.0f}"
        return f"{value:.2f}x" if self.unit == "x" else f"{value:.2f} {self.unit}"

    def verdict(self, value: float) -> str:
        """Say whether a value reaches the goal, and by how much it does not."""
        over = self.limit - value if self.at_least else value - self.limit
        if over <= 0:
            return "reached"
        said = f"missed by {self.shown(over)}"
        return f"{said}, within the most" if self.most is not None and value <= self.most else said


@dataclass(frozen=True)
class Judgement:
    """A goal beside what was measured."""

    question: str
    goal: Goal
    value: float
    detail: str = ""

    @property
    def reached(self) -> bool:
        """Whether the goal is reached."""
        return self.goal.verdict(self.value) == "reached"

    def row(self) -> Row:
        """Return the row of the summary."""
        measured = self.goal.shown(self.value) + (f" ({self.detail})" if self.detail else "")
        verdict = self.goal.verdict(self.value)
        return (
            self.question,
            self.goal.text,
            measured,
            verdict if self.reached else f"**{verdict}**",
        )


@dataclass
class Section:
    """The answer to a question.

    Args:
        title: The question.
        how: What was measured, and how.
        parts: Markdown below it: tables and notes.
        judgements: The goals that it is about.
        profile: Markdown below these: where the time goes.
    """

    title: str
    how: str
    parts: list[str] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    profile: list[str] = field(default_factory=list)

    @property
    def missed(self) -> bool:
        """Whether a goal is not reached."""
        return not all(judgement.reached for judgement in self.judgements)

    def judge(self, question: str, goal: Goal, value: float, detail: str = "") -> None:
        """Add a goal beside what was measured."""
        self.judgements.append(Judgement(question, goal, value, detail))

    def text(self) -> str:
        """Return the section as Markdown."""
        parts = [f"## {self.title}", self.how.strip(), *self.parts]
        if self.judgements:
            parts.append(summary([self]))
        if self.profile:
            parts += ["A goal is missed. This is where the time goes:", *self.profile]
        return "\n\n".join(parts)


def summary(sections: Sequence[Section]) -> str:
    """Return the table of all goals."""
    rows = [judgement.row() for section in sections for judgement in section.judgements]
    return table(["", "goal", "measured", "verdict"], rows)


def table(header: Row, rows: Sequence[Row]) -> str:
    """Return a Markdown table; a header that begins with ``>`` is a column of numbers."""
    rules = ["---:" if name.startswith(">") else "---" for name in header]
    lines = [[name.removeprefix(">") for name in header], rules, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def contenders_table(
    results: Results, base: str, *, with_temp: bool = False, time_only: bool = False
) -> str:
    """Return what each contender took, beside the one that the others are compared with.

    Args:
        results: What each run took.
        base: The contender that the others are compared with.
        with_temp: Whether temporary disk was watched.
        time_only: Whether processor time and memory are left out, as where a contender leaves
            a process behind that the kernel does not count.
    """
    header = ["", ">seconds", ">from–to", f">x {base}", ">by turns"]
    header += [] if time_only else [">CPU s", ">peak MB"]
    rows: list[list[str]] = []
    for name, runs in results.runs.items():
        times = [run.seconds for run in runs]
        row = [
            name,
            f"{results.of(name, seconds):.3f}",
            f"{min(times):.2f}–{max(times):.2f}",
            f"{results.ratio(name, base, seconds):.2f}",
            f"{results.pairwise(name, base, seconds):.2f}",
        ]
        if not time_only:
            row += [f"{results.of(name, cpu):.2f}", f"{results.of(name, memory):,.0f}"]
        rows.append([*row, f"{results.of(name, temp):,.0f}"] if with_temp else row)
    return table([*header, ">temporary MB"] if with_temp else header, rows)


def document(sections: Sequence[Section], machine: str) -> str:
    """Return the whole file."""
    parts = [
        "# Benchmark results",
        "Written by `make bench` (`python -m benchmarks`), from one run on one machine.",
        machine,
        "Each figure is the median of whole processes, from start to exit, in turns (A B C A B C"
        " …) after a first turn that does not count. “x A” is the ratio of the medians, “by turns”"
        " the median of the ratios of runs of the same turn. Memory is the peak that the kernel"
        " reports for the process (MB of 1,000,000 bytes). “1x” is generated data with as many"
        " customers as the public data set, 956. “Within the most” means: worse than the goal, but"
        " not than what is allowed at the most.",
        "## Goals",
        summary(sections),
        *(section.text() for section in sections),
    ]
    return "\n\n".join(parts) + "\n"
