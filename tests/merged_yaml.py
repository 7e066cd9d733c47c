"""Writes into a YAML file what a page says is to be added to it: ``merged_yaml.py FILE``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml


def merged(there: Any, more: Any) -> Any:
    if not isinstance(there, dict):
        return more
    return there | {key: merged(there.get(key), value) for key, value in more.items()}


path = Path(sys.argv[1])
whole = merged(yaml.safe_load(path.read_text("utf-8")), yaml.safe_load(sys.stdin))
path.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
