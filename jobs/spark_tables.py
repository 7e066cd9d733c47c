"""Iceberg tables on Spark: written in one commit each, and what has to go of their history."""

from __future__ import annotations

import json
import uuid
from functools import cached_property
from itertools import pairwise
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that PySpark's users know
from pyspark.sql.types import DoubleType, LongType, StringType, StructField, StructType

TYPES = {"string": StringType(), "long": LongType(), "double": DoubleType()}
PART_BYTES = 64 << 20
"""Bytes of landing files that go into one data file, unless that leaves a processor idle."""
FORGETS = "stedi.forgets"
"""The property of a snapshot before which no other may stay; see stedi_cli/tables/history.py."""


def schema_of(table: dict[str, Any]) -> StructType:
    """Return a table's columns as Spark's schema, with their documentation."""
    return StructType(
        [
            StructField(c["name"], TYPES[c["type"]], True, {"comment": c["doc"]})
            for c in table["columns"]
        ]
    )


class Tables:
    """The lakehouse's Iceberg tables, as the model has them.

    Args:
        spark: The session.
        model: The tables.
        request: The request.
    """

    def __init__(self, spark: SparkSession, model: dict[str, Any], request: dict[str, Any]) -> None:
        self.spark = spark
        self.request = request
        self.model = model["tables"]
        self.stray = tuple(model["stray"])
        self.data_path = str(model["data_path"])
        self.database = f"{request['catalog']}.{request['namespace']}"
        spark.sql(f"USE {self.database}")

    def replace(self, name: str, rows: DataFrame, summary: dict[str, Any]) -> None:
        """Replace a table in one commit, with its provenance in the snapshot's summary."""
        table = self.model[name]
        documented = rows.select(
            *(
                F.col(c["name"]).alias(c["name"], metadata={"comment": c["doc"]})
                for c in table["columns"]
            )
        )
        writer = documented.writeTo(name).using("iceberg")
        for key, value in table["properties"].items():
            writer = writer.tableProperty(key, value)
        # By these properties no value of a column stands in the new manifests.
        summary = {**summary, "metrics": "counts"}
        history = self.history(name)
        if history is not None:
            history.drop_stray()
            if not history.counts_only() <= {True}:
                summary["forgets"] = "true"
        for key, value in summary.items():
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            writer = writer.option(f"snapshot-property.stedi.{key}", text)
        writer.createOrReplace()

    def files(self, name: str) -> dict[str, Any]:
        """Return the data files of a table's current snapshot by their places."""
        history = self.history(name)
        if history is None or history.current is None:
            return {}
        tasks = listed(history.table.newScan().includeColumnStats().planFiles())
        files = [task.file() for task in tasks]
        return {str(file.location()): file for file in files}

    def replacement(self, name: str, data: str | None = None) -> Any:
        """Begin to replace a table by what `finish` puts into it, or to make it.

        No statement of SQL lets files stay and others go without a trace: each leaves those that
        go as DELETED entries in manifests.

        Args:
            name: The table.
            data: URI of a folder to write data files into that are not the table's.
        """
        table, history = self.model[name], self.history(name)
        if history is not None:
            history.drop_stray()
        properties = dict(table["properties"])
        location = properties.pop("location")
        properties |= {self.data_path: data} if data else {}
        fields = [
            {"id": k, "name": c["name"], "required": False, "type": c["type"], "doc": c["doc"]}
            for k, c in enumerate(table["columns"], start=1)
        ]
        iceberg = self.spark._jvm.org.apache.iceberg  # type: ignore[union-attr]
        schema = {"type": "struct", "schema-id": 0, "fields": fields}
        catalog = iceberg.spark.Spark3Util.loadIcebergCatalog(
            self.spark._jsparkSession, self.request["catalog"]
        )
        change = catalog.newReplaceTableTransaction(
            iceberg.catalog.TableIdentifier.parse(f"{self.request['namespace']}.{name}"),
            iceberg.SchemaParser.fromJson(json.dumps(schema)),
            iceberg.PartitionSpec.unpartitioned(),
            location,
            properties,
            True,
        )
        # A column keeps the id that it had, which files that hold none are read by.
        columns = listed(change.table().schema().columns())
        mapping = [{"field-id": int(c.fieldId()), "names": [str(c.name())]} for c in columns]
        text = json.dumps(mapping, separators=(",", ":"))
        change.updateProperties().set("schema.name-mapping.default", text).commit()
        return change

    def written(self, table: Any, rows: DataFrame) -> list[Any]:
        """Write rows into data files of a table that no snapshot has, as Iceberg's rewrites do."""
        spark = self.spark._jvm.org.apache.iceberg.spark  # type: ignore[union-attr]
        cache, coordinator = self._table_cache(), spark.FileRewriteCoordinator.get()
        group = str(uuid.uuid4())
        cache.add(group, table)
        try:
            # What is saved under the name of a group goes to its table. Before Iceberg 1.11 the
            # option alone said that nothing is to be committed.
            writer = rows.write.format("iceberg").mode("append")
            writer.option("rewritten-file-scan-task-set-id", group).save(group)
            return listed(coordinator.fetchNewFiles(table, group))
        finally:
            coordinator.clearRewrite(table, group)
            cache.remove(group)

    def _table_cache(self) -> Any:
        """Return Iceberg's one cache of tables.

        It has two methods of the name `get`. py4j takes the one that Java lists first, in an order
        that is another with other options, and calls it static or not at all.
        """
        jvm, gateway = self.spark._jvm, self.spark.sparkContext._gateway
        assert jvm is not None and gateway is not None
        loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
        name = "org.apache.iceberg.spark.SparkTableCache"
        found = jvm.java.lang.Class.forName(name, True, loader)
        get = found.getMethod("get", gateway.new_array(jvm.java.lang.Class, 0))
        return get.invoke(None, gateway.new_array(jvm.java.lang.Object, 0))

    def finish(self, change: Any, files: list[Any], summary: dict[str, str]) -> None:
        """Commit that a table consists of some data files and of nothing else.

        Args:
            change: What `replacement` began.
            files: The data files, whether they are in the current snapshot or not.
            summary: Properties of the new snapshot.
        """
        append = change.newFastAppend()
        sizes = {str(f.location()).rpartition("/")[2]: int(f.fileSizeInBytes()) for f in files}
        told = {"stedi.metrics": "counts", "stedi.files": json.dumps(sizes, sort_keys=True)}
        for key, value in {**summary, **told}.items():
            append.set(key, value)
        for file in files:
            append.appendFile(file)
        append.commit()
        change.commitTransaction()

    def put(self, table: Any, uri: str, content: bytes) -> None:
        """Write a file by the means that a table's own files are written by."""
        stream = table.io().newOutputFile(uri).createOrOverwrite()
        stream.write(bytearray(content))
        stream.close()

    def read(self, name: str, uri: str) -> bytes:
        """Return what a file holds, by the means that a table's own files are read by."""
        history = self.history(name)
        if history is None:
            raise ValueError(f"There is no table {name}")
        return content_of(history.table, uri)

    def expire(self, name: str) -> None:
        """Drop a table's snapshots that are due with their files, and the refs that hold them."""
        keep = self.request["keep"]
        history = self.history(name) if keep is not None else None
        old = history.due(keep, self.request.get("spare_ms", 0)) if history else []
        if history is None or not old:
            return
        history.release(old)
        # Iceberg drops by age too, unless it is given one that nothing has.
        gone = self.spark.sql(
            f"CALL {self.request['catalog']}.system.expire_snapshots("
            f"table => '{self.database}.{name}',"
            f" snapshot_ids => ARRAY({', '.join(map(str, old))}),"
            " older_than => TIMESTAMP '1970-01-01 00:00:00')"
        ).collect()[0]["deleted_manifest_lists_count"]
        # Of files that it may not delete, Iceberg says nothing but in its log.
        if gone < len(old):
            place = self.model[name]["properties"]["location"]
            raise RuntimeError(f"s3:DeleteObject failed for files of old snapshots below {place}")

    def snapshot(self, name: str) -> tuple[int, int]:
        """Return the id of a table's current snapshot, and its number of rows."""
        history = self.history(name)
        if history is None or history.current is None:
            return 0, 0
        return int(history.current.snapshotId()), int(history.summary.get("total-records") or 0)

    def history(self, name: str) -> History | None:
        """Return a table's snapshots; None where there is no such table."""
        full = f"{self.database}.{name}"
        if not self.spark.catalog.tableExists(full):
            return None
        iceberg = self.spark._jvm.org.apache.iceberg.spark.Spark3Util  # type: ignore[union-attr]
        table = iceberg.loadIcebergTable(self.spark._jsparkSession, full)
        return History(table, self.stray)


