"""Makes the stored lakehouses anew: ``python tests/older/make.py CHECKOUT``, of the older version.

One of the model that comes along, and one of a model of one's own, each with what its own version
says of it. All of it is generated data.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from older import ARCHIVE, STORED, folder_in, replace_paths

COMMAND = """
import sys
from pyiceberg.table import TableProperties
TableProperties.WRITE_AVRO_COMPRESSION_DEFAULT = "null"
from stedi_cli.cli import main
sys.exit(main())
"""
DIRTY = ("--shared-serials", "3", "--dirty", "0.02", "--updates", "0.3", "--duplicates", "0.05")
OWN_TABLES = """  weather_landing:
    zone: landing
    folder: weather
    doc: Readings of weather stations.
    columns:
      - {name: station, type: string, required: true, doc: Name of the station}
      - {name: takenAt, type: long, required: true, doc: "Taken at, epoch milliseconds"}
      - {name: degrees, type: double, doc: Temperature}

  weather_trusted:
    zone: trusted
    doc: The readings that tell a temperature.
    columns_of: weather_landing
    key: [station, takenAt]

  customer_trusted:
"""
OWN_JOB = """jobs:
  weather_landing_to_trusted:
    doc: Readings that tell a temperature
    reads: [weather_landing]
    writes: weather_trusted
"""
OWN_SQL = "SELECT station, takenAt, degrees FROM weather_landing WHERE degrees IS NOT NULL\n"


class Older:
    """The older version's command.

    Args:
        checkout: Its checkout.
        cwd: Where it runs.
    """

    def __init__(self, checkout: Path, cwd: Path) -> None:
        self._checkout = checkout
        self._cwd = cwd

    def __call__(self, *words: str | Path) -> str:
        environment = {**os.environ, "PYTHONPATH": str(self._checkout)}
        command = [sys.executable, "-c", COMMAND, *map(str, words)]
        done = subprocess.run(
            command, cwd=self._cwd, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{words}: {done.stderr}")
        return done.stdout


def main(checkout: Path) -> None:
    """Make them, and write the archive."""
    with tempfile.TemporaryDirectory() as temp:
        made = folder_in(Path(temp).resolve())
        made.mkdir()
        data = Path(temp) / "data"
        stedi = Older(checkout, made)
        stedi("data", "generate", data, "--customers", "8", *DIRTY)
        lakehouse(stedi, ("--root", made / "lake"), data, made / "said.json")
        project = own_project(stedi, made / "project")
        own = ("--config", project / "configs" / "local.yaml", "--root", made / "own")
        lakehouse(stedi, own, weather(data), made / "own.json")
        replace_paths(made, str(made), STORED)
        with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
            archive.add(made, arcname=".", filter=nobodys)


def lakehouse(stedi: Older, options: tuple[str | Path, ...], data: Path, said: Path) -> None:
    """Make one, run its jobs twice, so that it has a history, and note what is said of it."""
    stedi(*options, "infra", "up", "--data", data)
    stedi(*options, "jobs", "run", "--all", "--max-bad-rows", "10%")
    stedi(*options, "jobs", "run", "--all", "--max-bad-rows", "10%", "--force")
    what = {
        "validate": json.loads(stedi(*options, "validate", "--json")),
        "quarantine": json.loads(stedi(*options, "quarantine", "--json")),
        "history": json.loads(stedi(*options, "history", "customer_trusted", "--json")),
    }
    said.write_text(json.dumps(what, indent=1))


def own_project(stedi: Older, project: Path) -> Path:
    """Copy the project out, and give it a landing table, a table and a job more."""
    stedi("init", project)
    model = project / "configs" / "lakehouse.yaml"
    text = model.read_text()
    for old, new in (("  customer_trusted:\n", OWN_TABLES), ("jobs:\n", OWN_JOB)):
        assert text.count(f"\n{old}") == 1, old
        text = text.replace(f"\n{old}", f"\n{new}")
    model.write_text(text)
    (project / "jobs" / "weather_landing_to_trusted.sql").write_text(OWN_SQL)
    for path in sorted((project / "data").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return project


def weather(data: Path) -> Path:
    """Deliver readings of weather stations too; one line of theirs cannot be used."""
    landing = data / "weather" / "landing"
    landing.mkdir(parents=True)
    lines = [
        json.dumps({"station": f"s{n % 3}", "takenAt": n, "degrees": n / 4}) for n in range(20)
    ]
    lines += [json.dumps({"station": "s0", "takenAt": 99, "degrees": None}), '{"station": "s1"}']
    (landing / "weather.json").write_text("\n".join([*lines, ""]))
    return data


def nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who made a file, and when."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
