"""A landing table's usable lines as one SELECT in Athena's dialect.

The Hive JSON SerDe fails at the first line that it cannot read, so checks read the lines as text
and judge them by the landing contract. What SQL cannot judge as the contract does (a lone carriage
return inside a line, which ends it for Athena; bare NaN in unknown keys) is found by its count,
which :mod:`stedi_cli.checks.validation` compares with that of the run.
"""

from __future__ import annotations

from stedi_cli.landing.contract import NUMBER
from stedi_cli.project.lakehouse import Column, Table
from stedi_cli.sql import identifier, literal
from stedi_cli.tables.ddl import lines_table

# Numbers may be written as texts.
_NUMBER = f"^{NUMBER}$"
_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_SURROGATE = r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
# Beyond it a float is no 64-bit integer.
_LARGEST = "9.2233720368547748e18"


def usable_lines(table: Table) -> str:
    """Return a SELECT of a landing table's usable lines.

    Args:
        table: The landing table.

    Returns:
        The query; its columns are those of the table.
    """
    columns = ",\n".join(f"  {_value(c)} AS {identifier(c.name)}" for c in table.columns)
    texts = ",\n".join(
        f"    {_given(c)} AS {_flag(c)}, {_text(c)} AS {identifier(c.name)}" for c in table.columns
    )
    usable = "\n  AND ".join(_usable(column) for column in table.columns)
    return (
        f"SELECT\n{columns}\nFROM (\n  SELECT\n{texts}\n"
        f"  FROM (\n{_members(table)}\n  ) parsed\n) given\nWHERE {usable}"
    )


def _members(table: Table) -> str:
    """Return a SELECT of the members of every line that is one object and nothing else."""
    once = "\n      AND ".join(
        f"cardinality(regexp_extract_all(line, {literal(_key(c))})) < 2" for c in table.columns
    )
    # Bytes that are no UTF-8 would be replaced in silence.
    return (
        "    SELECT try_cast(try(json_parse(line)) AS map(varchar, json)) AS members\n"
        f"    FROM {identifier(lines_table(table.name))}\n"
        f"    WHERE {once}\n"
        "      AND to_utf8(from_utf8(to_utf8(line))) = to_utf8(line)\n"
        f"      AND NOT regexp_like(regexp_replace(line, {literal(_PAIR)}), {literal(_SURROGATE)})"
    )


def _key(column: Column) -> str:
    return rf'"{column.name}"\s*:'


def _flag(column: Column) -> str:
    return identifier(f"{column.name} given")


def _member(column: Column) -> str:
    return f"element_at(members, {literal(column.name)})"


def _given(column: Column) -> str:
    return f"coalesce(json_format({_member(column)}) <> 'null', false)"


def _text(column: Column) -> str:
    """Return a member as text; NULL for an object or array, and where it is not given."""
    return f"try_cast({_member(column)} AS varchar)"


def _value(column: Column) -> str:
    name = identifier(column.name)
    if column.type == "string":
        return name
    if column.type == "double":
        float_ = _float(name)
        return f"CASE WHEN is_finite({float_}) THEN {float_} END"
    if column.plausible is None:
        return _integer(name)
    least, end = column.plausible.start, column.plausible.stop
    return f"CASE WHEN {_integer(name)} BETWEEN {least} AND {end - 1} THEN {_integer(name)} END"


def _number(name: str) -> str:
    return f"regexp_extract({name}, {literal(_NUMBER)}, 1)"


def _float(name: str) -> str:
    return f"try_cast({_number(name)} AS double)"


def _integer(name: str) -> str:
    float_ = _float(name)
    whole = f"{float_} = floor({float_}) AND abs({float_}) < {_LARGEST}"
    return (
        f"coalesce(try_cast({_number(name)} AS bigint),"
        f" CASE WHEN {whole} THEN try_cast({float_} AS bigint) END)"
    )


def _usable(column: Column) -> str:
    is_value = f"{_value(column)} IS NOT NULL"
    if column.required:
        return is_value
    # In an optional instant 0 means not given.
    zero = f" OR {_integer(identifier(column.name))} = 0" if column.plausible else ""
    return f"({is_value} OR NOT {_flag(column)}{zero})"
