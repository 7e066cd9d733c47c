"""Pictures of results: what they show, what they hide, and that a value is only ever a text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import HARM, IN_CI, Ask, Lake, mostly_slow
from small import STRICT

if not IN_CI:
    pytest.importorskip("resvg_py")

SVG = "{http://www.w3.org/2000/svg}"
PNG = b"\x89PNG\r\n\x1a\n"
PEOPLE = ("ann", "bob", "fay")


class Shown(HTMLParser):
    """The texts, elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.names: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def texts_of(file: Path) -> str:
    """What a picture shows, a line a text."""
    content = file.read_text(encoding="utf-8")
    if file.suffix == ".html":
        return "\n".join(Shown(content).texts)
    found = ET.fromstring(content).iter(f"{SVG}text")
    return "\n".join((element.text or "").replace("\xa0", " ").strip() for element in found)


@pytest.mark.parametrize("suffix", ["svg", "html"])
def test_a_picture_tells_what_was_asked_where_and_when(ask: Ask, built: Lake, suffix: str) -> None:
    assert ask("preview", "Customer_Trusted", "--save", f"a.{suffix}", "-n", "3").code == 0
    current = built.states()["customer_trusted"].current
    assert current is not None
    shown = texts_of(Path(f"a.{suffix}"))
    for text in (
        'SELECT * FROM "customer_trusted" LIMIT 3',
        f"3 of {STRICT['customer_trusted']} rows",
        "policy strict",
        f"snapshot {current.id} of {current.committed:%Y-%m-%d %H:%M:%S} UTC",
        f"local lakehouse {built.settings.root.name}",
        "stands for what identifies a person",
    ):
        assert text in re.sub(r"\n(?=\S)", "", shown) or text in shown, text
    # A path may name whoever works here, and differs from machine to machine.
    assert str(built.settings.root.parent) not in re.sub(r"\s", "", shown)
    for row in built.rows("customer_trusted")[:3]:
        assert str(row[5]) in shown
    of_landing = ask("preview", "accelerometer_landing", "--save", f"b.{suffix}")
    assert of_landing.code == 0
    assert "landing files " in texts_of(Path(f"b.{suffix}"))


@pytest.mark.parametrize("suffix", ["svg", "html"])
def test_nobody_is_in_it_unasked(ask: Ask, built: Lake, suffix: str) -> None:
    for table in ("customer_landing", "accelerometer_trusted", "step_trainer_trusted"):
        masked, unmasked = Path(f"{table}.{suffix}"), Path(f"{table}-all.{suffix}")
        assert ask("preview", table, "--save", masked).code == 0
        assert ask("preview", table, "--save", unmasked, "--unmasked").code == 0
        columns = built.model.tables[table].columns
        personal = [place for place, column in enumerate(columns) if column.personal]
        values = {str(row[place]) for row in built.rows(table) for place in personal}
        assert values
        assert not any(value in masked.read_text() for value in values)
        assert all(value in texts_of(unmasked) for value in values)


def test_a_picture_is_in_the_ledger_of_exports(ran: Lake, invoke: Ask, workspace: Path) -> None:
    root = ["--root", ran.settings.root]
    for name, words in (("a.svg", []), ("b.html", ["--unmasked", "-n", "2"])):
        assert invoke(*root, "preview", "customer_trusted", "--save", name, *words).code == 0
    second, first = invoke(*root, "history", "--exports", "--json").json()
    assert (first["command"], first["personal"]) == ("preview --save", [])
    assert (second["rows"], "email" in second["personal"]) == (2, True)
    assert second["file"] == str(workspace / "b.html")


@pytest.mark.parametrize("suffix", mostly_slow(["png", "svg", "html"], quick=3))
def test_the_same_lakehouse_gives_the_same_bytes(ask: Ask, suffix: str) -> None:
    for name in ("a", "b"):
        saved = ask("preview", "machine_learning_curated", "--save", f"{name}.{suffix}")
        assert saved.code == 0, saved.err
    content = Path(f"a.{suffix}").read_bytes()
    assert content == Path(f"b.{suffix}").read_bytes()
    assert content.startswith(PNG) == (suffix == "png")


