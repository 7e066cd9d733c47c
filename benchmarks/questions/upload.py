"""How long does it take to bring landing files in?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from benchmarks.process import Contender
from benchmarks.report import Section, contenders_table
from benchmarks.workshop import Lake, Workshop

_COPY, _SAFE, _UPLOAD = "cp -r", "cp -r, then fsync", "stedi upload"


def sections(workshop: Workshop) -> Iterator[Section]:
    """Measure an upload beside a plain copy, at the largest size."""
    scale = workshop.largest
    data = workshop.data(scale)
    lake = Lake(workshop, workshop.work / "lake-upload")
    lake.call("infra", "up", "--no-data")
    copy = workshop.work / "copy"
    section = Section(
        f"Upload, at {scale}x",
        f"`stedi upload` hashes each file, counts its lines, and syncs it to disk before it"
        f" appears under its name. Beside it `{_COPY}`, which leaves the files to the page cache,"
        " and the same with an fsync of each file. There is no goal for it.",
    )

    def empty() -> None:
        shutil.rmtree(copy, ignore_errors=True)
        for path in lake.landing.rglob("*.json"):
            path.unlink()
        (lake.root / "landing-index.json").unlink(missing_ok=True)
        os.sync()

    sync = 'cp -r "$1" "$2" && find "$2" -type f -exec sync {} +'
    contenders = [
        Contender(_COPY, ["cp", "-r", data, copy], prepare=empty),
        Contender(_SAFE, ["sh", "-c", sync, "sh", data, copy], prepare=empty),
        Contender(_UPLOAD, lake.command("upload", data), prepare=empty),
    ]
    results = workshop.turns(contenders)
    section.parts.append(contenders_table(results, _COPY))
    workshop.remove(copy, lake.root)
    yield section
