"""Runs a job's script as Glue does, in a process of its own beside a JVM that is warm already.

Called by spark.py with the path of a JSON file: the script's URI, its arguments, the files that
come along, and Spark's settings. What becomes of it is told on the file descriptor that is named.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def main() -> None:
    """Fetch the script, set Spark up, run it, and tell how it ended."""
    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with os.fdopen(order["report"], "w", encoding="utf-8") as report:

        def tell(**what: Any) -> None:
            report.write(json.dumps(what) + "\n")
            report.flush()

        try:
            script = fetch(order["script"], Path(order["folder"]))
            files = [fetch(uri, Path(order["folder"])) for uri in order["files"]]
        except Exception as error:
            tell(error=f"LAUNCH ERROR | File Location: {order['script']} | {error}")
            return
        prepare(order["settings"], files)
        sys.argv = [str(script), *order["arguments"]]
        tell(running=True)
        tell(error=run(script))


def fetch(uri: str, folder: Path) -> Path:
    """Bring a file from the bucket, with the credentials of the role."""
    import boto3

    place = urlsplit(uri)
    target = folder / Path(place.path).name
    stored = boto3.client("s3").get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
    target.write_bytes(stored["Body"].read())
    return target


def prepare(settings: dict[str, str], files: list[Path]) -> None:
    """Give the JVM this run's settings, and none of those of the run before."""
    from pyspark import SparkContext

    SparkContext._ensure_initialized()  # type: ignore[attr-defined]
    system = SparkContext._jvm.System  # type: ignore[union-attr]
    for name in list(system.getProperties().stringPropertyNames()):
        if name.startswith(("spark.", "aws.")):
            system.clearProperty(name)
    listed = ",".join(map(str, files))
    # As spark-submit --py-files does.
    along = {"spark.files": listed, "spark.submit.pyFiles": listed} if listed else {}
    for name, value in {**settings, **along}.items():
        system.setProperty(name, value)
    sys.path[:0] = [str(file.parent) for file in files]


def run(script: Path) -> str | None:
    """Run the script; return its error as Glue words it, or None."""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        return None if end.code in (None, 0) else f"SystemExit: {end.code}"
    except BaseException as error:
        import traceback

        sys.stdout.flush()
        traceback.print_exc()
        java = getattr(error, "java_exception", None)
        said = str(java.toString() if java is not None else error)
        return f"{type(error).__name__}: {said}" if java is None else said
    finally:
        stop()
    return None


def stop() -> None:
    """Stop the session, also where the script left it open."""
    from pyspark import SparkContext

    sys.stdout.flush()
    context = SparkContext._active_spark_context
    if context is not None:
        context.stop()


if __name__ == "__main__":
    main()
