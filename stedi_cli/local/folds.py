"""A table in folds: by people, in random order, without whoever they are."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stedi_cli.durable import sync
from stedi_cli.errors import BadDataError, UsageError, quantity
from stedi_cli.lake.records import Fold, Folded, Question
from stedi_cli.local.access import private, users_own
from stedi_cli.local.place import Place
from stedi_cli.local.questions import Questions
from stedi_cli.project.lakehouse import STRICT, Table
from stedi_cli.sql import identifier, literal, parquet

if TYPE_CHECKING:
    from stedi_cli.local.engine import Engine

_PERSON = "person"
# What no column of a model can be called.
_OWNER, _FOLD = '"person of the row"', '"fold of the row"'
# Hexadecimal digits of a hash that a 64-bit integer holds whatever its sign.
_DIGITS = 15


class Folds:
    """Writes tables in folds.

    Args:
        place: The lakehouse.
        questions: Reads its tables.
    """

    def __init__(self, place: Place, questions: Questions) -> None:
        self._place = place
        self._questions = questions

    @private
    def export(
        self,
        table: str,
        folder: Path,
        folds: int,
        seed: int,
        *,
        force: bool = False,
        tell: Callable[[Folded], object] | None = None,
    ) -> Folded:
        import duckdb

        from stedi_cli.local.engine import query_error
        from stedi_cli.questions.export_folder import exported_folder, refuse_folder
        from stedi_cli.questions.statement import one_select

        refuse_folder(folder, force=force)
        model = self._place.lakehouse
        found = model.table(table)
        question = self._persons(found)
        with question.blamed():
            query = one_select(question.sql, model.tables)
        engine = self._questions.engine(query.tables | {found.name})
        try:
            with question.blamed():
                try:
                    owned = _owned(engine, found, query.text, folds, seed)
                except duckdb.Error as error:
                    raise query_error(error) from error
            _refuse_others(engine, found, owned, question)
            files = _written(engine, found, owned, folds, seed)
        except duckdb.Error as error:
            raise query_error(error) from error
        done = Folded(table, folder, seed, tuple(fold for _, fold in files))
        with users_own(), exported_folder(folder, force=force) as staged:
            for path, fold in files:
                shutil.copyfile(path, staged / fold.file)
                sync(staged / fold.file)
            sync(staged)
            if tell is not None:
                tell(done)
        return done

    def _persons(self, table: Table) -> Question:
        """Return the SQL that says whose each row is, of the policy that the table is of."""
        self._questions.begin()
        state = self._place.tables.states().get(table.name)
        made = state.current.provenance if state and state.current else None
        found = self._place.lakehouse.persons(table, made.policy if made else STRICT)
        if found is None:
            raise UsageError(
                f"Whose the rows of {table.name} are is not known: it has no file in jobs/folds/.",
                hint=f"Write jobs/folds/{table.name}.sql: the person first, then the table's rows.",
            )
        return Question(found.sql, found.file)


def _key(seed: int, use: str) -> str:
    """Return a key, of one length whatever the seed, so that what follows it stays apart."""
    return literal(hashlib.sha256(f"{use} {seed}".encode()).hexdigest())


def _owned(engine: Engine, table: Table, sql: str, folds: int, seed: int) -> Path:
    """Write each row with its person and fold to a file of the engine's own."""
    names = [column.name for column in table.columns]
    given = engine.columns_of(sql)
    if [name.lower() for name in given] != [_PERSON, *(name.lower() for name in names)]:
        raise UsageError(f"its columns have to be {', '.join([_PERSON, *names])}, in that order.")
    columns = ", ".join(map(identifier, names))
    # A person's fold follows from the person and the seed alone: whoever else comes or goes.
    digits = f"left(sha256({_key(seed, 'fold')} || {_OWNER}), {_DIGITS})"
    path = engine.temp / "owned.parquet"
    engine.copy(
        f"SELECT {_OWNER}, {columns}, ('0x' || {digits})::BIGINT % {folds} + 1 AS {_FOLD}"
        f" FROM ({sql}\n) AS owned({_OWNER}, {columns})",
        path,
    )
    return path


def _refuse_others(engine: Engine, table: Table, owned: Path, question: Question) -> None:
    """Raise BadDataError unless the rows are those of the table, and each is somebody's."""
    columns = ", ".join(identifier(column.name) for column in table.columns)
    both = (
        f"SELECT {columns}, 1 AS there FROM {identifier(table.name)}"
        f" UNION ALL SELECT {columns}, -1 FROM {parquet([owned])}"
    )
    grouped = f"SELECT abs(sum(there)) AS off FROM ({both}) GROUP BY {columns}"
    differing = engine.execute(f"SELECT coalesce(sum(off), 0) FROM ({grouped})")[0][0]
    if differing:
        raise BadDataError(
            quantity(
                int(differing),
                f"row of {table.name} is none that {question.file} gives.",
                f"rows of {table.name} are not those that {question.file} gives.",
            ),
            hint="Run `stedi jobs run --all`; then, if it still says so, mend that SQL.",
        )
    nobodys = f"SELECT count(*) FROM {parquet([owned])} WHERE coalesce({_OWNER}, '') = ''"
    if count := engine.execute(nobodys)[0][0]:
        raise BadDataError(
            quantity(count, f"row of {table.name} is", f"rows of {table.name} are")
            + f" nobody's, says {question.file}.",
            hint="Mend that SQL: a row of nobody can be in no fold.",
        )


def _written(
    engine: Engine, table: Table, owned: Path, folds: int, seed: int
) -> list[tuple[Path, Fold]]:
    """Write a file a fold, without persons or personal columns, in an order that tells nothing."""
    from stedi_cli.questions.export_folder import fold_name

    source = parquet([owned])
    counted = engine.execute(f"SELECT {_FOLD}, count(DISTINCT {_OWNER}) FROM {source} GROUP BY 1")
    people: dict[int, int] = dict(counted)
    columns = ", ".join(identifier(c.name) for c in table.columns if not c.personal)
    order = f"sha256(concat_ws('|', {_key(seed, 'order')}, {columns}))"
    files = []
    for number in range(1, folds + 1):
        name = fold_name(number, folds)
        select = f"SELECT {columns} FROM {source} WHERE {_FOLD} = {number} ORDER BY {order}"
        rows = engine.copy(select, engine.temp / name)
        files.append((engine.temp / name, Fold(name, rows, people.get(number, 0))))
    return files
