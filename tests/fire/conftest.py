"""Fork servers, and small lakes to be put back after each try."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PROJECT

from fire.arena import Arena, build, make_arena
from fire.launcher import Launcher
from stedi_cli.project.folder import copy_out

WORKERS = 2


@pytest.fixture(scope="session")
def launcher(_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """A server that starts commands at once."""
    started = Launcher(tmp_path_factory.mktemp("launcher"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def launchers(
    _environment: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Launcher]]:
    """Servers side by side, whose project keeps two snapshots and any number of unusable lines."""
    project = tmp_path_factory.mktemp("project")
    copy_out(PROJECT, project)
    config = project / "configs" / "local.yaml"
    text = config.read_text().replace("keep_snapshots: 10", "keep_snapshots: 2")
    text = text.replace("max_unreadable_customers: 0", 'max_unreadable_customers: "100%"')
    config.write_text(text.replace('max_bad_rows: "1%"', 'max_bad_rows: "100%"'))
    started = [
        Launcher(tmp_path_factory.mktemp("launcher"), STEDI_CONFIG=str(config))
        for _ in range(WORKERS)
    ]
    yield started
    for one in started:
        one.close()


@pytest.fixture
def arena(launcher: Launcher, tmp_path: Path) -> Arena:
    """An arena without a lakehouse."""
    return make_arena(launcher, tmp_path / "arena")


@pytest.fixture(scope="session")
def _once(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> tuple[Arena, Path]:
    """A built lakehouse, and a copy of all that lies around it."""
    folder = tmp_path_factory.mktemp("built")
    arena = build(make_arena(launcher, folder / "arena"))
    shutil.copytree(folder / "arena", folder / "copy")
    return arena, folder / "copy"


@pytest.fixture
def built(_once: tuple[Arena, Path]) -> Arena:
    """An arena whose lakehouse is built from the small lake, always at the same place."""
    arena, copy = _once
    folder = arena.saved.parent
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    return arena
