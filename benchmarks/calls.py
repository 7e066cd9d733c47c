"""How many calls commands make on AWS: ``python -m benchmarks.calls``, JSON on stdout.

The account is the sandbox of the tests, whose job runs commit one row a table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT / "tests"))

from aws.cloud_lake import CloudLake  # noqa: E402 - found by the line above
from sandbox.server import Sandbox  # noqa: E402

_CONFIG = CHECKOUT / "configs" / "aws.yaml"


def measured(sandbox: Sandbox, title: str, words: Sequence[str]) -> dict[str, Any]:
    """Run a command of the product and count the calls that it makes."""
    command = [sys.executable, "-m", "stedi_cli", "--config", str(_CONFIG), *words]
    with sandbox.recording() as calls:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    # The one row a table that a run of the sandbox commits is not what was expected.
    if done.returncode not in (0, 3):
        sys.exit(f"{title} exited with {done.returncode}: {done.stderr[-2000:]}")
    asked = Counter(f"{call.name} {call.resource} {call.query} {call.body}" for call in calls)
    return {
        "title": title,
        "reads": sum(call.reads for call in calls),
        "writes": sum(not call.reads for call in calls),
        "twice": sum(count - 1 for count in asked.values()),
        "by_name": Counter(call.name for call in calls),
    }


def main() -> None:
    """Print the counts of each command."""
    sandbox = Sandbox()
    os.environ.update(sandbox.environment)
    sandbox.reset()
    up = ("infra", "up", "--no-data")
    counts = [
        measured(sandbox, "infra up, empty account", up),
        measured(sandbox, "infra up, up to date", up),
        measured(sandbox, "upload of 12 files", ("upload",)),
        measured(sandbox, "upload, nothing changed", ("upload",)),
    ]
    CloudLake(sandbox).run()
    counts += [
        measured(sandbox, "jobs run --all, up to date", ("jobs", "run", "--all")),
        measured(sandbox, "validate", ("validate",)),
        measured(sandbox, "infra down", ("infra", "down", "--yes")),
    ]
    sandbox.close()
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
