"""Lake Formation as AWS has it: what it grants, and what it refuses of Glue's catalog.

moto keeps its grants and never asks them. S3's side, credentials for registered locations, is
not here: whoever may read a file by IAM reads it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.exceptions import JsonRESTError
from moto.glue.models import glue_backends
from moto.iam.access_control import CreateAccessKeyFailure, create_access_key
from moto.iam.models import iam_backends
from moto.lakeformation.models import lakeformation_backends
from moto.lakeformation.responses import LakeFormationResponse

from sandbox.access import PARTITION, role_arn
from sandbox.calls import Call

ADMIN = f"arn:{PARTITION}:iam::{ACCOUNT}:user/moto"
"""Who makes a call with the sandbox's own keys, as STS tells it."""
EVERYBODY = "IAM_ALLOWED_PRINCIPALS"
"""The group of all who may something by IAM."""
PAGE = 100
"""Most entries of an answer to ListPermissions."""
_UNKNOWN = "Resource does not exist or requester is not authorized to access requested permissions."


class Thing(NamedTuple):
    """What is granted on: the catalog, a database, a table or all of them, a location."""

    kind: str
    name: str = ""
    table: str = ""


CATALOG = Thing("Catalog")
_ALL = "ALL_TABLES"
# Lake Formation developer guide, "Lake Formation permissions per resource type".
_VALID = {
    "Catalog": {"CREATE_DATABASE"},
    "Database": {"ALL", "ALTER", "CREATE_TABLE", "DESCRIBE", "DROP"},
    "Table": {"ALL", "ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"},
    "DataLocation": {"DATA_LOCATION_ACCESS"},
}
Held = dict[tuple[str, Thing], set[str]]
_asking = threading.local()


def _backend(region: str) -> Any:
    return lakeformation_backends[ACCOUNT][region]


def _held(region: str) -> Held:
    """Return who holds what; a reset of moto empties it."""
    first: Held = {(EVERYBODY, CATALOG): {"CREATE_DATABASE"}}
    held: Held = vars(_backend(region)).setdefault("held", first)
    return held


def grants(region: str) -> list[tuple[str, Thing, list[str]]]:
    """Return all that is granted, in order."""
    return sorted((*key, sorted(permissions)) for key, permissions in _held(region).items())


# --- Who asks ------------------------------------------------------------------------------------


def principal_of(call: Call) -> str:
    """Return the user or role that makes a call."""
    token = call.headers.get("x-amz-security-token")
    headers = {"X-Amz-Security-Token": token} if token else {}
    try:
        arn: str = create_access_key(ACCOUNT, PARTITION, call.key, headers).arn
    except (CreateAccessKeyFailure, KeyError):
        return ADMIN
    return role_arn(arn.split("/")[1]) if ":assumed-role/" in arn else arn


def _region_of(call: Call) -> str:
    return call.headers["authorization"].partition("Credential=")[2].split("/")[2]


def _is_of_the_test(call: Call) -> bool:
    return "sandbox" in call.agent and principal_of(call) == ADMIN


def _is_administrator(principal: str, region: str) -> bool:
    named = _backend(region).get_data_lake_settings(ACCOUNT).get("DataLakeAdmins") or ()
    return principal in {admin["DataLakePrincipalIdentifier"] for admin in named}


def _exists(principal: str) -> bool:
    kind, _, name = principal.split(":", 5)[-1].partition("/")
    bare = name.rpartition("/")[2]
    if kind == "role":
        return role_arn(bare) == principal and any(
            role.name == bare for role in iam_backends[ACCOUNT][PARTITION].roles.values()
        )
    users = iam_backends[ACCOUNT][PARTITION].users
    return principal in (EVERYBODY, ADMIN) or (kind == "user" and bare in users)


# --- What is refused -----------------------------------------------------------------------------


def refusal(call: Call) -> tuple[str, str, int] | None:
    """Return code, message and status where Lake Formation refuses a call; else None."""
    _asking.call = call
    if call.service not in ("glue", "lakeformation") or _is_of_the_test(call):
        return None
    region = _region_of(call)
    said = (_of_catalog if call.service == "glue" else _of_grants)(call, region)
    return ("AccessDeniedException", said, 400) if said else None


# Action, what it needs on which kind of thing, and whether a location is written into the catalog.
_NEEDS = {
    "CreateDatabase": ("CREATE_DATABASE", "Catalog", True),
    "GetDatabase": ("DESCRIBE", "Database", False),
    "UpdateDatabase": ("ALTER", "Database", False),
    "DeleteDatabase": ("DROP", "Database", False),
    "GetTables": ("DESCRIBE", "Database", False),
    "CreateTable": ("CREATE_TABLE", "Database", True),
    "GetTable": ("DESCRIBE", "Table", False),
    "GetPartitions": ("DESCRIBE", "Table", False),
    "UpdateTable": ("ALTER", "Table", True),
    "DeleteTable": ("DROP", "Table", False),
}


