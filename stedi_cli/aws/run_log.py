"""Why a run failed, as its logs show it: the end of the script's own, or else of Spark's."""

from __future__ import annotations

from typing import Any

from stedi_cli.aws.layout import Layout
from stedi_cli.masking import masked

_SHOWN = 15
_WIDTH = 300
# What Java says within a traceback is long.
_READ = 500
_PAGES = 3
_TRACEBACK = "Traceback (most recent call last)"


def last_lines(layout: Layout, run: str) -> tuple[str, ...]:
    """Return the last lines of a run's logs, masked; none where they cannot be had.

    Glue writes what a script prints, its traceback included, to the log group ``output``. A run
    that ended without one, such as for lack of memory, says why in ``error``, beside Spark.

    Args:
        layout: Names.
        run: Its id.
    """
    output, error = layout.log_groups
    printed = _lines(layout, output, run)
    traced = [number for number, line in enumerate(printed) if line.startswith(_TRACEBACK)]
    lines = printed[traced[-1] :] if traced else _lines(layout, error, run) or printed
    shown = masked("\n".join(lines)).split("\n")
    return tuple(line[:_WIDTH] for line in shown if line.strip())[-_SHOWN:]


def _lines(layout: Layout, group: str, run: str) -> list[str]:
    from botocore.exceptions import BotoCoreError, ClientError

    logs = layout.account.client("logs")
    asked: dict[str, Any] = {"logGroupName": group, "logStreamName": run, "limit": _READ}
    try:
        for _ in range(_PAGES):
            page = logs.get_log_events(**asked, startFromHead=False)
            if page["events"]:
                return [line for e in page["events"] for line in str(e["message"]).splitlines()]
            # A page may be empty although others are not.
            token = page["nextBackwardToken"]
            if asked.get("nextToken") == token:
                break
            asked["nextToken"] = token
    except (BotoCoreError, ClientError):
        pass
    return []
