"""README and docs as a site: whole, with nothing of elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import CHECKOUT, IN_CI

pytestmark = pytest.mark.slow
CHROMIUM = os.environ.get("STEDI_CHROMIUM") or shutil.which("chromium") or ""
LOADED = re.compile(
    r"<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//[^>]*>"
)
LOADED_BY_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)]*")


def built(*where: str | Path, checkout: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
    if find_spec("zensical") is None:
        assert not IN_CI, "no zensical: pip install 'stedi[docs]'"
        pytest.skip("no zensical: pip install 'stedi[docs]'")
    script = checkout / "docs" / "build_site.py"
    return subprocess.run(
        [sys.executable, script, *where], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "docs"
    done = built(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def test_each_document_is_a_page_that_the_first_one_leads_to(site: Path) -> None:
    links = set(re.findall(r'href="([^"#]+)"', (site / "index.html").read_text("utf-8")))
    for document in CHECKOUT.glob("docs/*.md"):
        page = f"docs/{document.stem}.html"
        assert (site / page).is_file()
        assert {page, f"./{page}"} & links, page


def test_nothing_of_elsewhere_is_loaded(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert LOADED.findall(page.read_text("utf-8")) == [], page
    for style in site.rglob("*.css"):
        assert LOADED_BY_STYLE.findall(style.read_text("utf-8")) == [], style


@pytest.mark.parametrize("link", ["[nowhere](nowhere.md)", "[nowhere](aws.md#nowhere)"])
def test_a_link_that_leads_nowhere_fails_it(tmp_path: Path, link: str) -> None:
    checkout = tmp_path / "checkout"
    for name in ("docs", "configs", "examples"):
        shutil.copytree(CHECKOUT / name, checkout / name)
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, checkout)
    (checkout / "benchmarks").mkdir()
    shutil.copy(CHECKOUT / "benchmarks" / "RESULTS.md", checkout / "benchmarks")
    with (checkout / "docs" / "report.md").open("a") as page:
        page.write(f"\n{link}\n")
    done = built(checkout=checkout)
    assert done.returncode != 0
    assert "report.md" in done.stdout + done.stderr


@pytest.mark.browser
def test_a_browser_finds_what_is_searched_for_without_a_network(site: Path) -> None:
    if not CHROMIUM:
        assert not IN_CI, "no Chromium"
        pytest.skip("no Chromium: `apt install chromium`, or STEDI_CHROMIUM names one")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = started.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.keyboard.press("Control+k")
        page.keyboard.type("withdrawal")
        page.get_by_text("A record that cannot be read").first.click()
        page.wait_for_url("**/landing-contract.html*")
        started.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
