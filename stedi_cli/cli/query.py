"""``stedi query``: one SELECT over all tables."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.rows import MOST, show_rows
from stedi_cli.cli.session import session


def query(
    ctx: typer.Context,
    sql: Annotated[str, typer.Argument(help="One SELECT, over any of the tables.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run a query over all tables.

    Example: stedi query "SELECT count(*) FROM customer_trusted"
    """
    with session(ctx) as opened:
        with render.busy("Running the query"):
            answer = opened.lake.questions.ask(sql)
        if as_json:
            render.emit_rows(answer.columns, answer.rows)
        else:
            show_rows(answer.columns, list(islice(answer.rows, MOST)))
            if next(answer.rows, None) is not None:
                render.note(f"Only the first {MOST:,} rows are shown; --json prints all.")
        render.show_cost(opened.query_cost)
