"""Every snippet of README and docs does what the page says."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import CHECKOUT, PROJECT, Lake
from snippets import Snippet, is_shown, script, shown, snippets, without_snippets
from terminal import type_in
from test_cli import commands

PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted(CHECKOUT.glob("docs/*.md"))]
TYPED = [page for page in PAGES if any(each.is_typed for each in snippets(page))]
LANGUAGES = {"sh", "console", "sql", "python", "yaml", "json", "text"}
NOTES = {"", "file", "add to", "exit code", "run by", "not run"}

# What would be downloaded is there: tests/test_public_data.py downloads it. What would be
# installed is looked at below, and what would be made .ci/run makes.
COMMANDS = {
    "stedi": """
if [ "$1 $2" = "data fetch" ]; then exec cp -r "$PUBLIC_DATA" "$3"; fi
exec "$PYTHON" -m stedi_cli "$@"
""",
    "pip": 'for word in "$@"; do echo "$word" >> "$INSTALLED"; done\n',
    "make": '"$MAKE" --no-print-directory -n -C "$CHECKOUT" "$@" > /dev/null\n',
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_snippet_is_run_or_says_why_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = snippets(page)
    seen = re.sub(r"^<!-- .*", "", text, flags=re.M)
    assert len(re.findall(r"^```\w+$", text, re.M)) == len(found)
    others = re.findall(r"^```\n(.*?)^```$", without_snippets(page), re.M | re.S)
    for shape in others:
        assert not re.search(r"^(?:\$ |stedi )", shape, re.M), "it needs a language, to be run"
    assert len(re.findall(r"^<!-- ", text, re.M)) == sum(bool(each.key) for each in found)
    for each in found:
        assert each.language in LANGUAGES, each
        assert each.key in NOTES, each
        assert each.key == "file" or each.language != "text", each
        if each.key in ("file", "add to"):
            assert f"`{each.value}`" in seen, each
        if each.key == "run by":
            assert page.stem in (CHECKOUT / each.value).read_text(encoding="utf-8"), each
        if each.language == "yaml":
            assert isinstance(yaml.safe_load(each.body), dict), each
        if each.language == "json":
            assert all(map(json.loads, each.body.splitlines())), each


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_that_a_text_names_is_there_with_its_options(page: Path) -> None:
    known = commands()
    groups = {words.split()[0] for words in known if " " in words}
    for told in re.findall(r"`stedi (\w[^`]*)`", page.read_text(encoding="utf-8")):
        first, *others = re.sub(r"[\[\]…]", " ", told).split()
        if first in groups and not others:
            continue
        name = f"{first} {others[0]}" if first in groups else first
        options = {word for word in others if word.startswith("--")}
        assert name in known, told
        assert options <= {opt for param in known[name].params for opt in param.opts}, told


def test_few_snippets_are_not_run() -> None:
    assert sum(each.key == "not run" for page in PAGES for each in snippets(page)) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("page", TYPED, ids=lambda page: page.name)
def test_a_page_does_what_it_says(
    page: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = snippets(page)
    typed = script(found)
    installed = tmp_path / "installed"
    environment = {
        "PATH": f"{with_commands(tmp_path / 'bin')}:/usr/bin:/bin",
        "PYTHON": sys.executable,
        "INSTALLED": str(installed),
        "MAKE": shutil.which("make") or "make",
        "CHECKOUT": str(CHECKOUT),
        # Nobody looks at what is opened.
        "BROWSER": "true",
    }
    if "data fetch" in typed:
        environment["PUBLIC_DATA"] = str(request.getfixturevalue("public_data"))
    if "stedi infra up" not in typed:
        sample = Lake(Path(".stedi")).up()
        sample.upload(PROJECT / "data" / "sample")
        sample.run()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    told = type_in(["bash", "-c", typed], "y\n")
    assert told.code == 0, told.out[-3000:]
    assert told.out.endswith("\n## done\n"), told.out[-3000:]
    for each in found:
        if each.language == "console" and each.is_typed:
            assert_shown(each, told.out)
    if installed.exists():
        assert_installable(installed.read_text("utf-8").split())


def with_commands(folder: Path) -> Path:
    folder.mkdir()
    for name, body in COMMANDS.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def assert_shown(each: Snippet, told: str) -> None:
    parts = re.findall(rf"^## shown {each.number}\n(.*?)^## end\n", told, re.M | re.S)
    for part, (_, expected) in zip(parts, shown(each), strict=True):
        assert (lacking := is_shown(part, expected)) is None, f"{lacking}\n--- in\n{part}"


def assert_installable(words: list[str]) -> None:
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    pinned = (CHECKOUT / "constraints.txt").read_text("utf-8").lower()
    for word in words:
        name, _, extra = word.rstrip("]").partition("[")
        if extra:
            assert name == "stedi"
            assert extra in extras["project"]["optional-dependencies"]
        else:
            assert name == "install" or f"\n{name}==" in pinned, word
