"""The same lakehouse here and in an account that is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Ask
from small import write_lake

from places.place import Here, Place


@pytest.fixture(params=["here", pytest.param("aws", marks=pytest.mark.slow)])
def place(
    request: pytest.FixtureRequest, invoke: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Place:
    """A place without a lakehouse."""
    if request.param == "here":
        return Here(invoke, tmp_path / "place")
    # moto is heavy, and the quick tests need none of it.
    from aws.cloud_lake import hurry

    from places.account import Account

    hurry(monkeypatch)
    return Account(invoke, request.getfixturevalue("sandbox"))


@pytest.fixture
def up(place: Place) -> Place:
    """A lakehouse without data."""
    place.done("infra", "up", "--no-data")
    return place


@pytest.fixture
def data(workspace: Path) -> Path:
    """The small lake's landing files, in the current folder."""
    return write_lake(workspace / "data")
