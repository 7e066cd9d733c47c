"""The S3 endpoint, where it is left to us: made where it disturbs nobody, and not where it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Result
from sandbox.faults import How
from sandbox.server import Sandbox

from aws.places import CONFIG, infrastructure, inventory
from stedi_cli.aws.layout import TAG
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.records import Change
from stedi_cli.project.folder import copy_out
from stedi_cli.project.settings import load_settings

Invoke = Callable[..., Result]
# A second lakehouse in the same account and region.
OTHER = {"name": "other"}


def endpoint(**aws: Any) -> Change:
    (found,) = [c for c in infrastructure(**aws).plan().changes if c.kind == "endpoint"]
    return found


def made(sandbox: Sandbox) -> list[dict[str, Any]]:
    found = sandbox.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    return [e for e in found if e["State"].lower() not in ("deleted", "deleting")]


def default_vpc(sandbox: Sandbox) -> str:
    ec2 = sandbox.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    return str(vpc["VpcId"])


def begin_work(sandbox: Sandbox) -> str:
    """Start an instance in the default VPC; returns the id of its network interface."""
    ec2 = sandbox.client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    (instance,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
    return str(instance["NetworkInterfaces"][0]["NetworkInterfaceId"])


def test_none_is_made_in_a_vpc_in_which_something_is_at_work(
    sandbox: Sandbox, invoke: Invoke
) -> None:
    interface = begin_work(sandbox)
    before = inventory(sandbox)
    change = endpoint()
    assert change.action == "leave"
    assert f"{interface} is at work in {default_vpc(sandbox)}" in change.note
    assert "jobs without a VPC connection do not need it" in change.note
    told = invoke("--config", CONFIG, "infra", "plan")
    assert interface in told.out
    told = invoke("--config", CONFIG, "infra", "up", "--no-data")
    assert told.code == 0, told.err
    assert made(sandbox) == []
    told = invoke("--config", CONFIG, "infra", "status")
    assert (told.code, interface in told.out) == (0, True)
    plan = invoke("--config", CONFIG, "infra", "plan")
    assert "Everything is in place." in plan.out
    # Asked for, it is made; made, it is kept.
    assert endpoint(s3_endpoint=True).action == "create"
    list(infrastructure(s3_endpoint=True).up())
    assert endpoint().action == "keep"
    list(infrastructure().down())
    assert inventory(sandbox) == before


def test_no_route_of_ours_is_added_where_something_is_at_work(sandbox: Sandbox) -> None:
    """It would break connections to S3, as a new endpoint does."""
    list(infrastructure().up())
    ec2 = sandbox.client("ec2")
    table = ec2.create_route_table(VpcId=default_vpc(sandbox))["RouteTable"]["RouteTableId"]
    asked = {"route_tables": [*made(sandbox)[0]["RouteTableIds"], table]}
    # Nothing is at work yet.
    assert endpoint(**asked).action == "change"
    interface = begin_work(sandbox)
    change = endpoint(**asked)
    assert (change.action, interface in change.note) == ("keep", True)
    tagged = endpoint(**asked, tags={"team": "x"})
    assert (tagged.action, [field for field, _, _ in tagged.fields]) == ("change", ["tags"])
    list(infrastructure(**asked, tags={"team": "x"}).up())
    assert table not in made(sandbox)[0]["RouteTableIds"]
    list(infrastructure(**asked, s3_endpoint=True).up())
    assert table in made(sandbox)[0]["RouteTableIds"]


def test_who_may_see_nothing_of_ec2_does_without_it(sandbox: Sandbox) -> None:
    before = inventory(sandbox)
    sandbox.fail(How.DENIED, service="ec2", agent="stedi", calls=None)
    list(infrastructure(s3_endpoint=False).up())
    (left,) = [r for r in infrastructure(s3_endpoint=False).down() if r.kind == "endpoint"]
    assert (left.state, "ec2:DescribeVpcEndpoints is denied" in left.note) == ("left", True)
    assert inventory(sandbox) == before
    with pytest.raises(StediError, match="endpoint"):
        list(infrastructure().down())


def test_an_interface_that_nothing_uses_is_no_work(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    vpc = [{"Name": "vpc-id", "Values": [default_vpc(sandbox)]}]
    subnet = ec2.describe_subnets(Filters=vpc)["Subnets"][0]["SubnetId"]
    ec2.create_network_interface(SubnetId=subnet)
    assert endpoint().action == "create"


def test_a_vpc_that_has_one_needs_no_second(sandbox: Sandbox) -> None:
    vpc, ec2 = default_vpc(sandbox), sandbox.client("ec2")
    ec2.create_route_table(VpcId=vpc)
    name = f"com.amazonaws.{sandbox.region}.s3"
    theirs = ec2.create_vpc_endpoint(VpcEndpointType="Gateway", VpcId=vpc, ServiceName=name)
    number = theirs["VpcEndpoint"]["VpcEndpointId"]
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.modify_vpc_endpoint(VpcEndpointId=number, AddRouteTableIds=[tables[-1]["RouteTableId"]])
    before = inventory(sandbox)
    change = endpoint()
    assert (change.action, number in change.note) == ("keep", True)
    list(infrastructure().up())
    list(infrastructure().down())
    assert inventory(sandbox) == before


def test_without_a_default_vpc_there_is_none(sandbox: Sandbox) -> None:
    ec2, vpc = sandbox.client("ec2"), default_vpc(sandbox)
    for subnet in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)
    before = inventory(sandbox)
    change = endpoint()
    assert (change.action, "no default VPC" in change.note) == ("leave", True)
    list(infrastructure().up())
    list(infrastructure().down())
    assert inventory(sandbox) == before


@pytest.mark.parametrize(("asked", "named"), [("auto", False), (True, False), ("auto", True)])
def test_one_that_another_lakehouse_uses_stays_until_that_goes(
    sandbox: Sandbox, asked: str | bool, *, named: bool
) -> None:
    before = inventory(sandbox)
    list(infrastructure().up())
    other = {**OTHER, "s3_endpoint": asked, **({"vpc": default_vpc(sandbox)} if named else {})}
    list(infrastructure(**other).up())
    (there,) = made(sandbox)
    left = [r for r in infrastructure().down() if r.kind == "endpoint"]
    assert [(r.state, "lakehouse other" in r.note) for r in left] == [("left", True)]
    (now,) = made(sandbox)
    assert now["VpcEndpointId"] == there["VpcEndpointId"]
    assert {tag["Key"]: tag["Value"] for tag in now["Tags"]} == {TAG: "other"}
    second = infrastructure(**other)
    assert {change.action for change in second.plan().changes} == {"keep"}
    list(second.down())
    assert inventory(sandbox) == before


def other_in_another_vpc(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    within, name = [{"Name": "vpc-id", "Values": [vpc]}], f"com.amazonaws.{sandbox.region}.s3"
    tables = [t["RouteTableId"] for t in ec2.describe_route_tables(Filters=within)["RouteTables"]]
    ec2.create_vpc_endpoint(
        VpcEndpointType="Gateway", VpcId=vpc, ServiceName=name, RouteTableIds=tables
    )
    list(infrastructure(**OTHER, vpc=vpc).up())


def other_without_one(sandbox: Sandbox) -> None:
    list(infrastructure(**OTHER, s3_endpoint=False).up())


def other_of_which_data_alone_is_left(sandbox: Sandbox) -> None:
    list(infrastructure(**OTHER).up())
    list(infrastructure(**OTHER).down(keep_data=True))


@pytest.mark.parametrize(
    "other", [other_in_another_vpc, other_without_one, other_of_which_data_alone_is_left]
)
def test_one_that_no_other_lakehouse_uses_goes(
    sandbox: Sandbox, other: Callable[[Sandbox], None]
) -> None:
    list(infrastructure().up())
    (own,) = made(sandbox)
    other(sandbox)
    done = [r.state for r in infrastructure().down() if r.kind == "endpoint"]
    assert done == ["removed"]
    assert own["VpcEndpointId"] not in {e["VpcEndpointId"] for e in made(sandbox)}


def test_the_setting_is_auto_true_or_false(tmp_path: Path) -> None:
    config = tmp_path / "project" / "configs" / "aws.yaml"
    copy_out(PROJECT, tmp_path / "project")
    for text, wanted in (("", "auto"), ("auto", "auto"), ("true", True), ("false", False)):
        config.write_text(f"target: aws\n{f's3_endpoint: {text}' if text else ''}\n")
        assert getattr(load_settings(config), "s3_endpoint") == wanted  # noqa: B009
    config.write_text("target: aws\ns3_endpoint: maybe\n")
    with pytest.raises(UsageError, match="s3_endpoint: It is auto, true or false") as told:
        load_settings(config)
    assert "\n" not in told.value.message
