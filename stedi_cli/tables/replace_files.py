"""A snapshot of some files alone, in one commit, of which no trace of the others is left.

Imported late, since pyiceberg costs half a second. Built on pyiceberg's own producer of snapshots,
which is private: its overwrites write the files that go as DELETED entries, with their bounds.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

from pyiceberg.table.snapshots import Summary
from pyiceberg.table.update.snapshot import _SnapshotProducer

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestEntry, ManifestFile


class ReplaceFiles(_SnapshotProducer["ReplaceFiles"]):
    """A snapshot of the given files, and of those of the parent's that are kept, alone.

    The manifests of what it replaces are left out rather than rewritten with DELETED entries,
    since these would keep the old files' column bounds.
    """

    kept: Collection[str] = ()

    def _deleted_entries(self) -> list[ManifestEntry]:
        return []

    def _existing_manifests(self) -> list[ManifestFile]:
        if not self._kept_entries:
            return []
        with self.new_manifest_writer(self._transaction.table_metadata.spec()) as writer:
            for entry in self._kept_entries:
                writer.existing(entry)
        return [writer.to_manifest_file()]

    @cached_property
    def _kept_entries(self) -> list[ManifestEntry]:
        current = self._transaction.table_metadata.current_snapshot()
        manifests = current.manifests(self._io) if current and self.kept else []
        found = [
            entry
            for manifest in manifests
            for entry in manifest.fetch_manifest_entry(self._io, discard_deleted=True)
            if entry.data_file.file_path in self.kept
        ]
        if len(found) != len(self.kept):
            raise ValueError("a file that is to be kept is not in the current snapshot")
        return found

    def _summary(self, snapshot_properties: dict[str, str] = {}) -> Summary:  # noqa: B006
        # Totals are those of these files, not of the new ones added to the parent's.
        parent, self._parent_snapshot_id = self._parent_snapshot_id, None
        try:
            summary = super()._summary(snapshot_properties)
        finally:
            self._parent_snapshot_id = parent
        files = [entry.data_file for entry in self._kept_entries]
        for total, kept in (
            ("total-data-files", len(files)),
            ("total-records", sum(file.record_count for file in files)),
            ("total-files-size", sum(file.file_size_in_bytes for file in files)),
        ):
            summary[total] = str(int(summary[total] or 0) + kept)
        return summary
