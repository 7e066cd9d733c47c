"""The pages that follow from the code say what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from conftest import CHECKOUT, PROJECT
from test_cli import commands

from stedi_cli.project import model

PAGES: dict[Path, str] = runpy.run_path(str(CHECKOUT / "docs" / "reference.py"))["pages"]()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_as_it_would_be_written_now(page: Path) -> None:
    told = page.read_text("utf-8")
    assert told == PAGES[page], "`make reference` writes it anew"


def test_each_option_of_each_command_is_there() -> None:
    told = (CHECKOUT / "docs" / "options.md").read_text("utf-8")
    for name, command in commands().items():
        section = told.split(f"\n## `stedi {name}`\n")[1].split("\n## ")[0]
        for param in command.params:
            said = param.name if param.param_type_name == "argument" else param.opts[-1]
            assert said in section, (name, said)


def test_each_column_of_each_table_is_there() -> None:
    told = (CHECKOUT / "docs" / "tables.md").read_text("utf-8")
    for table in model.load(PROJECT).tables.values():
        section = told.split(f"\n### `{table.name}`\n")[1].split("\n#")[0]
        assert table.doc in section
        for column in table.columns:
            (row,) = [r for r in section.splitlines() if r.startswith(f"| `{column.name}` |")]
            assert column.doc in row
            assert ("personal" in row) is column.personal
