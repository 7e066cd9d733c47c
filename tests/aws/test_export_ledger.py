"""The ledger of exports on AWS, for whoever may read the lakehouse and not write to it."""

from __future__ import annotations

import pytest
from sandbox.faults import How
from sandbox.server import Sandbox

from aws.cloud_lake import CloudLake
from stedi_cli.errors import StediError
from stedi_cli.lake.exports import ExportEntry

ENTRY = ExportEntry("2026-11-24T09:05:05Z", "export", "customer_trusted", "1", None, "f.csv", 1, ())


@pytest.mark.parametrize("how", [How.DENIED, How.EXPIRED])
def test_only_who_may_not_write_is_let_through(sandbox: Sandbox, how: How) -> None:
    cloud = CloudLake(sandbox).up()
    sandbox.fail(how, action="PutObject")
    with cloud.opened() as opened:
        if how is How.DENIED:
            assert not opened.exports.add(ENTRY)
        else:
            with pytest.raises(StediError, match="exports/"):
                opened.exports.add(ENTRY)
        assert opened.exports.add(ENTRY)
        assert opened.exports.read().entries == (ENTRY,)
