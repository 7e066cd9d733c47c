"""Lake Formation of the stand-in: nothing where IAM decides alone, and AWS's refusals elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox import lake_formation
from sandbox.server import Credentials, Sandbox

ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
PLACE = "s3://lake/warehouse"
DATABASE = {"Database": {"Name": "d"}}
TABLES = {"Table": {"DatabaseName": "d", "TableWildcard": {}}}


def somebody(sandbox: Sandbox, name: str = "ann") -> tuple[str, Credentials]:
    return f"arn:aws:iam::{sandbox.account}:user/{name}", sandbox.user(ALL, name)


def table(name: str = "t") -> dict[str, Any]:
    return {"Name": name, "StorageDescriptor": {"Columns": [], "Location": f"{PLACE}/{name}"}}


def change(verb: str, sandbox: Sandbox, who: str, thing: dict[str, Any], *permissions: str) -> None:
    client = sandbox.client("lakeformation")
    getattr(client, f"{verb}_permissions")(
        Principal={"DataLakePrincipalIdentifier": who}, Resource=thing, Permissions=permissions
    )


def test_where_iam_decides_alone_nothing_is_refused(sandbox: Sandbox) -> None:
    _, held = somebody(sandbox)
    glue = sandbox.client("glue", held)
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        glue.get_table(DatabaseName="d", Name="t")
    glue.create_database(DatabaseInput={"Name": "d"})
    _, other = somebody(sandbox, "bob")
    theirs = sandbox.client("glue", other)
    theirs.create_table(DatabaseName="d", TableInput=table())
    theirs.get_tables(DatabaseName="d")
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        theirs.get_table(DatabaseName="d", Name="x")
    theirs.delete_table(DatabaseName="d", Name="t")
    theirs.delete_database(Name="d")
    assert [who for who, *_ in lake_formation.grants(sandbox.region)] == [lake_formation.EVERYBODY]


NEEDED = {
    "get_database": ({"Name": "d"}, DATABASE, "DESCRIBE", "Required Describe on d"),
    "get_tables": ({"DatabaseName": "d"}, DATABASE, "DESCRIBE", "Required Describe on d"),
    "create_table": (
        {"DatabaseName": "d", "TableInput": table("n")},
        DATABASE,
        "CREATE_TABLE",
        "Required Create Table on d",
    ),
    "get_table": ({"DatabaseName": "d", "Name": "t"}, TABLES, "DESCRIBE", "Required Describe on t"),
    "update_table": (
        {"DatabaseName": "d", "TableInput": table()},
        TABLES,
        "ALTER",
        "Required Alter on t",
    ),
    "delete_table": ({"DatabaseName": "d", "Name": "t"}, TABLES, "DROP", "Required Drop on t"),
    "update_database": (
        {"Name": "d", "DatabaseInput": {"Name": "d"}},
        DATABASE,
        "ALTER",
        "Required Alter on d",
    ),
    "delete_database": ({"Name": "d"}, DATABASE, "DROP", "Required Drop on d"),
}


def test_where_it_decides_each_call_needs_its_grant(sandbox: Sandbox) -> None:
    maker, made = somebody(sandbox, "maker")
    ann, held = somebody(sandbox)
    sandbox.govern()
    # Whoever makes something may do everything with it.
    sandbox.client("glue", made).create_database(DatabaseInput={"Name": "d"})
    sandbox.client("glue", made).create_table(DatabaseName="d", TableInput=table())
    glue = sandbox.client("glue", held)
    for call, (asked, thing, permission, said) in NEEDED.items():
        with pytest.raises(ClientError, match="AccessDeniedException") as told:
            getattr(glue, call)(**asked)
        assert f"Insufficient Lake Formation permission(s): {said}" in str(told.value)
        change("grant", sandbox, ann, thing, permission)
        getattr(glue, call)(**asked)
        if call != "delete_database":
            change("revoke", sandbox, ann, thing, permission)
    assert not [who for who, *_ in lake_formation.grants(sandbox.region) if who in (ann, maker)]
    change("revoke", sandbox, lake_formation.EVERYBODY, {"Catalog": {}}, "CREATE_DATABASE")
    with pytest.raises(ClientError, match="Required Create Database on Catalog"):
        glue.create_database(DatabaseInput={"Name": "d"})
    # Nor is such a person told that there is none.
    with pytest.raises(ClientError, match="Required Describe on d"):
        glue.get_database(Name="d")


def test_a_registered_location_is_asked_for_also_where_iam_decides(sandbox: Sandbox) -> None:
    ann, held = somebody(sandbox)
    glue, lake = sandbox.client("glue", held), sandbox.client("lakeformation")
    glue.create_database(DatabaseInput={"Name": "d"})
    place = {"DataLocation": {"ResourceArn": "arn:aws:s3:::lake"}}
    with pytest.raises(ClientError, match="requester is not authorized"):
        change("grant", sandbox, ann, place, "DATA_LOCATION_ACCESS")
    lake.register_resource(ResourceArn="arn:aws:s3:::lake", RoleArn="arn:aws:iam::1:role/x")
    lake.register_resource(ResourceArn="arn:aws:s3:::other", RoleArn="arn:aws:iam::1:role/x")
    starts = {"Field": "RESOURCE_ARN", "ComparisonOperator": "BEGINS_WITH"}
    condition = {**starts, "StringValueList": ["arn:aws:s3:::lake"]}
    (found,) = lake.list_resources(FilterConditionList=[condition])["ResourceInfoList"]
    assert found["ResourceArn"] == "arn:aws:s3:::lake"
    with pytest.raises(ClientError, match=f"permission.s. on {PLACE}/t"):
        glue.create_table(DatabaseName="d", TableInput=table())
    change("grant", sandbox, ann, place, "DATA_LOCATION_ACCESS")
    glue.create_table(DatabaseName="d", TableInput=table())


def test_what_is_granted_is_told_as_aws_tells_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, held = somebody(sandbox)
    sandbox.govern()
    sandbox.client("glue").create_database(DatabaseInput={"Name": "d"})
    change("grant", sandbox, ann, TABLES, "SELECT", "ALTER")
    monkeypatch.setattr(lake_formation, "PAGE", 1)
    lake = sandbox.client("lakeformation")
    first = lake.list_permissions(Resource=TABLES)
    second = lake.list_permissions(Resource=TABLES, NextToken=first["NextToken"])
    assert "NextToken" not in second
    told = [page["PrincipalResourcePermissions"][0] for page in (first, second)]
    assert [(list(entry["Resource"]), entry["Permissions"]) for entry in told] == [
        (["Table"], ["ALTER"]),
        (["TableWithColumns"], ["SELECT"]),
    ]
    # Others see what they have themselves.
    _, other = somebody(sandbox, "bob")
    theirs = sandbox.client("lakeformation", other).list_permissions(Resource=TABLES)
    assert theirs["PrincipalResourcePermissions"] == []
    for permissions, said in ((("DROP",), "does not have:"), (("ALTER", "DROP"), "DROP")):
        with pytest.raises(ClientError, match=f"No permissions revoked.*{said}"):
            change("revoke", sandbox, ann, TABLES, *permissions)
    with pytest.raises(ClientError, match="Grantee has no permissions"):
        change("revoke", sandbox, ann, DATABASE, "DROP")
    with pytest.raises(ClientError, match="modification is invalid"):
        change("grant", sandbox, ann, DATABASE, "SELECT")
    with pytest.raises(ClientError, match=r"Invalid principal, arn: .*nobody"):
        change("grant", sandbox, f"arn:aws:iam::{sandbox.account}:user/nobody", DATABASE, "DROP")
    # Who made nothing of it and is no administrator grants nothing.
    asked = {"Principal": {"DataLakePrincipalIdentifier": ann}, "Resource": DATABASE}
    mine = sandbox.client("lakeformation", held)
    with pytest.raises(ClientError, match="requester is not authorized"):
        mine.grant_permissions(**asked, Permissions=["DROP"])
    sandbox.govern(ann)
    mine.grant_permissions(**asked, Permissions=["DROP"])