class History:
    """A table's snapshots, through Iceberg's own API: a query of them would start a Spark job.

    Args:
        table: Iceberg's table.
        unwanted: How the names of properties begin that no table may have.
    """

    def __init__(self, table: Any, unwanted: tuple[str, ...]) -> None:
        self.table = table
        self.unwanted = unwanted
        self.current = table.currentSnapshot()
        self.summary = dict(self.current.summary()) if self.current is not None else {}

    @cached_property
    def snapshots(self) -> list[Any]:
        """All of them, oldest first, the current one last, whatever a branch holds."""
        found = sorted(listed(self.table.snapshots()), key=lambda s: s.sequenceNumber())
        current = self.current.snapshotId() if self.current is not None else None
        return sorted(found, key=lambda s: s.snapshotId() == current)

    def stray(self) -> list[str]:
        """Return the properties that are to be taken away."""
        return [name for name in dict(self.table.properties()) if name.startswith(self.unwanted)]

    def drop_stray(self) -> None:
        """Take away what another engine set: a replace keeps properties."""
        stray = self.stray()
        if stray:
            update = self.table.updateProperties()
            for name in stray:
                update.remove(name)
            update.commit()

    def counts_only(self) -> set[bool]:
        """Return whether snapshots are known to hold no value of a column in their manifests."""
        return {s.summary().get("stedi.metrics") == "counts" for s in self.snapshots}

    def may_tell_values(self, wanted: dict[str, str]) -> bool:
        """Tell whether values may stand in manifests, as `stedi_cli/tables/metrics.py` does."""
        marks, found = self.counts_only(), self.table.properties()
        asked = [key for key in wanted if key.startswith("write.metadata.metrics.")]
        rightly_set = all(found.get(key) == wanted[key] for key in asked) and not self.stray()
        return len(marks) > 1 or (bool(marks) and not rightly_set)

    def due(self, keep: int, spare_ms: int) -> list[int]:
        """Return the ids of those that have to go, and of those beyond a number.

        Args:
            keep: How many are kept, the current one included.
            spare_ms: One beyond that number stays too, while it was current so long ago or less:
                somebody may be reading it.
        """
        forgetting = [k for k, s in enumerate(self.snapshots) if FORGETS in s.summary()]
        overdue = self.snapshots[: forgetting[-1]] if forgetting else []
        rest = self.snapshots[len(overdue) : -1]
        now = self.snapshots[-1].timestampMillis()
        ended = {s.snapshotId(): after.timestampMillis() for s, after in pairwise(self.snapshots)}
        beyond = rest[: max(0, len(rest) - (keep - 1))]
        old = overdue + [s for s in beyond if ended[s.snapshotId()] <= now - spare_ms]
        return [int(snapshot.snapshotId()) for snapshot in old]

    def release(self, old: list[int]) -> None:
        """Remove the tags and branches that would keep some snapshots."""
        for name, ref in dict(self.table.refs()).items():
            if int(ref.snapshotId()) in old and name != "main":
                manage = self.table.manageSnapshots()
                (manage.removeBranch if ref.isBranch() else manage.removeTag)(name).commit()


def content_of(table: Any, uri: str) -> bytes:
    """Return what a file holds, by the means that a table's own files are read by."""
    stream = table.io().newInputFile(uri).newStream()
    try:
        return bytes(stream.readAllBytes())
    finally:
        stream.close()


def in_parts(rows: DataFrame, size: int) -> DataFrame:
    """Return rows as they are written, in a file for so many bytes of what they are read from."""
    most = rows.sparkSession.sparkContext.defaultParallelism
    return rows.coalesce(max(1, min(most, size // PART_BYTES)))


def rows_in(files: list[Any]) -> int:
    """Return the rows of data files."""
    return sum(int(file.recordCount()) for file in files)


def listed(iterable: Any) -> list[Any]:
    """Return what a Java iterable gives."""
    found, iterator = [], iterable.iterator()
    while iterator.hasNext():
        found.append(iterator.next())
    return found