def _of_catalog(call: Call, region: str) -> str | None:
    if call.action not in _NEEDS:
        return None
    needed, kind, locates = _NEEDS[call.action]
    things, who = _things(call, kind), principal_of(call)
    if not _is_open(things[0], who, region):
        implied = needed in ("DESCRIBE", "CREATE_DATABASE") and _is_administrator(who, region)
        if not (implied or any(_holds(who, needed, thing, region) for thing in things)):
            words = needed.replace("_", " ").title()
            on = things[0].table or things[0].name or "Catalog"
            return f"Insufficient Lake Formation permission(s): Required {words} on {on}"
    return _of_location(call, region) if locates else None


def _is_open(thing: Thing, who: str, region: str) -> bool:
    """Tell whether IAM alone decides, or there is nothing that could be decided about."""
    if thing == CATALOG:
        return _holds(EVERYBODY, "CREATE_DATABASE", thing, region)
    database = glue_backends[ACCOUNT][region].databases.get(thing.name)
    if database is None:
        # That there is none is told to those who could make it.
        makes = any(_holds(p, "CREATE_DATABASE", CATALOG, region) for p in (who, EVERYBODY))
        return makes or _is_administrator(who, region)
    if thing.kind == "Table" and thing.table not in database.tables:
        thing = Thing("Database", thing.name)
    return _holds(EVERYBODY, "ALL", thing, region)


def _things(call: Call, kind: str) -> list[Thing]:
    """Return those of which one has to be granted on."""
    body = call.body
    database = body.get("DatabaseName") or body.get("Name")
    database = database or body.get("DatabaseInput", {}).get("Name", "")
    if kind == "Catalog":
        return [CATALOG]
    if kind == "Database":
        return [Thing("Database", database)]
    table = body.get("TableInput", {}).get("Name") or body.get("TableName") or body.get("Name", "")
    return [Thing("Table", database, table), Thing("Table", database, _ALL)]


def _holds(principal: str, needed: str, thing: Thing, region: str) -> bool:
    return bool(_held(region).get((principal, thing), set()) & {needed, "ALL"})


def _of_location(call: Call, region: str) -> str | None:
    body = call.body
    place = body.get("DatabaseInput", {}).get("LocationUri")
    place = place or (body.get("TableInput", {}).get("StorageDescriptor") or {}).get("Location")
    arn = f"arn:{PARTITION}:s3:::{str(place or '').removeprefix('s3://')}"
    covering = [r for r in _backend(region).resources if f"{arn}/".startswith(f"{r}/")]
    who = principal_of(call)
    # The group of all does not count here.
    if not covering or _is_administrator(who, region):
        return None
    if any(_holds(who, "DATA_LOCATION_ACCESS", Thing("DataLocation", r), region) for r in covering):
        return None
    return f"Insufficient Lake Formation permission(s) on {place}"


def _of_grants(call: Call, region: str) -> str | None:
    if call.action not in ("GrantPermissions", "RevokePermissions"):
        return None
    who, thing = principal_of(call), _thing(call.body["Resource"])
    if _is_administrator(who, region):
        return None
    # Whoever made something may pass on what there is to do with it.
    made = thing in vars(_backend(region)).get("made", {}).get(who, set())
    return None if made else _UNKNOWN


# --- What is made goes into the grants ------------------------------------------------------------


def note(call: Call) -> None:
    """Keep the grants in step with a call that was done."""
    if call.service != "glue" or call.action not in (
        *("CreateDatabase", "CreateTable"),
        *("DeleteDatabase", "DeleteTable"),
    ):
        return
    region = _region_of(call)
    (thing, *_) = _things(call, "Database" if call.action.endswith("Database") else "Table")
    held = _held(region)
    if call.action.startswith("Create"):
        who = principal_of(call)
        held[who, thing] = set(_VALID[thing.kind])
        vars(_backend(region)).setdefault("made", {}).setdefault(who, set()).add(thing)
        settings = _backend(region).get_data_lake_settings(ACCOUNT)
        if settings.get(f"Create{thing.kind}DefaultPermissions"):
            held[EVERYBODY, thing] = {"ALL"}
        return
    gone = [key for key in held if key[1] == thing or _is_in(key[1], thing)]
    for key in gone:
        del held[key]
    for made in vars(_backend(region)).get("made", {}).values():
        made.discard(thing)


def _is_in(thing: Thing, database: Thing) -> bool:
    return database.kind == "Database" and thing[:2] == ("Table", database.name)


# --- Its API -------------------------------------------------------------------------------------


def fill() -> None:
    """Put into moto what its API lacks."""
    for name, method in {
        "grant_permissions": _changing(_grant),
        "revoke_permissions": _changing(_revoke),
        "list_permissions": _list,
        "list_resources": _list_resources,
    }.items():
        setattr(LakeFormationResponse, name, method)


