"""``python -m sandbox fetch``: bring what job runs and queries need, and say what is missing."""

from __future__ import annotations

import sys

from sandbox import archives

if sys.argv[1:] != ["fetch"]:
    raise SystemExit("python -m sandbox fetch")
archives.fetch()
for lacking in filter(None, (archives.missing_for_spark(), archives.missing_for_trino())):
    print(lacking, file=sys.stderr)
