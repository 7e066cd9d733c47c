"""The Glue database."""

from __future__ import annotations

from functools import partial
from typing import Any

from stedi_cli.aws.account import side_by_side
from stedi_cli.aws.infra.resource import Found, Kind, ask, ask_all
from stedi_cli.aws.layout import TAG, Layout
from stedi_cli.aws.lodgers import lakehouse_of
from stedi_cli.lake.records import Resource

_BUCKET, _ROLE, _WORK_GROUP = _NAMES = ("stedi:bucket", "stedi:role", "stedi:work_group")
_VPC = "stedi:vpc"
GRANTS = "stedi:grants"
"""The parameter that notes what of Lake Formation was granted."""
DEFAULT_VPC = "default"
_SHOWN = 3
# What a put takes of what a look tells.
_PUT = ("Name", "Description", "LocationUri", "Parameters", "CreateTableDefaultPermissions")


class Database(Kind):
    """The one database; its parameters carry the tag too, so that one call reads both.

    Args:
        layout: Its name, and those of what is noted in it.

    Attributes:
        is_ours_and_there: Whether there is one of ours, as the last look at it told.
        grants: What of Lake Formation was granted, as it was noted by then.
    """

    kind = "database"

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.is_ours_and_there = False
        self.grants = ""
        self._found: dict[str, Any] = {}

    def names(self) -> list[str]:
        return [self.layout.database]

    def _input(self) -> dict[str, Any]:
        return {
            "Name": self.layout.database,
            "Description": "The STEDI lakehouse",
            "LocationUri": self.layout.uri(self.layout.settings.warehouse_prefix),
            "Parameters": {
                TAG: self.layout.database,
                **self._names(),
                **self._vpc(),
                **self._noted(),
            },
        }

    def _vpc(self) -> dict[str, str]:
        """What tells other lakehouses in whose VPC this one counts on an S3 endpoint."""
        settings = self.layout.settings
        return {_VPC: settings.vpc or DEFAULT_VPC} if settings.s3_endpoint else {}

    def _noted(self) -> dict[str, str]:
        return {GRANTS: self.grants} if self.grants else {}

    def _names(self) -> dict[str, str]:
        """What else is looked for by its name, so that another name in the config is noticed."""
        settings = self.layout.settings
        # A role that was there needs no removal.
        role = {} if settings.role_arn else {_ROLE: self.layout.role}
        return {_BUCKET: self.layout.bucket, **role, _WORK_GROUP: self.layout.work_group}

    def wanted(self, name: str) -> dict[str, str]:
        wanted = self._input()
        return {
            "description": wanted["Description"],
            "location": wanted["LocationUri"],
            "names": _text(self._names()),
            "vpc": self._vpc().get(_VPC, ""),
            **({"tags": self.tags_text(self.layout.tags)} if self.layout.settings.tags else {}),
        }

    def _arn(self) -> str:
        return self.layout.glue_arn(f"database/{self.layout.database}")

    def read(self) -> dict[str, Found]:
        name, glue = self.layout.database, self.layout.account.client("glue")
        calls = [partial(ask, glue.get_database, Name=name)]
        # Its parameters tell what is ours; a tag that nobody asked for is not worth a call.
        own = self.layout.settings.tags
        calls += [partial(ask, glue.get_tags, ResourceArn=self._arn())] if own else []
        answer, *tagged = side_by_side(calls)
        found = self._found = answer["Database"] if answer else {}
        parameters = found.get("Parameters") or {}
        self.is_ours_and_there = self.is_ours(parameters)
        self.grants = parameters.get(GRANTS, "") if self.is_ours_and_there else ""
        if not found:
            return {}
        names = {key: parameters[key] for key in _NAMES if key in parameters}
        if self.is_ours(parameters) and not names.items() <= self._names().items():
            return {name: Found({}, ours=False, note=f"was made with {_text(names)}")}
        fields = {
            "description": found.get("Description", ""),
            "location": found.get("LocationUri", ""),
            "names": _text(names),
            "vpc": parameters.get(_VPC, ""),
            "tags": self.tags_text((tagged[0] or {}).get("Tags", {})) if tagged else "",
        }
        return {name: Found(fields, ours=self.is_ours(parameters))}

    def to_remove(self) -> dict[str, Found]:
        """Read it; with tables of others in it, it stays, since they would go with it."""
        found = self.read()
        if not any(there.ours for there in found.values()):
            return found
        glue = self.layout.account.client("glue")
        tables = ask_all(glue, "get_tables", "TableList", DatabaseName=self.layout.database)
        if not tables:
            return found
        names = [str(table["Name"]) for table in tables]
        others = f" and {len(names) - _SHOWN} others" if len(names) > _SHOWN else ""
        note = f"it holds what is not ours: {', '.join(names[:_SHOWN])}{others}"
        return {n: Found(f.fields, ours=False, note=note) for n, f in found.items()}

    def remaining(self) -> list[Resource]:
        """Return it where it is still there, for whatever reason."""
        with self.errors():
            ours = [name for name, there in self.read().items() if there.ours]
        return [Resource(self.kind, name, "left") for name in ours]

    def create(self, name: str) -> None:
        self.layout.account.client("glue").create_database(
            DatabaseInput=self._input(), Tags=self.layout.tags
        )

    def update(self, name: str, fields: set[str]) -> None:
        glue = self.layout.account.client("glue")
        if "tags" in fields:
            glue.tag_resource(ResourceArn=self._arn(), TagsToAdd=self.layout.tags)
        if fields - {"tags"}:
            # A put replaces all of it, what is noted included.
            self.read()
            self._put(self._input()["Parameters"])

    def _put(self, parameters: dict[str, str]) -> None:
        """Put it as it should be with parameters of ours; what others set of it stays."""
        there = {key: self._found[key] for key in _PUT if key in self._found}
        theirs = {
            key: text
            for key, text in (there.get("Parameters") or {}).items()
            if not key.startswith("stedi:")
        }
        self.layout.account.client("glue").update_database(
            Name=self.layout.database,
            DatabaseInput={**there, **self._input(), "Parameters": {**theirs, **parameters}},
        )

    def note_grants(self, grants: str) -> None:
        """Note what is granted from now on, where the last look told something else."""
        if grants == self.grants:
            return
        self.grants = grants
        # A put replaces all of it, and what else differs is not looked at here.
        there = {key: self._found[key] for key in _PUT if key in self._found}
        others = {key: text for key, text in there["Parameters"].items() if key != GRANTS}
        self.layout.account.client("glue").update_database(
            Name=self.layout.database,
            DatabaseInput={**there, "Parameters": {**others, **self._noted()}},
        )

    def release(self) -> None:
        """Forget role, work group and endpoint, which are gone while the database stays."""
        with self.errors():
            if not any(there.ours for there in self.read().values()):
                return
            kept = {TAG: self.layout.database, _BUCKET: self.layout.bucket, **self._noted()}
            self._put(kept)

    def delete(self, name: str) -> None:
        """Delete it; its tables are deleted before."""
        ask(self.layout.account.client("glue").delete_database, Name=name)


def counting_on_endpoints(found: list[dict[str, Any]]) -> dict[str, str]:
    """Return the lakehouses that count on an S3 endpoint, each with its VPC as its config names it.

    Args:
        found: The databases of the account and region.
    """
    told = {
        str(d["Name"]): d.get("Parameters") or {} for d in found if lakehouse_of(d) == d["Name"]
    }
    return {name: told[name][_VPC] for name in sorted(told) if _VPC in told[name]}


def _text(names: dict[str, str]) -> str:
    return ", ".join(
        f"{key.removeprefix('stedi:').replace('_', ' ')} {name}"
        for key, name in sorted(names.items())
    )
