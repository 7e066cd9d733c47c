"""Set up, looked at and removed: the same a second time, and nothing that is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from places.place import Place


def states(place: Place) -> set[str]:
    told = place.ask("infra", "status", "--json")
    found = {part["state"] for part in told.json()}
    assert told.code == (0 if found == {"there"} else 3)
    return found


def actions(place: Place) -> set[str]:
    return {change["action"] for change in place.done("infra", "plan", "--json").json()["changes"]}


def test_up_and_down_twice(place: Place) -> None:
    before = place.everything()
    assert actions(place) == {"create"}
    assert states(place) == {"missing"}
    assert "infra up" in place.ask("infra", "status").out
    assert place.everything() == before

    made = place.done("infra", "up", "--no-data", "--json").json()
    assert {part["state"] for part in made["resources"]} == {"made"}
    assert made["uploaded"] is None
    held = place.everything()
    assert actions(place) == {"keep"}
    assert states(place) == {"there"}
    again = place.done("infra", "up", "--no-data", "--json").json()
    assert {part["state"] for part in again["resources"]} == {"there"}
    assert place.everything() == held

    gone = place.done("infra", "down", "--yes", "--json").json()
    assert {part["state"] for part in gone} == {"removed"}
    assert place.everything() == before
    assert place.done("infra", "down").out == "There is nothing to remove.\n"


def test_up_brings_the_sample_once(up: Place) -> None:
    assert up.landed() == []
    first = up.done("infra", "up", "--json").json()["uploaded"]
    assert all(table["new"] > 0 for table in first)
    held = up.everything()
    again = up.done("infra", "up", "--json").json()["uploaded"]
    assert [(t["new"], t["unchanged"]) for t in again] == [(0, t["new"]) for t in first]
    assert up.everything() == held


def test_up_with_a_wrong_folder_makes_nothing(place: Place) -> None:
    before = place.everything()
    told = place.ask("infra", "up", "--data", "nowhere")
    assert (told.code, told.out) == (2, "")
    assert place.everything() == before


def test_down_without_a_terminal_asks_for_yes(up: Place) -> None:
    before = up.everything()
    told = up.ask("infra", "down")
    assert (told.code, told.out) == (2, "")
    assert "--yes" in told.err
    assert up.everything() == before


def test_down_keeps_data_only_when_asked(place: Place, data: Path) -> None:
    before = place.everything()
    place.done("infra", "up", "--data", data)
    place.run()
    landed = place.landed()
    told = place.done("infra", "down", "--keep-data", "--yes", "--json").json()
    assert "left" in {part["state"] for part in told}
    assert place.landed() == landed
    place.done("infra", "up", "--no-data")
    assert set(place.run().values()) == {"unchanged"}
    place.done("infra", "down", "--yes")
    assert place.everything() == before


def test_what_is_not_its_own_is_refused_and_left(place: Place) -> None:
    place.occupy()
    before = place.everything()
    told = place.ask("infra", "up", "--no-data")
    assert told.code == 2
    assert "Hint: " in told.err
    assert "made" not in told.out
    assert place.everything() == before
    assert "removed" not in place.ask("infra", "down", "--yes").out
    assert place.everything() == before


@pytest.mark.parametrize(
    "words", [["upload", "data"], ["jobs", "run", "--all"], ["validate"], ["tables"]]
)
@pytest.mark.usefixtures("data")
def test_without_a_lakehouse_a_command_says_how_to_make_one(place: Place, words: list[str]) -> None:
    before = place.everything()
    told = place.ask(*words)
    assert (told.code, told.out) == (1, "")
    assert "`stedi infra up`" in told.err
    assert place.everything() == before
