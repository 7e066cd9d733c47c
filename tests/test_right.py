"""What was found right of the project's files is not checked again; anything else always is."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT, Lake, Result
from small import write_lake

from stedi_cli.errors import UsageError
from stedi_cli.project import right as found_right
from stedi_cli.project import yaml_file
from stedi_cli.project.folder import copy_out
from stedi_cli.project.model_file import ModelFile
from stedi_cli.project.right import Right
from stedi_cli.project.settings import AwsSettings, LocalSettings, load_settings
from stedi_cli.project.shape import model_of

Invoke = Callable[..., Result]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The shapes that content was checked by; cleared by whoever looks."""
    found: list[str] = []
    refuse = yaml_file._refuse_wrong

    def noting(path: Path, content: object, kind: type, overrides: object) -> None:
        found.append(kind.__name__)
        refuse(path, content, kind, overrides)  # type: ignore[arg-type]

    monkeypatch.setattr(yaml_file, "_refuse_wrong", noting)
    return found


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke) -> Path:
    """A project of one's own with a lakehouse, whose files were found right."""
    copy_out(PROJECT, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    assert invoke("infra", "up", "--no-data").code == 0
    assert invoke("tables").code == 0
    return tmp_path / "project"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_is_right_is_not_checked_again(own: Path, invoke: Invoke, checked: list[str]) -> None:
    path = own / ".stedi" / "checked"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.stat().st_mtime_ns
    assert invoke("tables").code == 0
    assert checked == []
    assert path.stat().st_mtime_ns == before
    told = load_settings()
    path.unlink()
    assert load_settings() == told
    assert load_settings().lakehouse() == told.lakehouse()
    assert "LocalSettings" in checked


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("local.yaml", "keep_snapshots: 10", "keep_snapshots: 0"),
        ("local.yaml", "keep_snapshots: 10", "keep_snapshots: true"),
        ("local.yaml", "keep_snapshots: 10", "keep_snapshots: '10'"),
        ("lakehouse.yaml", "zone: curated", "zone: golden"),
    ],
)
def test_what_was_changed_is_checked(
    own: Path, invoke: Invoke, file: str, old: str, new: str
) -> None:
    edit(own / "configs" / file, old, new)
    told = invoke("tables")
    assert told.code == 2
    assert file in told.err


def test_a_value_of_the_command_line_is_checked(own: Path, invoke: Invoke) -> None:
    assert invoke("jobs", "list", "--policy", "strict").code == 0
    with pytest.raises(UsageError, match="policy, as given on the command line"):
        load_settings(policy="x" * 5000)


def test_another_version_checks_anew(
    own: Path, invoke: Invoke, checked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found_right, "__version__", "0")
    assert invoke("tables").code == 0
    assert checked == ["LocalSettings", "ModelFile"]


def test_content_of_one_shape_is_not_of_another() -> None:
    right = Right()
    right.learn(LocalSettings, {})
    assert right.knows(LocalSettings, {})
    assert not right.knows(AwsSettings, {})
    assert not right.knows(LocalSettings, {"policy": "strict"})


BAD = {
    "empty": b"",
    "no UTF-8": b"\xff\xfe\0",
    "other words": b"nonsense {} []",
    "huge": b"0" * (2 << 20),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", [*BAD, "a folder", "a pipe", "a link"])
def test_what_is_kept_badly_is_checked_anew(
    own: Path, invoke: Invoke, checked: list[str], tmp_path: Path, what: str
) -> None:
    path = own / ".stedi" / "checked"
    content = path.read_bytes()
    path.unlink()
    match what:
        case "a folder":
            path.mkdir()
        case "a pipe":
            os.mkfifo(path)
        case "a link":
            (tmp_path / "else").write_bytes(content)
            path.symlink_to(tmp_path / "else")
        case _:
            path.write_bytes(BAD[what])
    assert invoke("tables").code == 0
    assert checked == ["LocalSettings", "ModelFile"]
    if what != "a folder":
        assert path.read_bytes().split()[-2:] == content.split()[-2:]


def test_it_is_kept_below_the_root_alone_and_goes_with_it(tmp_path: Path, invoke: Invoke) -> None:
    lake = Lake(tmp_path / "lake").up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.validate()
    assert len(lake.layout.checked.read_bytes().split()) >= 3
    assert invoke("--root", lake.settings.root, "infra", "down", "--yes").code == 0
    assert not lake.settings.root.exists()


def test_a_shape_and_its_model_have_the_same_defaults() -> None:
    for kind in (LocalSettings, ModelFile):
        for name, field in model_of(kind).model_fields.items():
            (same,) = (f for f in dataclasses.fields(kind) if f.name == name)
            if same.default is not dataclasses.MISSING:
                assert field.default == same.default
