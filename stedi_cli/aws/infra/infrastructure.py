"""All that a lakehouse needs on AWS: one comparison, from which plan, up and status come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property, partial
from typing import Any

from stedi_cli.aws.account import side_by_side
from stedi_cli.aws.infra.bucket import Bucket
from stedi_cli.aws.infra.database import Database, counting_on_endpoints
from stedi_cli.aws.infra.endpoint import Endpoint
from stedi_cli.aws.infra.given_role import WAY_OUT, GivenRole
from stedi_cli.aws.infra.grants import Grants
from stedi_cli.aws.infra.jobs import Jobs
from stedi_cli.aws.infra.landing_tables import LandingTables
from stedi_cli.aws.infra.log_groups import LogGroups
from stedi_cli.aws.infra.objects import Objects
from stedi_cli.aws.infra.patience import patiently
from stedi_cli.aws.infra.resource import Kind
from stedi_cli.aws.infra.role import Role
from stedi_cli.aws.infra.work_group import WorkGroup
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.lodgers import databases, lodgers
from stedi_cli.aws.strangers import is_ours
from stedi_cli.aws.table_files import TableFiles
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.records import Plan, Resource
from stedi_cli.lake.strangers import LANDING_ZONE

_STATES = {
    "create": "missing",
    "change": "changed",
    "replace": "changed",
    "remove": "changed",
    "refuse": "not ours",
    "leave": "left",
    "lack": "lacking",
}
_AS_IT_IS = ("keep", "lack", "leave")
# Seconds before each look at what is left: what was deleted may be seen for a while.
_LOOKS = (0, 1, 3, 6)
_KEPT = (Bucket.kind, Database.kind, Grants.kind, LandingTables.kind)


class Infrastructure:
    """Makes, compares and removes what a lakehouse needs on AWS.

    Names and tags tell what is ours; nothing is remembered elsewhere.

    Args:
        layout: The names, and what it should be like.
        sleep: Waits for AWS to make known what was done.
    """

    def __init__(self, layout: Layout, sleep: Callable[[float], None] = time.sleep) -> None:
        self.layout = layout
        self._sleep = sleep
        given = GivenRole(layout) if layout.settings.role_arn else None
        own, database = Role(layout), Database(layout)
        endpoint = Endpoint(layout, self._other_lakehouses)
        logs = LogGroups(layout)
        bucket = Bucket(layout, logs.promises if given else own.promises, sleep)
        self._given = given
        self._bucket, self._database = bucket, database
        self._grants = Grants(layout, database)
        self._objects = Objects(layout, bucket)
        # Each stage needs those before it; within a stage, none needs another. Role and logs come
        # first and go last, since they tell whose an untagged bucket is.
        self._stages: list[list[Kind]] = [
            [given or own, logs],
            [bucket, database, endpoint],
            [self._grants],
            [self._objects, LandingTables(layout, database), WorkGroup(layout)],
            [Jobs(layout, sleep)],
        ]
        self._unwanted: list[Kind] = [] if layout.settings.s3_endpoint else [endpoint]

    @property
    def _kinds(self) -> list[Kind]:
        return [kind for stage in self._stages for kind in stage]

    def plan(self) -> Plan:
        """Return what ``up`` would do; reads only.

        Raises:
            StediError: If AWS cannot be asked.
        """
        looked = self._look()
        return self._examined(looked, wholly=bool(looked.todo))

    def _look(self) -> Plan:
        self._refuse_key_elsewhere()
        # Both need the account's number; known before, it is asked for once.
        _ = self.layout.account.id
        kinds = [kind for kind in self._kinds if kind not in self._unwanted]
        first = [kind for kind in kinds if kind is not self._grants]
        looked = dict(zip(first, side_by_side([kind.look for kind in first]), strict=True))
        # The look at the database tells what was granted.
        looked[self._grants] = self._grants.look()
        return Plan(tuple(change for kind in kinds for change in looked[kind]))

    def _refuse_key_elsewhere(self) -> None:
        # AWS itself says that there is no such key, or nothing before the first upload.
        key, region = self.layout.settings.kms_key, self.layout.account.region
        if key and key.split(":")[3] != region:
            raise UsageError(
                f"kms_key is a key of {key.split(':')[3]}, and the lakehouse is in {region}.",
                hint="Set kms_key in the config file to a key of that region.",
            )

    def _examined(self, plan: Plan, *, wholly: bool = True) -> Plan:
        """Say what a role that is not ours lacks, which takes a call for each of its policies.

        Unless ``wholly``, say that it was not looked at.
        """
        if self._given is None:
            return plan
        role, look = self._given, self._given.examined if wholly else self._given.unexamined
        return Plan(tuple(look(c) if c.kind == role.kind else c for c in plan.changes))

    def up(self, plan: Plan | None = None, *, replace: bool = False) -> Iterator[Resource]:
        """Make what is missing and change what differs; what is as it should be is left alone.

        Args:
            plan: What is carried out; None for what a look finds now.
            replace: Whether what cannot be changed in place is deleted and made again.

        Yields:
            What was done, a stage at a time, and what is waited for.

        Raises:
            UsageError: If something of the same name is not ours, or would have to be replaced;
                nothing was changed.
            StediError: If AWS refuses; what was made is found by the next ``up``.
        """
        plan = plan or self.plan()
        self._refuse(plan, replace=replace)
        for stage in self._stages:
            kinds = {kind.kind: kind for kind in stage}
            changes = [change for change in plan.changes if change.kind in kinds]
            todo = [change for change in changes if change.action not in _AS_IT_IS]
            done = yield from patiently(kinds, todo, self._sleep)
            carried_out = {(resource.kind, resource.name): resource for resource in done}
            for change in changes:
                state = _STATES.get(change.action, "there")
                there = Resource(change.kind, change.name, state, change.note, change.ours)
                yield carried_out.get((change.kind, change.name), there)
        kinds_here = {kind.kind for kind in self._kinds}
        for change in plan.changes:
            if change.kind not in kinds_here:
                yield Resource(change.kind, change.name, "left", change.note)

    def _refuse(self, plan: Plan, *, replace: bool) -> None:
        foreign = [f"{c.kind} {c.name} {c.note}" for c in plan.changes if c.action == "refuse"]
        kinds = {change.kind for change in plan.changes if change.action == "refuse"}
        if self._given and kinds == {self._given.kind}:
            raise UsageError(f"In the way: {foreign[0]}. Nothing was changed.", hint=WAY_OUT)
        if foreign:
            raise UsageError(
                f"In the way: {'; '.join(foreign)}. Nothing was changed.",
                hint="Choose other names in the config file, or those that it was made with; or"
                " remove what is there yourself.",
            )
        fixed = [f"{c.kind} {c.name}" for c in plan.changes if c.action == "replace"]
        if fixed and not replace:
            raise UsageError(
                f"To be deleted and made again: {'; '.join(fixed)}. Nothing was changed.",
                hint="Add --yes to do so; `stedi infra plan` shows why.",
            )

    def status(self) -> list[Resource]:
        """Return each part with its drift.

        ``there``, ``missing``, ``changed``, ``lacking`` or ``not ours``.
        """
        parts = [
            Resource(
                change.kind,
                change.name,
                _STATES.get(change.action, "there"),
                change.note or ", ".join(field for field, _, _ in change.fields),
                change.ours,
            )
            for change in self._examined(self._look()).changes
        ]
        # Where there is no database or bucket, or none that may be seen, that is said of it above.
        with suppress(StediError):
            found = TableFiles(self.layout).strangers()
            zones = [stranger for stranger in found if stranger.kind == LANDING_ZONE]
            parts += [Resource(zone.kind, zone.name, "left", zone.note) for zone in zones]
        return parts

    def has_bucket(self) -> bool:
        """Tell whether the bucket is there with our tag."""
        with self._bucket.errors():
            found = self._bucket.to_remove()
        return any(there.ours and not there.note for there in found.values())

    def refuse_foreign_bucket(self) -> None:
        """Raise StediError if the bucket is there without our tag: nothing is put into it then."""
        with self._bucket.errors():
            found = self._bucket.to_remove()
        for name, there in found.items():
            if there.note or not there.ours:
                raise StediError(
                    f"bucket {name} {there.note or self._bucket.untagged}. Nothing was changed.",
                    hint="Run `stedi infra up`; it says whether the bucket can be used.",
                )

    def refresh_objects(self) -> list[Resource]:
        """Make script, contract, model and SQL in the bucket those of the project.

        Returns:
            What was put; nothing where all was up to date.

        Raises:
            StediError: If ``up`` has not been here.
        """
        looked = self._objects.look()
        if all(change.action == "create" for change in looked):
            raise StediError(
                f"There is no lakehouse in bucket {self.layout.bucket}.",
                hint="Make one with `stedi infra up`.",
            )
        changes = [change for change in looked if change.action != "keep"]
        if changes:
            self.refuse_foreign_bucket()
        return side_by_side([partial(self._objects.carry_out, change) for change in changes])

    def down(self, *, keep_data: bool = False) -> Iterator[Resource]:
        """Remove what is ours in the reverse order, then look whether anything is left over.

        Args:
            keep_data: Whether bucket, landing files, database and tables stay.

        Yields:
            What was removed, and what is there and not ours.

        Raises:
            UsageError: If tables of others lie in the bucket; nothing was changed.
            StediError: If AWS refuses, or something of ours is left over.
        """
        self._refuse_renamed()
        if not keep_data:
            self._refuse_lodgers()
        # Objects go with their bucket; the bucket goes before the role, which vouches for it.
        stay = _KEPT if keep_data else (Objects.kind,)
        if keep_data:
            self._grants.release()
        removed = [kind for kind in reversed(self._kinds) if kind.kind not in stay]
        for kind in removed:
            yield from kind.remove()
        if keep_data:
            self._database.release()
            for kind in (kind for kind in self._kinds if kind.kind in _KEPT):
                with kind.errors():
                    kept = list(kind.to_remove())
                yield from (Resource(kind.kind, n, "left", "kept with its data") for n in kept)
        self._prove_gone(removed)

    def _prove_gone(self, kinds: list[Kind]) -> None:
        left: list[Resource] = []
        for wait in _LOOKS:
            self._sleep(wait)
            remaining = side_by_side([kind.remaining for kind in kinds])
            left = [part for parts in remaining for part in parts]
            if not left:
                return
        raise StediError(
            f"Left over: {', '.join(f'{part.kind} {part.name}' for part in left)}.",
            hint="Run `stedi infra down` again.",
        )

    def _refuse_lodgers(self) -> None:
        layout = self.layout
        with self._bucket.errors():
            if not any(there.ours for there in self._bucket.to_remove().values()):
                return
        read = TableFiles(layout).read
        others = [
            lodger.title
            for lodger in lodgers(layout, self._databases)
            if lodger.database != layout.database or not is_ours(layout, lodger.table, read)
        ]
        if others:
            raise UsageError(
                f"In bucket {layout.bucket} lie files of tables that are not ours:"
                f" {', '.join(sorted(others))}. Nothing was changed.",
                hint="Move those tables or remove them with what made them; or keep the bucket"
                " with --keep-data.",
            )

    @cached_property
    def _databases(self) -> list[dict[str, Any]]:
        return databases(self.layout)

    def _other_lakehouses(self) -> dict[str, str]:
        found = counting_on_endpoints(self._databases)
        return {name: vpc for name, vpc in found.items() if name != self.layout.database}

    def _refuse_renamed(self) -> None:
        with self._database.errors():
            found = self._database.read()
        for name, there in found.items():
            if there.note:
                raise UsageError(
                    f"database {name} {there.note}. Nothing was changed.",
                    hint="Put these names into the config file, then run `stedi infra down`.",
                )
