"""The house: which room may know which, and how large anything in it may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "stedi_cli"
# From the ground up: a room knows those below it and itself, and no other.
FLOORS = (
    {"errors", "sql", "durable", "addresses", "masking", "duckdb_texts", "printable"},
    {"project", "privacy"},
    {"landing"},
    {"tables"},
    {"lake"},
    {"questions"},
    {"runs", "checks"},
    {"consent", "datasets", "report"},
    {"local", "aws"},
    {"places"},
    {"doctor"},
    {"cli"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
MOST_LINES = 320
MOST_LINES_OF_A_FUNCTION = 60
JOBS = PACKAGE.parent / "jobs"
SCRIPTS = sorted(JOBS.glob("*.py"))
# What PyIceberg asks of a catalog is one class.
LONGER = {PACKAGE / "local" / "catalog.py": 330}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imported(node: ast.AST) -> Iterator[str]:
    """The modules that an import statement names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            inside = f"{node.module}.{alias.name}"
            yield inside if inside in MODULES else node.module


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def walked(node: ast.AST, *, late: bool) -> Iterator[ast.AST]:
    """What runs of a module: with ``late``, what stands inside functions too."""
    for child in ast.iter_child_nodes(node):
        if is_for_types(child):
            continue
        if not late and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield child
        yield from walked(child, late=late)


def knows(module: str, *, late: bool) -> set[str]:
    return {name for node in walked(tree(module), late=late) for name in imported(node)}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_module_is_in_a_room() -> None:
    outside = {room_of(module) for module in MODULES} - FLOOR.keys() - {"", "__main__"}
    assert not outside


def test_a_room_knows_those_below_it_alone() -> None:
    wrong = {}
    for module in MODULES:
        room = room_of(module)
        if room not in FLOOR:
            continue
        known = {room_of(name) for name in knows(module, late=True) if name in MODULES}
        others = known - {room, ""}
        higher = {other for other in others if FLOOR[other] > FLOOR[room]}
        beside = {other for other in others if FLOOR[other] == FLOOR[room] > 0}
        if higher | beside:
            wrong[module] = higher | beside
    assert not wrong


def test_one_module_knows_both_places() -> None:
    both = [m for m in MODULES if {"local", "aws"} <= {room_of(n) for n in knows(m, late=True)}]
    assert both == ["stedi_cli.places"]


def test_no_module_leads_back_to_itself() -> None:
    known = {module: knows(module, late=False) & MODULES.keys() for module in MODULES}
    # Again and again without what knows nothing that is left: a circle stays.
    left = dict(known)
    while free := [module for module, others in left.items() if not others & left.keys()]:
        for module in free:
            del left[module]
    assert not left


def test_the_command_line_alone_knows_the_terminal() -> None:
    for module in MODULES:
        if room_of(module) != "cli":
            packages = {name.split(".")[0] for name in knows(module, late=True)}
            assert not packages & {"typer", "rich"}, module


def test_a_module_can_be_read_at_a_sitting() -> None:
    too_long = {}
    for path in (*MODULES.values(), *SCRIPTS):
        text = path.read_text(encoding="utf-8")
        lines = len(text.splitlines())
        if lines > LONGER.get(path, MOST_LINES):
            too_long[str(path)] = lines
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                lines = node.end_lineno - node.lineno + 1
                if lines > MOST_LINES_OF_A_FUNCTION:
                    too_long[f"{path}: {node.name}"] = lines
    assert not too_long


CHECKOUT = PACKAGE.parent
DOCUMENTS = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *CHECKOUT.glob("docs/*.md")]
A_PATH = re.compile(r"`((?:\w+/)*\w+\.py|(?:\w+/){2,})`")


def anchors(document: Path) -> set[str]:
    """What the headings of a document can be linked by."""
    told = re.sub(r"(?ms)^```.*?^```", "", document.read_text(encoding="utf-8"))
    heads = re.findall(r"(?m)^#+ (.+)$", told)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_link_of_a_document_leads_somewhere(document: Path) -> None:
    for to, anchor in re.findall(
        r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", document.read_text(encoding="utf-8")
    ):
        path = (document.parent / to).resolve() if to else document
        assert path.exists(), to
        assert not anchor or anchor in anchors(path), f"{to}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_module_that_a_document_names_is_there(document: Path) -> None:
    for name in A_PATH.findall(document.read_text(encoding="utf-8")):
        # A name alone stands where its folder has just been named.
        places = [CHECKOUT / name, PACKAGE / name]
        if "/" not in name:
            rooms = (PACKAGE, JOBS, Path(__file__).parent)
            places += [path for room in rooms for path in room.rglob(name)]
        assert any(path.exists() for path in places), name


def test_the_readme_is_short_and_begins_with_what_a_newcomer_sees() -> None:
    told = DOCUMENTS[0].read_text(encoding="utf-8")
    assert len(told.splitlines()) <= 250
    seen = [
        "](docs/pictures/report.png)",
        "\nmake demo ",
        "\nmake test ",
        "machine_learning_curated  ",
    ]
    places = [told.index(text) for text in seen]
    assert places == sorted(places)
    assert places[-1] < told.index("\n## ")
    shown = set(re.findall(r"\]\(docs/pictures/([^)]+)\)", told))
    # Each that is there is shown, or it would be forgotten when its like is made anew.
    assert shown == {path.name for path in (CHECKOUT / "docs" / "pictures").iterdir()}
    assert len(shown) > 1
