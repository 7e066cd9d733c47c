"""``stedi query``: one SELECT over all tables."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from stedi_cli.cli import render
from stedi_cli.cli.rows import MOST, show_rows
from stedi_cli.cli.session import session
from stedi_cli.errors import UsageError

_LARGEST = 1 << 20


class SqlCommand(TyperCommand):
    """A command whose argument may be SQL that begins with a comment, and so like an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command's options and arguments."""
        return super().parse_args(
            ctx, [f"\n{arg}" if arg.startswith("--") and "\n" in arg else arg for arg in args]
        )


def query(
    ctx: typer.Context,
    sql: Annotated[
        str | None, typer.Argument(help="One SELECT, over any of the tables; - reads it.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A file that holds it.", metavar="<path>")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run a query over all tables.

    With - it is read from standard input. SHOW TABLES lists the tables.

    Example: stedi query "SELECT count(*) FROM customer_trusted"
    """
    from stedi_cli.questions.show_tables import without_show_tables

    text = _text(sql, file)
    with session(ctx) as opened:
        with render.busy("Running the query"):
            asked = without_show_tables(text, opened.lakehouse.tables)
            answer = opened.lake.questions.ask(asked)
        if as_json:
            render.emit_rows(answer.columns, answer.rows)
        else:
            show_rows(answer.columns, list(islice(answer.rows, MOST)))
            if next(answer.rows, None) is not None:
                render.note(f"Only the first {MOST:,} rows are shown; --json prints all.")
        for note in answer.notes:
            render.note(note)
        render.show_cost(opened.query_cost)


def _text(sql: str | None, file: Path | None) -> str:
    """Return the SQL that was given, in one of the three ways."""
    if (sql is None) == (file is None):
        raise UsageError(
            "A query is one SQL text.",
            hint='Give it as in `stedi query "SELECT …"`, by --file, or by - on standard input.',
        )
    if sql is not None and sql != "-":
        return sql
    try:
        if file is not None and str(file) != "-":
            with file.open("rb") as stream:
                content = stream.read(_LARGEST + 1)
        else:
            content = sys.stdin.buffer.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise UsageError("The SQL has more than 1 MiB.", hint="Give a shorter one.")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"Cannot read {file or 'standard input'}: {error.strerror}.",
            hint="Name a file that holds one SELECT.",
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file or 'Standard input'} is not UTF-8 text.", hint="Write it as UTF-8."
        ) from error
