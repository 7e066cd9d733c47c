"""How snapshots of a table go through pyiceberg, with the tags and branches that hold them.

Imported late, since pyiceberg costs half a second.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyiceberg.table import Transaction
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.table.update.snapshot import ExpireSnapshots, ManageSnapshots

from stedi_cli.tables.history import RefRemoved, due
from stedi_cli.tables.provenance import Provenance, Snapshot
from stedi_cli.tables.summary import FORGETS


@dataclass(frozen=True)
class Expired:
    """What an expiry took away.

    Args:
        snapshots: Whether there were snapshots to drop.
        refs: Tags and branches that would have kept them.
    """

    snapshots: bool
    refs: tuple[RefRemoved, ...] = ()


def expire(transaction: Transaction, keep: int) -> Expired:
    """Drop the snapshots of a table that are due, within a transaction.

    Args:
        transaction: The transaction.
        keep: Snapshots to keep where none has to go for another reason.
    """
    metadata = transaction.table_metadata
    ordered = sorted(metadata.snapshots, key=lambda s: s.sequence_number or 0)
    old = {s.id for s in due([*map(_plain, ordered)], metadata.current_snapshot_id, keep)}
    if not old:
        return Expired(snapshots=False)
    held = {
        name: str(ref.snapshot_ref_type.value)
        for name, ref in metadata.refs.items()
        if ref.snapshot_id in old and name != MAIN_BRANCH
    }
    for name in held:
        # Tags and branches are removed in the same words.
        ManageSnapshots(transaction).remove_tag(name).commit()
    ExpireSnapshots(transaction).by_ids([*old]).commit()
    table = transaction._table.name()[-1]
    return Expired(True, tuple(RefRemoved(table, kind, name) for name, kind in held.items()))


def _plain(snapshot: IcebergSnapshot) -> Snapshot:
    summary = snapshot.summary.additional_properties if snapshot.summary else {}
    return Snapshot(
        snapshot.snapshot_id,
        snapshot.timestamp_ms,
        None,
        Provenance.from_summary(summary),
        forgets=FORGETS in summary,
    )
