"""What the jobs would find changed, and so build again."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.tables.recipes import Changed

_RUN = "Run `stedi jobs run --all`."


def stale_problems(
    lakehouse: Lakehouse,
    changes: Mapping[str, Changed],
    said: Collection[str],
    unread: list[str],
) -> list[str]:
    """Return in words what changed since the tables were built.

    Args:
        lakehouse: The model.
        changes: What changed since, by the table built.
        said: The tables of which a change is told already.
        unread: Landing tables that no run has read as they are now, as far as that is known.
    """
    inputs = {*unread, *(name for changed in changes.values() for name in changed.inputs)}
    landing = [name for name in lakehouse.landing if name in inputs]
    tables = [name for name in lakehouse.writers if name in inputs and name not in said]
    sql = [name for name, changed in changes.items() if changed.sql]
    model = [name for name, changed in changes.items() if changed.model]
    found: list[str] = []
    if landing:
        found.append(f"No run has read {', '.join(landing)} as it is now. {_RUN}")
    if tables:
        found.append(
            f"Built again since other tables were built from them: {', '.join(tables)}. {_RUN}"
        )
    if sql:
        found.append(f"The SQL changed since these were built: {', '.join(sql)}. {_RUN}")
    if model:
        found.append(f"The model changed since these were built: {', '.join(model)}. {_RUN}")
    return found
