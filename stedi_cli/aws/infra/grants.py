"""What Lake Formation lets the jobs' role and the caller do: granted, compared and taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from stedi_cli.aws.account import error_code, is_denied, side_by_side
from stedi_cli.aws.infra.database import GRANTS, Database
from stedi_cli.aws.infra.resource import Found, Kind, NotYetError
from stedi_cli.aws.layout import Layout
from stedi_cli.errors import StediError
from stedi_cli.lake.records import Change

_DATABASE, _TABLES = "database", "tables"
# What Glue's catalog asks for: jobs look at tables, make and replace them; the caller also drops.
_JOBS = {_DATABASE: ("CREATE_TABLE", "DESCRIBE"), _TABLES: ("ALTER", "DESCRIBE", "SELECT")}
_CALLER = {thing: (*permissions, "DROP") for thing, permissions in _JOBS.items()}
_CALLER[_DATABASE] += ("ALTER",)
_LOCATION = ("DATA_LOCATION_ACCESS",)
_ALL_TABLES = "ALL_TABLES"


class Grant(NamedTuple):
    """One permission.

    Args:
        principal: ARN of the role or user that has it.
        on: ``database``, ``tables`` for all of it, made later too, or the ARN of a location.
        permission: As Lake Formation calls it.
    """

    principal: str
    on: str
    permission: str


class Grants(Kind):
    """All grants, as one resource; each principal on each thing is a field of it.

    A grant carries no tag. So the database, which is ours, notes those that ``up`` made before it
    makes them, and no others are taken back.

    Args:
        layout: The names.
        database: The database; it is looked at before.
    """

    kind = "grants"

    def __init__(self, layout: Layout, database: Database) -> None:
        super().__init__(layout)
        self._database = database
        self._locations: list[str] = []

    def names(self) -> list[str]:
        return [self.layout.database]

    def wanted(self, name: str) -> dict[str, str]:
        return _fields(self._wanted())

    def _wanted(self) -> set[Grant]:
        layout = self.layout
        return {
            Grant(principal, thing, permission)
            for principal, things in (
                (layout.role_arn, _JOBS),
                (layout.account.principal, _CALLER),
            )
            for thing, permissions in (things | dict.fromkeys(self._locations, _LOCATION)).items()
            for permission in permissions
        }

    def _noted(self) -> set[Grant]:
        try:
            told = json.loads(self._database.grants or "{}")
            return {
                Grant(principal, thing, permission)
                for principal, things in told.items()
                for thing, permissions in things.items()
                for permission in permissions
            }
        except (ValueError, AttributeError, TypeError) as error:
            raise StediError(
                f"The parameter {GRANTS} of database {self.layout.database} cannot be read.",
                hint="Take back in Lake Formation what it names, and remove it from the database.",
            ) from error

    def look(self) -> list[Change]:
        """Compare where they are asked for; where they are not, those of before are to go."""
        if self.layout.settings.lake_formation:
            # Somebody to whom nothing can be granted is told so before anything is made.
            _ = self.layout.account.principal
            return super().look()
        note = "lake_formation is false"
        return [Change(self.kind, n, "remove", note=note) for n in self.names() if self._noted()]

    def read(self) -> dict[str, Found]:
        """Read what is granted of what is wanted, whoever granted it."""
        # On what is not there nobody can ask for grants.
        if not self._database.is_ours_and_there:
            return {}
        granted = self._granted()
        found = granted & self._wanted()
        return {name: Found(_fields(found)) for name in self.names() if found}

    def _granted(self) -> set[Grant]:
        """Return what is granted; first of all find the registered locations."""
        self._locations = self._registered()
        things = (_DATABASE, _TABLES, *self._locations)
        answers = side_by_side([partial(self._granted_on, thing) for thing in things])
        return {grant for answer in answers for grant in answer}

    def _granted_on(self, thing: str) -> set[Grant]:
        call = self._client.list_permissions
        entries = _pages(call, "PrincipalResourcePermissions", Resource=self._resource(thing))
        return {
            Grant(entry["Principal"]["DataLakePrincipalIdentifier"], thing, permission)
            for entry in entries
            if _is_of_all(entry["Resource"])
            for permission in _spelled_out(thing, entry["Permissions"])
        }

    def _registered(self) -> list[str]:
        """Return the registered locations in which tables lie, or that lie around them."""
        layout, settings = self.layout, self.layout.settings
        prefixes = (settings.landing_prefix, settings.warehouse_prefix)
        places = [f"{layout.bucket_arn}/{prefix}/" for prefix in prefixes]
        found = self._beginning_with(layout.bucket_arn)
        return [one for one in found if any(_meet(f"{one.rstrip('/*')}/", p) for p in places)]

    def _beginning_with(self, arn: str) -> list[str]:
        """Return the registered locations whose ARN begins so."""
        beginning = {"Field": "RESOURCE_ARN", "ComparisonOperator": "BEGINS_WITH"}
        condition = {**beginning, "StringValueList": [arn]}
        found = _pages(
            self._client.list_resources, "ResourceInfoList", FilterConditionList=[condition]
        )
        return sorted(str(resource["ResourceArn"]) for resource in found)

    def create(self, name: str) -> None:
        self.update(name, set())

    def update(self, name: str, fields: set[str]) -> None:
        """Grant what lacks; what somebody else granted is left to them."""
        self._database.read()
        # What is wanted depends on the locations, which are found by this.
        granted = self._granted()
        lacking = self._wanted() - granted
        # What the caller may do with the database itself is needed to note anything in it and to
        # delete it, and goes with it.
        staying = (self.layout.account.principal, _DATABASE)
        first = {grant for grant in lacking if grant[:2] == staying}
        list(self._each(self._grant, first))
        self._grant_and_note(lacking - first)

    def _grant_and_note(self, lacking: set[Grant]) -> None:
        before, done = self._noted(), set[Grant]()
        self._database.note_grants(_text(before | lacking))
        try:
            for grant in self._each(self._grant, lacking):
                done.add(grant)
        except StediError as error:
            # What was refused was not done, and whoever may not grant may not take back either.
            if error.__cause__ is not None and is_denied(error.__cause__):
                self._database.note_grants(_text(before | done))
            raise

    def to_remove(self) -> dict[str, Found]:
        """Read what was noted."""
        self._database.read()
        return {name: Found({}) for name in self.names() if self._noted()}

    def delete(self, name: str) -> None:
        """Take back what was granted, from whomever, but not the database's own from the caller."""
        self._database.read()
        self._take_back(self._noted())

    def release(self) -> None:
        """Take back what the jobs' role has, since it goes while the database stays."""
        with self.errors():
            self._database.read()
            role = self.layout.role_arn
            self._take_back({grant for grant in self._noted() if grant.principal == role})

    def _take_back(self, grants: set[Grant]) -> None:
        if grants:
            list(self._each(self._revoke, grants))
            self._database.note_grants(_text(self._noted() - grants))

    def _each(self, change: Callable[..., None], grants: set[Grant]) -> Iterator[Grant]:
        """Change grants; yield those that are done."""
        # One after another: Lake Formation refuses changes that meet.
        for some in _grouped(grants):
            principal, thing, _ = some[0]
            with self.errors(f"{self.layout.database}, {_title(some[0])}"):
                change(
                    Principal={"DataLakePrincipalIdentifier": principal},
                    Resource=self._resource(thing),
                    Permissions=[grant.permission for grant in some],
                )
            yield from some

    def _grant(self, **asked: Any) -> None:
        from botocore.exceptions import ClientError

        try:
            self._client.grant_permissions(**asked)
        except ClientError as error:
            principal = asked["Principal"]["DataLakePrincipalIdentifier"]
            made = principal == self.layout.role_arn and not self.layout.settings.role_arn
            if not made or "invalid principal" not in str(error).lower():
                raise
            raise NotYetError(
                f"Lake Formation does not know the role {self.layout.role} yet.",
                hint="A new role takes a while: run `stedi infra up` again.",
            ) from error

    def _revoke(self, **asked: Any) -> None:
        from botocore.exceptions import ClientError

        try:
            self._client.revoke_permissions(**asked)
        except ClientError as error:
            if not _is_not_granted(error):
                # What is registered no more Lake Formation may refuse to name.
                location = asked["Resource"].get("DataLocation", {}).get("ResourceArn")
                if location is None or location in self._beginning_with(location):
                    raise
                return
            # Where one of several was taken back by somebody else, none is.
            permissions = asked.pop("Permissions")
            for permission in permissions if len(permissions) > 1 else ():
                self._revoke(**asked, Permissions=[permission])

    def _resource(self, thing: str) -> dict[str, Any]:
        name = self.layout.database
        if thing == _DATABASE:
            return {"Database": {"Name": name}}
        if thing == _TABLES:
            return {"Table": {"DatabaseName": name, "TableWildcard": {}}}
        return {"DataLocation": {"ResourceArn": thing}}

    @property
    def _client(self) -> Any:
        return self.layout.account.client("lakeformation")


