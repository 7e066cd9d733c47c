"""The report as a browser shows it: without a network, in light and dark, by keyboard, on paper."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import IN_CI, PROJECT, Lake
from typer.testing import CliRunner

from stedi_cli.cli.app import app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = os.environ.get("STEDI_CHROMIUM") or shutil.which("chromium") or ""
# Of A4, less the margins, at 96 dots an inch.
PAPER = {"width": 688, "height": 1017}
SCREEN = {"width": 1280, "height": 900}
# Boxes of what is seen of texts, in a picture's own place on the page.
TEXTS = """svg => [...svg.querySelectorAll('text')].map(text => {
  const box = text.getBoundingClientRect();
  return [text.textContent, box.left, box.top, box.right, box.bottom];
})"""
BOX = """svg => {
  const box = svg.getBoundingClientRect();
  return [box.left, box.top, box.right, box.bottom];
}"""


# Numbers that stand on two lines.
BROKEN = """() => [...document.querySelectorAll('.rows td, .n')].filter(cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  const lines = new Set([...range.getClientRects()].map(box => box.top));
  return /^[-0-9.,]+$/.test(cell.textContent.trim()) && lines.size > 1;
}).map(cell => cell.textContent)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    lacking = "no Chromium: `apt install chromium`, or STEDI_CHROMIUM names one"
    if not CHROMIUM:
        pytest.fail(lacking) if IN_CI else pytest.skip(lacking)
    if not IN_CI:
        pytest.importorskip("axe_playwright_python")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Without a sandbox of its own, which root has none of.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the sample."""
    folder = tmp_path_factory.mktemp("shown")
    lake = Lake(folder / "lake").up()
    lake.upload(PROJECT / "data" / "sample")
    lake.run()
    file = folder / "report.html"
    told = CliRunner().invoke(
        app, ["--root", str(lake.settings.root), "report", "--out", str(file)]
    )
    assert told.exit_code == 0
    return file


@pytest.fixture(params=["light", "dark"])
def shown(request: pytest.FixtureRequest, browser: Browser, report: Path) -> Iterator[Page]:
    """The report, shown without a network."""
    context = browser.new_context(color_scheme=request.param, viewport=SCREEN, offline=True)
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(report.as_uri())
    yield page
    assert asked == [report.as_uri()]
    assert said == []
    context.close()


def test_it_can_be_used_by_everybody(shown: Page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # What is folded has to be so too.
    shown.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = Axe().run(shown)
    assert [
        (v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found.response["violations"]
    ] == []
    assert len(found.response["passes"]) > 20


def test_it_has_landmarks_and_headings_in_their_order(shown: Page) -> None:
    landmarks = ("header", "nav", "main", "footer")
    assert [shown.locator(name).count() for name in landmarks] == [1, 1, 1, 1]
    levels = shown.eval_on_selector_all("h1, h2, h3", "all => all.map(one => +one.tagName[1])")
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    tables = shown.locator("table").count()
    assert shown.locator("table > caption").count() == tables
    assert shown.locator("th:not([scope])").count() == 0


def test_it_is_used_by_keyboard(shown: Page) -> None:
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.textContent") == "Counts"
    shown.keyboard.press("Enter")
    # The page goes there after the key is taken.
    shown.wait_for_url("**/report.html#counts")
    summary = shown.locator("summary").first
    summary.focus()
    shown.keyboard.press("Enter")
    assert shown.locator("details[open]").count() == 1
    for region in shown.locator(".scroll").all():
        assert region.get_attribute("tabindex") == "0"
        assert region.get_attribute("aria-label")


def overlapping(texts: list[Any]) -> list[tuple[str, str]]:
    found = []
    for place, (one, left, top, right, bottom) in enumerate(texts):
        for other, left_2, top_2, right_2, bottom_2 in texts[place + 1 :]:
            # A line's box is higher than its letters.
            beside = min(right, right_2) - max(left, left_2) <= 1
            apart = min(bottom, bottom_2) - max(top, top_2) <= 4
            if not beside and not apart:
                found.append((one, other))
    return found


def test_no_label_overlaps_another_or_leaves_its_picture(shown: Page) -> None:
    pictures = shown.locator("svg").all()
    assert len(pictures) == 6
    for picture in pictures:
        texts = picture.evaluate(TEXTS)
        left, top, right, bottom = picture.evaluate(BOX)
        assert len(texts) > 5
        assert overlapping(texts) == []
        outside = [
            text
            for text, *box in texts
            if box[0] < left - 1 or box[1] < top - 1 or box[2] > right + 1 or box[3] > bottom + 1
        ]
        assert outside == []
    inside = shown.evaluate(
        """() => {
          const boxes = [...document.querySelectorAll('.flow rect')];
          const wide = text => { const t = text.getBoundingClientRect();
            return boxes.some(box => { const b = box.getBoundingClientRect();
              return t.left >= b.left && t.right <= b.right && t.top >= b.top
                && t.bottom <= b.bottom; }); };
          const texts = [...document.querySelectorAll('.flow text:not(.zone)')];
          return texts.filter(text => !wide(text)).map(text => text.textContent);
        }"""
    )
    assert inside == []


def test_its_colours_are_those_of_the_page(shown: Page) -> None:
    ink = shown.evaluate("getComputedStyle(document.body).color")
    labels = shown.eval_on_selector_all(
        "figure.keep svg text", "all => all.map(one => getComputedStyle(one).fill)"
    )
    assert set(labels) == {ink}


def test_it_fits_on_a4(shown: Page) -> None:
    shown.emulate_media(media="print")
    shown.set_viewport_size(PAPER)
    wide = shown.evaluate(
        """() => [...document.querySelectorAll('table, svg, p')].filter(
          one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1
        ).map(one => one.textContent.trim().slice(0, 40))"""
    )
    assert wide == []
    assert shown.evaluate(BROKEN) == []
    assert shown.pdf(format="A4", prefer_css_page_size=True).startswith(b"%PDF")


def test_it_fits_on_a_small_screen(shown: Page) -> None:
    shown.set_viewport_size({"width": 360, "height": 640})
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360
