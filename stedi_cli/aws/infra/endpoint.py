"""The S3 gateway endpoint of a VPC; one that exists already is used, and never touched."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

from stedi_cli.aws.account import is_denied
from stedi_cli.aws.infra.database import DEFAULT_VPC
from stedi_cli.aws.infra.resource import (
    Found,
    Kind,
    ask,
    from_key_values,
    key_values,
)
from stedi_cli.aws.layout import TAG, Layout
from stedi_cli.errors import StediError
from stedi_cli.lake.records import Change, Resource

_ROUTES = "route tables"
_IDLE = "available"
_NOT_NEEDED = "jobs without a VPC connection do not need it"
_NEEDED = "jobs need it, or a NAT gateway: s3_endpoint: true makes it"
_GONE = ("deleting", "deleted", "failed", "rejected", "expired")


class Endpoint(Kind):
    """The one endpoint; its name is that of the service that it leads to.

    Args:
        layout: VPC and route tables, where they are configured.
        lakehouses: Returns the other lakehouses that count on an endpoint, each with its VPC as its
            config names it.
    """

    kind = "endpoint"
    fixed: ClassVar[frozenset[str]] = frozenset({"vpc"})

    def __init__(self, layout: Layout, lakehouses: Callable[[], dict[str, str]]) -> None:
        super().__init__(layout)
        self._lakehouses = lakehouses
        self._auto = layout.settings.s3_endpoint == "auto"
        self._vpc = ""
        self._route_tables: list[str] = []
        self._own: dict[str, Any] | None = None

    def names(self) -> list[str]:
        """Return the name of the service."""
        return [f"com.amazonaws.{self.layout.account.region}.s3"]

    def wanted(self, name: str) -> dict[str, str]:
        """Return VPC, route tables and tags; known once it was read."""
        return {
            "vpc": self._vpc,
            _ROUTES: ", ".join(self._route_tables),
            "tags": self.tags_text(self.layout.tags),
        }

    def look(self) -> list[Change]:
        """Compare it; where it is left to us, no route is set where something is at work.

        That would break open connections to S3, and addresses that others rely on would be private.
        """
        (looked,) = super().look()
        routes = [f for f in looked.fields if f[0] == _ROUTES] if looked.action == "change" else []
        if not self._auto or (looked.action != "create" and not routes):
            return [looked]
        with self.errors():
            why = self._against_it()
        if not why:
            return [looked]
        if looked.action == "create":
            inside = self.layout.settings.vpc_connection
            note = f"not made: {why}; {_NEEDED if inside else _NOT_NEEDED}"
            return [Change(self.kind, looked.name, "leave", note=note, ours=False)]
        others = tuple(field for field in looked.fields if field not in routes)
        note = f"{looked.note}, whose route tables stay: {why}; s3_endpoint: true sets them"
        action = looked.action if others else "keep"
        return [replace(looked, action=action, fields=others, note=note)]

    def _against_it(self) -> str:
        if not self._vpc:
            return f"region {self.layout.account.region} has no default VPC"
        pages = self.layout.account.client("ec2").get_paginator("describe_network_interfaces")
        found = pages.paginate(Filters=[{"Name": "vpc-id", "Values": [self._vpc]}])
        busy = (i for page in found for i in page["NetworkInterfaces"] if i["Status"] != _IDLE)
        first = next(busy, None)
        return f"{first['NetworkInterfaceId']} is at work in {self._vpc}" if first else ""

    def read(self) -> dict[str, Found]:
        """Read the S3 gateway endpoints of the VPC, its route tables, and ours wherever it is."""
        name, endpoints = self.names()[0], self._endpoints()
        self._own = next((e for e in endpoints if self.is_ours(_tags(e))), None)
        self._vpc = (
            self.layout.settings.vpc or (self._own or {}).get("VpcId") or self._default_vpc()
        )
        if not self._vpc and not self._auto:
            raise StediError(
                f"Region {self.layout.account.region} has no default VPC for the S3 endpoint.",
                hint="Set `s3_endpoint: false`, since these jobs run without one, or set vpc.",
            )
        others = {
            table: other["VpcEndpointId"]
            for other in endpoints
            if other["VpcId"] == self._vpc and not self.is_ours(_tags(other))
            for table in other.get("RouteTableIds", ())
        }
        if not self._vpc:
            return {}
        tables = self.layout.settings.route_tables or self._tables_of(self._vpc)
        self._route_tables = sorted(set(tables) - set(others))
        own = self._own
        if own is None:
            if self._route_tables and not (self._auto and others):
                return {}
            note = f"{', '.join(sorted(set(others.values())))} is not ours, and is used"
            return {name: Found({}, ours=False, used=True, note=note)}
        fields = {
            "vpc": own["VpcId"],
            _ROUTES: ", ".join(sorted(own.get("RouteTableIds", ()))),
            "tags": self.tags_text(_tags(own)),
        }
        return {name: Found(fields, note=own["VpcEndpointId"])}

    def _know(self) -> None:
        """Look at the VPC, unless that was done: the plan may be one that another object made."""
        if not self._vpc:
            self.read()

    def _endpoints(self) -> list[dict[str, Any]]:
        ec2 = self.layout.account.client("ec2")
        pages = ec2.get_paginator("describe_vpc_endpoints").paginate(
            Filters=[
                {"Name": "service-name", "Values": self.names()},
                {"Name": "vpc-endpoint-type", "Values": ["Gateway"]},
            ]
        )
        found = [endpoint for page in pages for endpoint in page["VpcEndpoints"]]
        return [e for e in found if str(e.get("State", "")).lower() not in _GONE]

    def _default_vpc(self) -> str:
        ec2 = self.layout.account.client("ec2")
        found = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        return str(found[0]["VpcId"]) if found else ""

    def _tables_of(self, vpc: str) -> list[str]:
        ec2 = self.layout.account.client("ec2")
        pages = ec2.get_paginator("describe_route_tables").paginate(
            Filters=[{"Name": "vpc-id", "Values": [vpc]}]
        )
        found = [table for page in pages for table in page["RouteTables"]]
        if not found:
            raise StediError(f"There is no VPC {vpc}.", hint="Look at vpc in the config file.")
        # The main one serves every subnet without a table of its own; others need a subnet.
        serving = [t["RouteTableId"] for t in found if t.get("Associations")]
        return serving or [t["RouteTableId"] for t in found]

    def create(self, name: str) -> None:
        self._know()
        self.layout.account.client("ec2").create_vpc_endpoint(
            VpcEndpointType="Gateway",
            VpcId=self._vpc,
            ServiceName=name,
            RouteTableIds=self._route_tables,
            # The same in boto3's own retries, so that a lost answer makes no second one.
            ClientToken=uuid.uuid4().hex,
            TagSpecifications=[
                {"ResourceType": "vpc-endpoint", "Tags": key_values(self.layout.tags)}
            ],
        )

    def update(self, name: str, fields: set[str]) -> None:
        self._know()
        ec2 = self.layout.account.client("ec2")
        assert self._own is not None
        number = self._own["VpcEndpointId"]
        if _ROUTES in fields:
            there, wanted = set(self._own.get("RouteTableIds", ())), set(self._route_tables)
            lists = {
                "AddRouteTableIds": sorted(wanted - there),
                "RemoveRouteTableIds": sorted(there - wanted),
            }
            given = {key: tables for key, tables in lists.items() if tables}
            ec2.modify_vpc_endpoint(VpcEndpointId=number, **given)
        if "tags" in fields:
            ec2.create_tags(Resources=[number], Tags=key_values(self.layout.tags))

    def delete(self, name: str) -> None:
        """Delete the one that is tagged as ours."""
        ec2 = self.layout.account.client("ec2")
        for own in [e for e in self._endpoints() if self.is_ours(_tags(e))]:
            answer = ask(ec2.delete_vpc_endpoints, VpcEndpointIds=[own["VpcEndpointId"]])
            failed = [f["Error"] for f in (answer or {}).get("Unsuccessful", ())]
            # What is gone already is told here, not by an error of the call.
            for error in [e for e in failed if not str(e["Code"]).endswith(".NotFound")][:1]:
                raise StediError(
                    f"Endpoint {own['VpcEndpointId']} cannot be deleted: {error['Message']}.",
                    hint="Run `stedi infra down` again.",
                )

    def remove(self) -> Iterator[Resource]:
        """Delete it, unless another lakehouse counts on it, has no other, and takes it over."""
        with self.errors():
            endpoints = self._endpoints_seen()
            ours = [e for e in endpoints or () if self.is_ours(_tags(e))]
            heir = self._heir(ours, endpoints or []) if ours else ""
            if heir:
                ec2, tag = self.layout.account.client("ec2"), key_values({TAG: heir})
                ec2.create_tags(Resources=[e["VpcEndpointId"] for e in ours], Tags=tag)
        if endpoints is None:
            note = "not looked for (ec2:DescribeVpcEndpoints is denied); none is asked for"
            yield Resource(self.kind, self.names()[0], "left", note)
            return
        if not heir:
            yield from self._removed(self._found(ours))
        for endpoint in ours if heir else ():
            number, name = endpoint["VpcEndpointId"], self.names()[0]
            note = f"{number} is now of lakehouse {heir}, which uses it"
            yield Resource(self.kind, name, "left", note)

    def _endpoints_seen(self) -> list[dict[str, Any]] | None:
        """Return the endpoints; None where none is asked for, and they may not be looked at."""
        from botocore.exceptions import ClientError

        try:
            return self._endpoints()
        except ClientError as error:
            if self.layout.settings.s3_endpoint or not is_denied(error):
                raise
            return None

    def _heir(self, ours: list[dict[str, Any]], endpoints: list[dict[str, Any]]) -> str:
        owners = {_tags(endpoint).get(TAG) for endpoint in endpoints}
        others = {name: vpc for name, vpc in self._lakehouses().items() if name not in owners}
        here = {endpoint["VpcId"] for endpoint in ours}
        if DEFAULT_VPC in others.values() and self._default_vpc() in here:
            here.add(DEFAULT_VPC)
        return next((name for name, vpc in others.items() if vpc in here), "")

    def to_remove(self) -> dict[str, Found]:
        """Read only what is ours: without a default VPC there may still be one elsewhere."""
        own = [e for e in self._endpoints_seen() or () if self.is_ours(_tags(e))]
        return self._found(own)

    def _found(self, own: list[dict[str, Any]]) -> dict[str, Found]:
        return {self.names()[0]: Found({}, note=e["VpcEndpointId"]) for e in own}


def _tags(endpoint: dict[str, Any]) -> dict[str, str]:
    return from_key_values(endpoint.get("Tags"))
