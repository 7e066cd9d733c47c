"""What starts Spark on this machine: its command line, and what has to be there for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from stedi_cli.local.access import mask_of
from stedi_cli.local.catalog_file import CATALOG
from stedi_cli.local.layout import to_uri
from stedi_cli.local.place import Place
from stedi_cli.runs import spark_model

PACKAGES = (
    "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.11.0",
    "org.xerial:sqlite-jdbc:3.47.1.0",
)
OLDEST_JAVA = 17
SMALL = 100_000_000
"""Bytes below which Java's second compiler costs more than it saves."""
PARTITION = 64_000_000
"""Bytes for which a shuffle has a partition.

Each is a task, and a file of each task that writes: Spark's 200 take longer than a small run.
"""
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_FEWEST = 4


def missing() -> str | None:
    """Return what has to be installed before Spark can run here, or None."""
    if find_spec("pyspark") is None:
        return "PySpark is not installed: `pip install 'stedi[spark]'`."
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if java is None:
        return f"There is no Java: install a JDK {OLDEST_JAVA} or newer (openjdk-17-jre-headless)."
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    if found is None or int(found[1]) < OLDEST_JAVA:
        version = found[1] if found else "unknown"
        return f"Java {version} is too old: install a JDK {OLDEST_JAVA} or newer."
    return None


def command(place: Place, model: Path, request: Path, size: int) -> list[str]:
    """Return the command that runs jobs.

    Args:
        place: The lakehouse.
        model: The file that holds its tables.
        request: The file that says what is to be run; Spark's own files go beside it.
        size: Bytes that the jobs read.
    """
    catalog = f"spark.sql.catalog.{CATALOG}"
    threads = place.settings.threads or "*"
    temp = f'"-Djava.io.tmpdir={request.parent}"'
    conf = {
        "spark.master": f"local[{threads}]",
        "spark.driver.memory": place.settings.spark_memory,
        **_libraries(),
        "spark.driver.extraJavaOptions": f"{QUICK_START} {temp}" if size < SMALL else temp,
        "spark.log.level": "WARN",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(request.parent),
        "spark.ui.enabled": "false",
        # Hadoop sets permissions itself.
        "spark.hadoop.fs.permissions.umask-mode": f"{mask_of(place.settings):03o}",
        "spark.sql.shuffle.partitions": str(max(_FEWEST, -(-size // PARTITION))),
        **spark_model.SESSION,
        catalog: spark_model.CATALOG_CLASS,
        f"{catalog}.type": "jdbc",
        f"{catalog}.uri": f"jdbc:sqlite:{place.layout.catalog}",
        f"{catalog}.warehouse": to_uri(place.layout.warehouse),
        f"{catalog}.jdbc.schema-version": "V1",
    }
    folder = place.lakehouse.folder
    pyspark = find_spec("pyspark")
    assert pyspark is not None and pyspark.origin is not None
    submit = [str(Path(pyspark.origin).parent / "bin" / "spark-submit")]
    settings = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    files = ["--py-files", ",".join(map(str, spark_model.modules(folder)))]
    arguments = ["--model", to_uri(model), "--request", to_uri(request)]
    return [*submit, *settings, *files, str(folder / "jobs" / spark_model.SCRIPT), *arguments]


def _libraries() -> dict[str, str]:
    """Return the settings that bring Iceberg: by its files once they are here.

    Spark copies what comes as a package at each start.
    """
    cache = Path.home() / ".ivy2.5.2" / "jars"
    files = [cache / f"{'_'.join(p.split(':')[:2])}-{p.split(':')[2]}.jar" for p in PACKAGES]
    if all(file.is_file() for file in files):
        return {"spark.driver.extraClassPath": os.pathsep.join(map(str, files))}
    return {"spark.jars.packages": ",".join(PACKAGES)}