def _thing(resource: dict[str, Any]) -> Thing:
    ((kind, told),) = resource.items()
    if kind == "Table":
        name = _ALL if "TableWildcard" in told else told["Name"]
        return Thing(kind, told["DatabaseName"], name)
    return Thing(kind, told.get("Name") or told.get("ResourceArn") or "")


def _invalid(said: str) -> JsonRESTError:
    return JsonRESTError("InvalidInputException", said)


def _changing(change: Callable[[set[str], set[str]], set[str]]) -> Callable[[Any], str]:
    def answer(response: Any) -> str:
        asked, region = json.loads(response.body), response.region
        who = asked["Principal"]["DataLakePrincipalIdentifier"]
        thing, permissions = _thing(asked["Resource"]), set(asked["Permissions"])
        if change is _grant and not _exists(who):
            raise _invalid(f"Invalid principal, arn: {who}")
        if not permissions <= _VALID[thing.kind]:
            raise _invalid("Permissions modification is invalid.")
        if thing.kind == "DataLocation" and thing.name not in _backend(region).resources:
            raise JsonRESTError("AccessDeniedException", _UNKNOWN)
        if thing.kind in ("Database", "Table") and thing.name not in (
            glue_backends[ACCOUNT][region].databases
        ):
            raise JsonRESTError("EntityNotFoundException", f"Database {thing.name} not found.")
        held = _held(region)
        left = change(held.get((who, thing), set()), permissions)
        held.pop((who, thing), None)
        if left:
            held[who, thing] = left
        return "{}"

    return answer


def _grant(held: set[str], permissions: set[str]) -> set[str]:
    return held | permissions


def _revoke(held: set[str], permissions: set[str]) -> set[str]:
    if not held:
        raise _invalid(
            "No permissions revoked. Grantee has no permissions and no grantable permissions on"
            " resource."
        )
    if not permissions <= held:
        lacking = ", ".join(sorted(permissions - held))
        raise _invalid(f"No permissions revoked. Grantee does not have:[{lacking}]")
    return held - permissions


def _list(response: Any) -> str:
    asked, region = json.loads(response.body), response.region
    call = _asking.call
    who = principal_of(call)
    sees_all = _is_of_the_test(call) or _is_administrator(who, region)
    only = _thing(asked["Resource"]) if asked.get("Resource") else None
    found = []
    for principal, thing, permissions in grants(region):
        if only not in (None, thing):
            continue
        mine = _held(region).get((who, thing), set())
        shown = [p for p in permissions if sees_all or p in mine or "ALL" in mine]
        found += [_entry(principal, where, some) for where, some in _told(thing, shown) if some]
    start = int(asked.get("NextToken") or 0)
    page = {"PrincipalResourcePermissions": found[start : start + PAGE]}
    more = {"NextToken": str(start + PAGE)} if len(found) > start + PAGE else {}
    return json.dumps(page | more)


def _told(thing: Thing, permissions: list[str]) -> list[tuple[dict[str, Any], list[str]]]:
    """Return resources as AWS tells them: SELECT on a table is one on all of its columns."""
    if thing.kind == "DataLocation":
        return [({thing.kind: {"CatalogId": ACCOUNT, "ResourceArn": thing.name}}, permissions)]
    if thing.kind != "Table":
        named = {"Name": thing.name} if thing.name else {}
        return [({thing.kind: {"CatalogId": ACCOUNT, **named}}, permissions)]
    table = {"CatalogId": ACCOUNT, "DatabaseName": thing.name, "Name": thing.table}
    wildcard = {"TableWildcard": {}} if thing.table == _ALL else {}
    others = [p for p in permissions if p != "SELECT"]
    return [
        ({"Table": table | wildcard}, others),
        (
            {"TableWithColumns": table | {"ColumnWildcard": {}}},
            [p for p in permissions if p not in others],
        ),
    ]


def _entry(principal: str, resource: dict[str, Any], permissions: list[str]) -> dict[str, Any]:
    return {
        "Principal": {"DataLakePrincipalIdentifier": principal},
        "Resource": resource,
        "Permissions": permissions,
        "PermissionsWithGrantOption": [],
    }


def _list_resources(response: Any) -> str:
    asked = json.loads(response.body or "{}")
    found = [resource.to_dict() for resource in _backend(response.region).list_resources()]
    for condition in asked.get("FilterConditionList") or ():
        assert (condition["Field"], condition["ComparisonOperator"]) == (
            *("RESOURCE_ARN", "BEGINS_WITH"),
        )
        starts = tuple(condition["StringValueList"])
        found = [resource for resource in found if resource["ResourceArn"].startswith(starts)]
    return json.dumps({"ResourceInfoList": found})