def test_no_font_of_the_machine_is_in_a_png() -> None:
    from stedi_cli.cli.picture import picture_of
    from stedi_cli.cli.picture_formats import FONT, drawn

    assert (FONT.parent / "LICENSE").is_file()
    picture = picture_of("t", "SELECT 1", ["n"], [[1]], [])
    # A digest, since it has to be the same wherever this runs.
    import hashlib

    found = hashlib.sha256(drawn(picture, Path("a.png"))).hexdigest()
    assert found == "ac7d1c6c5e8ad7cc6f4780c72a8a34b5978bd944b191f4e1d2eb452e4d4e7add"


@pytest.mark.parametrize("variable", ["TERM=dumb", "COLUMNS=40", "NO_COLOR=1"])
def test_no_terminal_has_a_say_in_a_picture(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from stedi_cli.cli.picture import picture_of
    from stedi_cli.cli.picture_formats import drawn

    columns = [f"aColumn{number}" for number in range(10)]
    picture = picture_of("t", "SELECT 1", columns, [[1709278185253] * 10], ["local"])
    for name in ("TERM", "COLUMNS", "LINES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    before = drawn(picture, Path("a.svg"))
    monkeypatch.setenv(*variable.split("=", 1))
    assert drawn(picture, Path("a.svg")) == before


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"quotes' & &amp; {brace} {{x}} %s",
    "]]> <!-- --> <?xml ?>",
]


@pytest.mark.parametrize("suffix", ["svg", "html"])
def test_a_hostile_value_is_a_text(suffix: str) -> None:
    from stedi_cli.cli.picture import picture_of
    from stedi_cli.cli.picture_formats import drawn

    values = [*HOSTILE, HARM, "\ud800 alone", "\u202egnirts"]
    file = Path(f"a.{suffix}")
    for text in values:
        picture = picture_of(text, text, [text], [[text], [None]], [text])
        content = drawn(picture, file)
        file.write_bytes(content)
        # Whatever is broken over lines stands there whole, control characters escaped.
        flat = re.sub(r"\s", "", texts_of(file))
        escaped = re.sub(r"\s", "", picture.rows[0][0])
        assert flat.count(escaped) >= 4
        assert file.read_text("utf-8").replace("\n", "").isprintable()
        if suffix == "html":
            shown = Shown(content.decode())
            assert {"script", "img"}.isdisjoint(shown.tags)
            assert not [name for name in shown.names if name.startswith("on")]
        else:
            known = {"svg", "title", "style", "defs", "clipPath", "rect", "g", "text"}
            root = ET.fromstring(content)
            assert {e.tag.removeprefix(SVG) for e in root.iter()} <= known


def test_nothing_is_fetched(ask: Ask) -> None:
    for name in ("a.svg", "a.html"):
        assert ask("preview", "customer_trusted", "--save", name).code == 0
        content = Path(name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|url\((?!#)|@import|src=|href=", content)


def test_ten_columns_stay_readable(ask: Ask) -> None:
    assert ask("preview", "customer_trusted", "--save", "a.svg", "--unmasked").code == 0
    root = ET.fromstring(Path("a.svg").read_text("utf-8"))
    assert float(root.attrib["width"]) < 2500
    shown = texts_of(Path("a.svg")).split("\n")
    assert all(f"{name}@x.org" in shown for name in PEOPLE)
    # No value is broken over two lines.
    assert sum(line == "serial-ann" for line in shown) == 1
    for element in root.iter(f"{SVG}text"):
        end = float(element.attrib["x"]) + float(element.attrib["textLength"])
        assert end <= float(root.attrib["width"])


REFUSED = {
    "no such format": (2, ["customer_trusted", "--save", "a.jpg"]),
    "no ending": (2, ["customer_trusted", "--save", "a"]),
    "no such folder": (2, ["customer_trusted", "--save", "no/a.svg"]),
    "no such table": (2, ["nonsense", "--save", "a.svg"]),
    "nothing saved": (2, ["customer_trusted", "--unmasked"]),
    "json": (2, ["customer_trusted", "--save", "a.svg", "--json"]),
    "there already": (2, ["customer_trusted", "--save", "there.svg"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_saved_is_refused(ask: Ask, workspace: Path, case: str) -> None:
    (workspace / "there.svg").write_text("mine")
    code, words = REFUSED[case]
    refused = ask("preview", *words)
    assert (refused.code, refused.out) == (code, "")
    assert [path.name for path in workspace.iterdir()] == ["there.svg"]
    assert (workspace / "there.svg").read_text() == "mine"


def test_what_is_there_is_replaced_when_forced(ask: Ask, built: Lake) -> None:
    Path("a.svg").write_text("mine")
    assert ask("preview", "customer_trusted", "--save", "a.svg", "--force").code == 0
    assert Path("a.svg").read_text().startswith("<svg")
    inside = ask("preview", "customer_trusted", "--save", built.settings.root / "a.svg")
    assert (inside.code, "inside the lakehouse" in inside.err) == (2, True)


def test_without_what_draws_png_the_others_are_named(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stedi_cli.cli import picture_formats

    monkeypatch.setattr(picture_formats, "find_spec", lambda name: None)
    refused = ask("preview", "customer_trusted", "--save", "a.png")
    assert (refused.code, "stedi[pictures]" in refused.err, ".svg" in refused.err) == (
        2,
        True,
        True,
    )
    assert ask("preview", "customer_trusted", "--save", "a.svg").code == 0


def test_an_empty_table_has_a_picture(lake: Lake, invoke: Ask) -> None:
    root = ["--root", lake.settings.root]
    for name in ("a.svg", "a.html", "a.png"):
        assert invoke(*root, "preview", "quarantine", "--save", name).code == 0
    assert "0 of 0 rows" in texts_of(Path("a.svg"))


@pytest.mark.slow
def test_validate_saves_the_deliverables_by_their_names(
    ran: Lake, invoke: Ask, workspace: Path
) -> None:
    root = ["--root", ran.settings.root]
    plain = invoke(*root, "validate", "--json")
    saved = invoke(*root, "validate", "--json", "--save", "shots")
    assert saved.code == plain.code
    rows = {table["table"]: table["rows"] for table in plain.json()["tables"]}
    assert {t["table"]: t["rows"] for t in saved.json()["tables"]} == rows == STRICT
    found = {path.stem: path for path in (workspace / "shots").iterdir()}
    assert set(found) == {*STRICT, "counts"}
    assert all(path.read_bytes().startswith(PNG) for path in found.values())
    entries = invoke(*root, "history", "--exports", "--json").json()
    assert {e["table"] for e in entries} == set(STRICT)
    assert {(e["command"], *e["personal"]) for e in entries} == {("validate --save",)}
    again = invoke(*root, "validate", "--save", "shots")
    assert (again.code, again.out, "--force" in again.err) == (2, "", True)
    before = {path: path.read_bytes() for path in found.values()}
    found["customer_trusted"].write_bytes(b"mine")
    assert invoke(*root, "validate", "--save", "shots", "--force").code == plain.code
    assert {path: path.read_bytes() for path in found.values()} == before
    assert len(list((workspace / "shots").iterdir())) == len(before)


def test_what_cannot_be_drawn_does_not_lose_what_was_validated(
    ran: Lake, invoke: Ask, workspace: Path
) -> None:
    root = ["--root", ran.settings.root, "validate", "--again"]
    (workspace / "shots" / "customer_trusted.png").mkdir(parents=True)
    told = invoke(*root, "--save", "shots", "--force")
    assert told.code == 1
    assert told.out == invoke(*root).out
    assert "Cannot write shots/customer_trusted.png" in told.err


@pytest.mark.usefixtures("lake")
def test_what_validate_cannot_save_is_refused(lake: Lake, invoke: Ask, workspace: Path) -> None:
    root = ["--root", lake.settings.root]
    (workspace / "file").write_text("mine")
    inside = lake.settings.root / "shots"
    for words in (["file"], ["file/a"], [inside], ["s", "--sql"], ["s", "a_check"]):
        refused = invoke(*root, "validate", "--save", *words)
        assert (refused.code, refused.out) == (2, "")
    assert invoke(*root, "validate", "--force").code == 2
    assert invoke("--root", "none", "validate", "--save", "shots").code in (1, 2)
    assert [path.name for path in workspace.iterdir()] == ["file"]


def test_without_what_draws_png_validate_saves_svg(
    ran: Lake, invoke: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stedi_cli.cli import picture_formats

    monkeypatch.setattr(picture_formats, "find_spec", lambda name: None)
    assert invoke("--root", ran.settings.root, "validate", "--save", "shots").code in (0, 3)
    counts = texts_of(Path("shots/counts.svg"))
    assert all(name in counts for name in STRICT)
    assert "policy strict" in counts
    newest = max(state.current.committed for state in ran.states().values() if state.current)
    assert f"newest snapshot of {newest:%Y-%m-%d %H:%M:%S} UTC" in counts
