"""The ledger of exports, wherever the lakehouse lives."""

from __future__ import annotations

import pytest

from places.place import Place

pytestmark = pytest.mark.usefixtures("data")


def test_exports_are_entered_in_their_order(up: Place) -> None:
    up.done("upload", "data")
    up.run()
    for name in ("a.csv", "b.parquet"):
        up.done("export", "customer_trusted", name)
    newest, oldest = up.done("history", "--exports", "--json").json()
    assert oldest["file"].endswith("a.csv")
    assert newest["file"].endswith("b.parquet")
    assert (oldest["table"], oldest["policy"]) == ("customer_trusted", "strict")
    assert oldest["personal"] == newest["personal"] != []
    assert oldest["snapshot"] == newest["snapshot"] == str(int(oldest["snapshot"]))
