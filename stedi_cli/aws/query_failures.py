"""Why Athena cannot run a query, as its texts tell, and what to do about it."""

from __future__ import annotations

from stedi_cli.aws.hints import PERMISSION, refusal_hint
from stedi_cli.errors import StediError, UsageError
from stedi_cli.masking import athena_said

# How a reason begins where the query itself is wrong, whatever it quotes. Of a column that is not
# there Athena says that the requester may not be authorized.
_OF_QUERY = (
    *("column_not_found", "syntax_error", "type_mismatch", "function_not_found"),
    *("invalid_function_argument", "invalid_cast_argument", "ambiguous_name"),
)
_NO_TABLE = ("table_not_found", "schema_not_found")
# A value that is not of its column's type; a line that is no JSON, or could not be read at all.
_BAD_VALUE = ("hive_bad_data",)
_UNREAD = ("hive_cursor_error",)
_DENIED = (
    *("access denied", "accessdenied", "not authorized", "insufficient permissions"),
    *("permission denied", "insufficient lake formation permission"),
)
_PASSING = (
    (
        ("exhausted resources", "exceeded_memory_limit", "exceeded_time_limit"),
        "The query was too much for Athena",
        "Ask for less.",
    ),
    (
        ("slowdown", "slow down", "reduce your request rate", "throttl", "rate exceeded"),
        "S3 was too busy for what Athena read",
        "Try again in a few minutes.",
    ),
    (
        ("nosuchkey", "specified key does not exist"),
        "A file that Athena was to read is not there any more",
        "Run the command again.",
    ),
)
_NOT_THERE = ("does not exist",)
# Where a query's result goes.
_RESULTS = ("output bucket", "output location", "location provided to save", "bucket owner")


class BadLineError(StediError):
    """A query met a line of a landing file that Athena cannot read."""


class NoTableError(UsageError):
    """A query names a table that is not there."""


def refused(said: str, sql: str, work_group: str) -> StediError:
    """Return why Athena takes no query.

    Args:
        said: What it says.
        sql: The query.
        work_group: The work group that it was asked in.
    """
    told = said.lower()
    if "workgroup" in told and "disabled" in told:
        return StediError(
            f"The Athena work group {work_group} is disabled.",
            hint="`stedi infra up` enables it if it is ours, and says so if it is not.",
        )
    if "workgroup" in told:
        return StediError(
            f"There is no Athena work group {work_group}.", hint="Make it with `stedi infra up`."
        )
    if _names(said, _RESULTS):
        return StediError(
            f"Athena cannot write the result: {athena_said(said, sql)}.",
            hint="`stedi infra status` shows whether bucket and work group are as they should be;"
            " `stedi infra policy` prints what you need of the bucket.",
        )
    return UsageError(
        f"Athena refuses the query: {athena_said(said, sql)}.",
        hint="`stedi tables --ddl` shows columns.",
    )


def failure(reason: str) -> StediError | None:
    """Return why a query failed; None where it is wrong itself, or no more is known.

    Args:
        reason: What Athena says, without values.
    """
    if reason.lower().startswith(_OF_QUERY):
        return None
    if reason.lower().startswith(_NO_TABLE):
        return _no_table(reason)
    return _of_its_data(reason) or (_no_table(reason) if _names(reason, _NOT_THERE) else None)


def _of_its_data(reason: str) -> StediError | None:
    """Return what came of what a query reads or writes; None where that did not fail it."""
    # Beside that code, what is said may be a line.
    said = "" if _names(reason, _UNREAD) else f": {reason}"
    if _names(reason, _BAD_VALUE):
        return _bad_line()
    if _names(reason, _DENIED):
        hint = refusal_hint("", reason) or PERMISSION
        return StediError(f"Athena may not read what the query asks for{said}.", hint=hint)
    for words, what, hint in _PASSING:
        if _names(reason, words):
            return StediError(f"{what}{said}.", hint=hint)
    return _bad_line() if _names(reason, _UNREAD) else None


def _no_table(reason: str) -> NoTableError:
    return NoTableError(
        f"The query cannot be run: {reason}.", hint="`stedi tables` lists the tables."
    )


def _bad_line() -> BadLineError:
    return BadLineError(
        "A landing file holds a line that Athena cannot read.",
        hint="`stedi quarantine` lists unusable lines; the trusted tables hold the others.",
    )


def _names(reason: str, codes: tuple[str, ...]) -> bool:
    return any(code in reason.lower() for code in codes)