def _pages(call: Callable[..., Any], key: str, **asked: Any) -> Iterator[dict[str, Any]]:
    while True:
        answer = call(**asked)
        yield from answer[key]
        if not answer.get("NextToken"):
            return
        asked["NextToken"] = answer["NextToken"]


def _is_of_all(resource: dict[str, Any]) -> bool:
    """Tell whether an entry is no single table's; SELECT is told as one on all columns."""
    table = resource.get("Table") or resource.get("TableWithColumns") or {}
    return bool(table.get("Name", _ALL_TABLES) == _ALL_TABLES)


def _spelled_out(thing: str, permissions: list[str]) -> set[str]:
    return {*permissions, *(_CALLER[thing] if "ALL" in permissions else ())}


def _meet(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _is_not_granted(error: BaseException) -> bool:
    # Or whoever had it is gone.
    said = ("No permissions revoked", "Invalid principal")
    return error_code(error) == "InvalidInputException" and any(s in str(error) for s in said)


def _grouped(grants: Iterable[Grant]) -> Iterator[list[Grant]]:
    """Yield what one principal has on one thing."""
    for _, some in groupby(sorted(grants), lambda grant: grant[:2]):
        yield list(some)


def _title(grant: Grant) -> str:
    """Return whose something is on what, without what all ARNs of the account share."""
    kind, _, name = grant.principal.split(":", 5)[5].partition("/")
    return f"{kind} {name.rpartition('/')[2]} on {grant.on.rpartition(':')[2]}"


def _fields(grants: set[Grant]) -> dict[str, str]:
    return {
        _title(some[0]): ", ".join(grant.permission for grant in some) for some in _grouped(grants)
    }


def _text(grants: set[Grant]) -> str:
    """Return grants as the database notes them."""
    told: dict[str, dict[str, list[str]]] = {}
    for principal, thing, permission in sorted(grants):
        told.setdefault(principal, {}).setdefault(thing, []).append(permission)
    return json.dumps(told) if told else ""
