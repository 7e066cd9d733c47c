"""Whether Lake Formation decides about new databases and tables, as its settings tell."""

from __future__ import annotations

from typing import Any

from stedi_cli.aws.account import aws_errors, is_denied
from stedi_cli.aws.layout import Layout
from stedi_cli.errors import StediError
from stedi_cli.lake.findings import Finding

_WHAT = "Lake Formation"
_EVERYBODY = "IAM_ALLOWED_PRINCIPALS"
_DEFAULTS = ("CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions")
_TODO = (
    "Set lake_formation: true in the config file, then let an administrator of the data lake run"
    " `stedi infra up`."
)


def looked_at(layout: Layout) -> Finding:
    """Return what the data lake settings tell; that they may not be read is nothing wrong."""
    account = layout.account
    try:
        with aws_errors():
            answer = account.client("lakeformation").get_data_lake_settings()
        settings: dict[str, Any] = answer["DataLakeSettings"]
        if all(_leaves_it_to_iam(settings.get(key)) for key in _DEFAULTS):
            return Finding(_WHAT, "leaves new databases and tables to IAM")
        named = {
            admin["DataLakePrincipalIdentifier"] for admin in settings.get("DataLakeAdmins", ())
        }
        you = "one" if account.principal in named else "none"
    except StediError as error:
        cause = error.__cause__
        if cause is not None and is_denied(cause):
            return Finding(_WHAT, f"{_operation(cause)} is denied, so what it decides is not known")
        return Finding(_WHAT, error.message, error.hint or "Look at your permissions.")
    found = f"decides about new databases and tables; you are {you} of its administrators"
    return Finding(_WHAT, found, "" if layout.settings.lake_formation else _TODO)


def _leaves_it_to_iam(permissions: list[dict[str, Any]] | None) -> bool:
    return any(
        entry["Principal"]["DataLakePrincipalIdentifier"] == _EVERYBODY
        and "ALL" in entry["Permissions"]
        for entry in permissions or ()
    )


def _operation(error: BaseException) -> str:
    return f"lakeformation:{getattr(error, 'operation_name', '')}"
