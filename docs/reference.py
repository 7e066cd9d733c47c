"""Writes the pages that follow from the code: every option, and every table.

``make reference`` runs it. A test fails where a page is not what it would write.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from stedi_cli.cli.app import app

if TYPE_CHECKING:
    from stedi_cli.project.lakehouse import Lakehouse, Table

DOCS = Path(__file__).parent
_ZONES = {
    "landing": "What is delivered, as it was delivered: JSON lines, one table a folder.",
    "trusted": "Of people who agreed, and nobody else.",
    "curated": "What is looked at, and what models are trained on.",
    "quarantine": "Beside them, about landing lines that cannot be used.",
}


def pages() -> dict[Path, str]:
    """Return the text of each page by its path."""
    from stedi_cli.project import model

    return {
        DOCS / "options.md": _page(options()),
        DOCS / "tables.md": _page(tables(model.load(DOCS.parent))),
    }


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _rows(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |".replace("|  |", "| |") for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# --- Options -----------------------------------------------------------------------------------


def options() -> Iterator[str]:
    """Every command with what its help says."""
    group: Any = typer.main.get_command(app)
    root = typer.Context(group, info_name="stedi")
    yield "# Every option"
    yield (
        "What `--help` says of each command, written from the commands themselves by"
        " `make reference`. [commands.md](commands.md) is the shorter list, with exit codes."
    )
    yield "## `stedi`"
    yield "Options that stand before the command: `stedi --root /data/lake validate`."
    yield from _parameters(group, root)
    for name, command in group.commands.items():
        below = getattr(command, "commands", None) or {}
        within = typer.Context(command, info_name=name, parent=root)
        for words, one in {f"{name} {n}": c for n, c in below.items()}.items() or [(name, command)]:
            yield f"## `stedi {words}`"
            yield from _help(one)
            yield from _parameters(one, within)


def _help(command: Any) -> Iterator[str]:
    text, _, example = inspect.cleandoc(command.help or "").partition("\nExample: ")
    yield text.strip()
    yield f"Example: `{example.strip()}`"


def _parameters(command: Any, context: Any) -> Iterator[str]:
    records = [param.get_help_record(context) for param in command.params]
    # A range that Typer adds by itself stands apart.
    rows = [(f"`{name}`", re.sub(r" {2,}", " ", said)) for name, said in filter(None, records)]
    if rows:
        yield _rows(("argument or option", "meaning"), rows)


# --- Tables ------------------------------------------------------------------------------------


def tables(lakehouse: Lakehouse) -> Iterator[str]:
    """Every table, job and policy of the model."""
    yield "# Tables, jobs and policies"
    yield (
        "Written from [configs/lakehouse.yaml](../configs/lakehouse.yaml) by `make reference`."
        " *Personal* is what identifies a person, an *instant* counts milliseconds since 1970"
        " (UTC), and without a *required* column a landing line goes to quarantine."
    )
    for zone, said in _ZONES.items():
        yield f"## Zone {zone}"
        yield said
        for table in lakehouse.tables.values():
            if table.zone == zone:
                yield from _table(table, lakehouse)
    yield "## Jobs"
    yield "In the order in which they run."
    yield _rows(
        ("job", "reads", "writes", "what it writes"),
        ((f"`{j.name}`", _names(j.reads), f"`{j.writes}`", j.doc) for j in lakehouse.jobs.values()),
    )
    yield "## Policies"
    yield "[policies.md](policies.md) says what each is for."
    yield _rows(
        ("policy", "rules", "checks that it breaks on purpose"),
        ((f"`{p.name}`", p.doc, _names(sorted(p.breaks))) for p in lakehouse.policies.values()),
    )


def _table(table: Table, lakehouse: Lakehouse) -> Iterator[str]:
    yield f"### `{table.name}`"
    said = [table.doc]
    if table.folder:
        said.append(
            f"Folder `{table.folder}`. A run keeps the usable lines in `{table.typed.name}`, an"
            f" Iceberg table with the column `{table.typed.columns[-1].name}` besides."
        )
    if job := lakehouse.writers.get(table.name):
        said.append(f"Made by the job `{job.name}` from {_names(job.reads)}.")
    if table.key:
        said.append(f"No two rows share {_names(table.key)}.")
    if not table.personal:
        said.append("No column may be personal.")
    yield " ".join(said)
    yield _rows(
        ("column", "type", "", "meaning"),
        (
            (f"`{column.name}`", column.type, ", ".join(_marks(table, column)), column.doc)
            for column in table.columns
        ),
    )


def _marks(table: Table, column: Any) -> Iterator[str]:
    if table.zone == "landing" and column.required:
        yield "required"
    if column.personal:
        yield "personal"
    if column.plausible:
        yield "instant"


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
