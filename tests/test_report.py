"""The report: its numbers are those of other commands, nobody is in it, and it asks for nothing."""

from __future__ import annotations

import json
import re
import shutil
import sys
import webbrowser
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from conftest import HARM, IN_CI, PROJECT, Ask, Lake
from page import Read, number, read
from small import STRICT, C, customer, motion, step, write_lake
from typer.testing import CliRunner

from stedi_cli.checks.accounts import Flow, Side
from stedi_cli.cli.app import app
from stedi_cli.project.lakehouse import Job, Lakehouse, Table
from stedi_cli.report.diagram import LINE, Diagram, diagram
from stedi_cli.report.facts import Plotted

if not IN_CI:
    pytest.importorskip("matplotlib")

PERSONAL = {"customerName", "email", "phone", "birthDay", "serialNumber", "user"}
INSTANT = re.compile(r"(?<!\d)\d{13}(?!\d)")
LESS = "\N{MINUS SIGN}"
PLOTS = ("readings_over_time", "readings_per_customer", "consent", "one_session", "distance")
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"quotes' & &amp; {{ x }} {% raw %} $x^2$",
    "]]> <!-- --> </svg></title>",
    HARM,
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The sample, built; for reading only."""
    lake = Lake(tmp_path_factory.mktemp("report") / "lake").up()
    lake.upload(PROJECT / "data" / "sample")
    lake.run()
    return lake


@pytest.fixture
def of_sample(sample: Lake, invoke: Ask) -> Ask:
    """A command on it."""
    return lambda *words: invoke("--root", sample.settings.root, *words)


@pytest.fixture(scope="module")
def written(sample: Lake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its report."""
    file = tmp_path_factory.mktemp("written") / "a.html"
    told = CliRunner().invoke(
        app, ["--root", str(sample.settings.root), "report", "--out", str(file)]
    )
    assert (told.exit_code, told.stdout) == (
        0,
        f"A report written to {file}.\n\nEverything is as it should be.\n",
    )
    return file


# --- What it says --------------------------------------------------------------------------------


def test_its_numbers_are_those_of_validate_and_flow(written: Path, of_sample: Ask) -> None:
    page = read(written)
    validated, flow = (of_sample(command, "--json").json() for command in ("validate", "flow"))
    counts = page.table("Rows of each table")
    assert [(r["table"], r["zone"], number(r["rows"]), number(r["expected"])) for r in counts] == [
        (t["table"], t["zone"], t["rows"], t["expected"]) for t in validated["tables"]
    ]
    published = {row["table"]: number(row["published"]) for row in counts}
    assert published["machine_learning_curated"] == 7482
    checks = page.table("Each rule")
    assert [(r["check"], number(r["violations"]), r["verdict"]) for r in checks] == [
        (c["check"], c["violations"], c["verdict"]) for c in validated["checks"]
    ]
    wanted = []
    for job in flow["jobs"]:
        for side in job["inputs"]:
            wanted.append((job["job"], side["table"], "read", side["rows"]))
            if side["quarantined"]:
                wanted.append(
                    (job["job"], side["table"], f"{LESS} in quarantine", side["quarantined"])
                )
            wanted += [
                (
                    job["job"],
                    side["table"],
                    f"{LESS if r['rows'] > 0 else '+'} {r['reason']}",
                    abs(r["rows"]),
                )
                for r in side["reasons"]
            ]
        wanted.append((job["job"], job["table"], "= written", job["rows"]))
    flows = page.table("Rows that each job reads")
    assert [(r["job"], r["table"], r["what"], number(r["rows"])) for r in flows] == wanted
    quarantine = page.table("Landing lines that cannot be used")
    assert [(r["table"], r["reason"], number(r["lines"])) for r in quarantine] == [
        (r["table"], r["reason"], r["lines"]) for r in of_sample("quarantine", "--json").json()
    ]


def test_each_check_has_its_sql_folded(written: Path) -> None:
    page = read(written)
    jobs = PROJECT / "jobs"
    text = "".join(page.texts)
    files = [*(jobs / "checks").glob("*.sql"), *(jobs / "accounts").glob("*.sql")]
    assert len(files) > 10
    assert [file.name for file in files if file.read_text().strip() not in text] == []
    tags = [tag for tag, _ in page.elements]
    assert tags.count("details") == tags.count("summary") == tags.count("pre") >= len(files)
    assert not [tag for tag, attributes in page.elements if tag == "details" and attributes]


def test_the_picture_of_the_flow_says_the_same(written: Path, of_sample: Ask) -> None:
    page = written.read_text()
    picture = page[page.index('<figure class="flow">') : page.index("</svg>")]
    drawn = " ".join(re.findall(r"<text[^>]*>([^<]*)", picture))
    drawn = re.sub(r"\s+", " ", drawn).replace("&#39;", "'")
    for job in of_sample("flow", "--json").json()["jobs"]:
        assert f"{job['table']} {job['rows']:,} rows" in drawn
        for side in job["inputs"]:
            assert f"of {side['rows']:,} {side['table']}" in drawn
            for told in side["reasons"]:
                sign = LESS if told["rows"] > 0 else "+"
                assert f"{sign} {abs(told['rows']):,} {told['reason']}" in drawn


def test_it_tells_of_each_table(written: Path, sample: Lake) -> None:
    page = read(written)
    states = sample.states()
    for name, table in sample.model.tables.items():
        columns = page.table(f"Columns of {name}")
        assert [(c["column"], c["personal"] == "personal", c["meaning"]) for c in columns] == [
            (c.name, c.personal, c.doc) for c in table.columns
        ]
        rows = page.table(f"First rows of {name}")
        assert len(rows) == 5
        assert list(rows[0]) == [column.name for column in table.columns]
        hidden = {column.name for column in table.columns if column.personal}
        assert {row[column] for row in rows for column in hidden} <= {"…", "–"}
        if name in states:
            (snapshot,) = page.table(f"Snapshots of {name}")
            current = states[name].current
            assert current is not None
            assert (snapshot["snapshot"], number(snapshot["rows"])) == (
                str(current.id),
                current.rows,
            )
            if current.provenance is not None:
                assert snapshot["run"] == current.provenance.run
                assert current.provenance.sql.startswith(snapshot["SQL, SHA-256"])
    (run,) = page.table("Runs that made")
    assert (run["policy"], run["engine"]) == ("strict", "duckdb")


def test_the_plots_say_what_is_to_be_seen(written: Path) -> None:
    page = read(written)
    named = [e["aria-labelledby"] for tag, e in page.elements if tag == "svg"]
    assert named == ["flow-title", *(f"finding-{name}" for name in PLOTS)]
    text = "".join(page.texts)
    assert "120 customers with 80 to 91 in landing; 72 customers with 1 to 91 in trusted." in text
    assert "Of 74 trusted customers with readings" in text
    assert "4,835 rows; a larger spot stands for more of them" in text
    assert "Not drawn" not in text


@pytest.mark.slow
def test_the_consent_is_counted_from_the_first_reading(ran: Lake, invoke: Ask) -> None:
    """ann's and dan's first readings come before their consent, bob's and fay's after it."""
    assert invoke("--root", ran.settings.root, "report").code == 0
    text = "".join(read("stedi-report.html").texts)
    assert "Of 4 trusted customers with readings 2 gave consent before the first of them, 2" in text


# --- Who is not in it ----------------------------------------------------------------------------


def people() -> set[str]:
    """Every text of the sample's landing lines that identifies somebody."""
    found: set[str] = set()
    for file in (PROJECT / "data" / "sample").rglob("*.json"):
        for line in file.read_text("utf-8", errors="replace").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if isinstance(record, dict):
                found |= {str(record[key]) for key in PERSONAL & record.keys()}
            found |= set(re.findall(r"[\w.+-]+@[\w.-]+", line))
    return {text.strip() for text in found if len(text.strip()) > 3} - {"None", "null", "true"}


def test_nobody_is_in_it(written: Path, sample: Lake) -> None:
    page = written.read_text("utf-8").lower()
    # Nor whoever wrote it, whom a path may name.
    root = sample.settings.root
    assert f"local lakehouse {root.name}<" in page
    assert str(root.parent).lower() not in page
    known = people()
    assert len(known) > 300
    assert sorted(text for text in known if text.lower() in page) == []
    assert "@" not in re.sub(r"@(media|page)\b", "", page)


def test_no_instant_of_anybody_is_in_it(written: Path) -> None:
    files = (PROJECT / "data" / "sample").rglob("*.json")
    known = {n for file in files for n in INSTANT.findall(file.read_text("utf-8", "replace"))}
    assert len(known) > 1000
    assert known.isdisjoint(INSTANT.findall(written.read_text()))
    page = read(written)
    for name, instant in (("customer_trusted", "registrationDate"), ("held_back", "instant")):
        shown = {row[instant] for row in page.table(f"First rows of {name}")}
        assert shown <= ({"2024-02-29", "2024-03-01"} if name != "held_back" else {"…", "–"})


@pytest.mark.slow
def test_a_scan_for_people_finds_none_in_it(sample: Lake, written: Path, invoke: Ask) -> None:
    emails = {row[1].strip() for row in sample.rows("customer_landing")}
    Path("people.txt").write_text("\n".join(sorted(emails)))
    report = sample.settings.root / "report.html"
    for file, found in ((written, 0), (Path("all.html"), 1)):
        if found:
            root = ("--root", sample.settings.root)
            assert invoke(*root, "report", "--unmasked", "--out", file).code == 0
        shutil.copy(file, report)
        try:
            told = invoke("--root", sample.settings.root, "privacy", "scan", "--file", "people.txt")
        finally:
            report.unlink()
        assert told.code == 4
        assert ("report.html" in told.out) == bool(found)


def test_unmasked_is_said_in_its_head_and_in_the_ledger(ran: Lake, invoke: Ask) -> None:
    root = ["--root", ran.settings.root]
    assert invoke(*root, "report", "--out", "masked.html").code == 0
    assert invoke(*root, "history", "--exports", "--json").json() == []
    assert invoke(*root, "report", "--out", "all.html", "--unmasked").code == 0
    page = Path("all.html").read_text()
    head = page[page.index("<header>") : page.index("</header>")]
    assert "personal data" in head
    assert "personal data" in page[page.index("<title>") : page.index("</title>")]
    assert "personal data" not in Path("masked.html").read_text()
    assert {r["email"] for r in read("all.html").table("First rows of customer_trusted")} == {
        row[1] for row in ran.rows("customer_trusted")
    }
    entries = invoke(*root, "history", "--exports", "--json").json()
    assert {e["command"] for e in entries} == {"report --unmasked"}
    assert {e["file"] for e in entries} == {str(Path("all.html").absolute())}
    told = {e["table"]: (e["rows"], e["personal"]) for e in entries}
    assert told["customer_trusted"] == (4, [c for c in PERSONAL_COLUMNS if c in PERSONAL])
    assert "machine_learning_curated" not in told


PERSONAL_COLUMNS = ["customerName", "email", "phone", "birthDay", "serialNumber"]


@pytest.mark.slow
@pytest.mark.parametrize("together", [4, 5])
def test_times_are_drawn_where_five_people_have_readings(
    tmp_path: Path, invoke: Ask, together: int
) -> None:
    """Some have theirs at one time, and one has theirs an hour later."""
    names = "abcdef"[: together + 1]
    at = dict.fromkeys(names, C + 3) | {names[-1]: C + 3_600_003}
    files: dict[str, Any] = {
        "customer_landing": {"c.json": [customer(f"{n}@x.org", f"s-{n}", C) for n in names]},
        "accelerometer_landing": {"a.json": [motion(f"{n}@x.org", at[n]) for n in names]},
        "step_trainer_landing": {"s.json": [step(f"s-{n}", at[n]) for n in names]},
    }
    lake = Lake(tmp_path / "lake").up()
    lake.upload(write_lake(tmp_path / "data", files))
    lake.run()
    assert invoke("--root", lake.settings.root, "report").code == 0
    text = "".join(read("stedi-report.html").texts)
    assert ("nothing to be counted" in text) == (together == 4)
    assert ("5 accelerometer readings in landing, 5 accelerometer" in text) == (together == 5)


@pytest.mark.slow
def test_tables_of_ones_own_are_in_it(tmp_path: Path, invoke: Ask) -> None:
    project = tmp_path / "project"
    shutil.copytree(PROJECT / "configs", project / "configs")
    shutil.copytree(PROJECT / "jobs", project / "jobs")
    model = project / "configs" / "lakehouse.yaml"
    table = """  customer_activity:
    zone: curated
    doc: How many readings each has.
    columns:
      - customer_landing.email
      - {name: readings, type: long, doc: Number of readings}
    key: [email]

jobs:
"""
    job = """  customer_activity:
    doc: Customers with the number of their readings
    reads: [customers_curated, accelerometer_trusted]
    writes: customer_activity

# breaks:"""
    text = model.read_text().replace("\njobs:\n", f"\n{table}", 1)
    model.write_text(text.replace("\n# breaks:", f"\n{job}", 1))
    (project / "jobs" / "customer_activity.sql").write_text(
        "SELECT c.email, count(*) AS readings FROM accelerometer_trusted a"
        " JOIN customers_curated c ON c.email = a.user GROUP BY c.email"
    )
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    told = invoke(
        *("--config", project / "configs" / "local.yaml", "--root", lake.settings.root, "report")
    )
    assert told.code == 0, told.err + told.out
    raw = Path("stedi-report.html").read_text()
    assert '<text class="title"' in raw
    assert ">customer_activity</text>" in raw
    rows = Read(raw).table("First rows of customer_activity")
    assert sorted((row["email"], row["readings"]) for row in rows) == [
        ("…", "1"),
        ("…", "1"),
        ("…", "2"),
    ]


# --- What a value can do -------------------------------------------------------------------------


@pytest.mark.slow
def test_a_hostile_value_is_a_text(tmp_path: Path, invoke: Ask) -> None:
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("data", "tests", ".*", "*.py"))
    quoted = " ".join(HOSTILE[:4]).replace("'", "''")
    model = project / "configs" / "lakehouse.yaml"
    said = json.dumps(f"{HOSTILE[1]}\u202e\x07")
    model.write_text(model.read_text().replace("doc: Full name}", f"doc: {said}}}", 1))
    account = project / "jobs" / "accounts" / "customer_trusted_to_curated.sql"
    account.write_text(f"SELECT '{quoted}' AS reason, 1 AS n FROM customer_trusted LIMIT 1")
    plot = project / "jobs" / "plots" / "distance.sql"
    plot.write_text(
        f"SELECT '{quoted}' AS axis, 1.0 AS motion, 2.0 AS distance, 3 AS readings"
        " FROM machine_learning_curated LIMIT 1"
    )
    names = [*HOSTILE, "long" * 100_000]
    records = [customer("eve@x.org", "s", C) | {"customerName": text} for text in names]
    config = project / "configs" / "local.yaml"
    lake = Lake(tmp_path / HOSTILE[1].replace("/", ""), project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.upload(write_lake(tmp_path / "more", {"customer_landing": {"more.json": records}}))
    lake.run()
    words = ["--config", config, "--root", lake.settings.root, "report", "--unmasked", "--force"]
    assert invoke(*words).code == 3
    raw = Path("stedi-report.html").read_text("utf-8")
    page = Read(raw)
    assert raw.replace("\n", "").isprintable()
    assert len(raw.encode()) <= 2_000_000
    tags = {tag for tag, _ in page.elements}
    assert {"script", "img", "iframe", "object", "link", "form"}.isdisjoint(tags)
    assert not [n for _, attributes in page.elements for n in attributes if n.startswith("on")]
    flat = re.sub(r"\s+", " ", "".join(page.texts))
    assert flat.count("<img src=x onerror=alert(1)>") >= 3
    assert "$x^2$" in "".join(re.findall(r"<text[^>]*>([^<]*)", raw))


# --- What it asks for, and what it weighs --------------------------------------------------------


def test_it_asks_for_nothing_and_is_small(written: Path) -> None:
    raw = written.read_text("utf-8")
    page = Read(raw)
    assert len(raw.encode()) <= 2_000_000
    for tag, attributes in page.elements:
        assert tag not in ("script", "img", "link", "iframe", "object", "base", "image")
        assert "src" not in attributes
        href = attributes.get("href") or attributes.get("xlink:href") or "#"
        assert href.startswith("#"), href
    assert re.findall(r"url\((?!#)|@import|@font-face", raw) == []
    # As a name, which is no address that anybody looks up.
    assert set(re.findall(r"https?://[^\"' <]*", raw)) <= {"http://www.w3.org/2000/svg"}
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]*)\)|href=\"#([^\"]+)\"", raw))
    assert {one or other for one, other in used} <= set(ids)


@pytest.mark.slow
def test_the_same_lakehouse_gives_the_same_bytes(
    written: Path, stedi: Ask, sample: Lake, tmp_path: Path
) -> None:
    # In another process, at another time, where everything was asked before and matplotlib is
    # told to do otherwise; and nothing is written anywhere else.
    Path("matplotlibrc").write_text("font.size: 30\nlines.linewidth: 9\nsvg.fonttype: path\n")
    env = {"PYTHONHASHSEED": "7", "MPLBACKEND": "none-of-its"}
    told = stedi("--root", sample.settings.root, "report", "--out", "b.html", **env)
    assert told.code == 0, told.err
    assert written.read_bytes() == Path("b.html").read_bytes()
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.slow
def test_the_file_is_made_once(ask: Ask, workspace: Path, built: Lake) -> None:
    assert ask("report", "--out", "a.html").code == 3
    before = Path("a.html").read_bytes()
    refused = ask("report", "--out", "a.html")
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert ask("report", "--out", "a.html", "--force").code == 3
    assert Path("a.html").read_bytes() == before
    for name in ("a.txt", "nowhere/a.html", built.settings.root / "a.html"):
        assert ask("report", "--out", name).code == 2
    assert [path.name for path in workspace.iterdir()] == ["a.html"]


@pytest.mark.slow
def test_it_is_shown(of_sample: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    assert of_sample("report", "--open").code == 0
    assert opened == [Path("stedi-report.html").absolute().as_uri()]
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    told = of_sample("report", "--open", "--force")
    assert (told.code, "no browser" in told.err) == (0, True)


@pytest.mark.slow
def test_without_what_draws_plots_it_says_so(
    of_sample: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    told = of_sample("report", "--out", "a.html")
    assert told.code == 0
    assert "pip install 'stedi[report]'" in told.err
    page = read("a.html")
    assert "Plots are not drawn" in "".join(page.texts)
    assert len(page.table("Rows of each table")) == len(STRICT)


@pytest.mark.slow
def test_before_anything_is_built_it_says_so(lake: Lake, invoke: Ask) -> None:
    told = invoke("--root", lake.settings.root, "report")
    assert told.code == 3
    page = read("stedi-report.html")
    verdicts = {row["table"]: row["verdict"] for row in page.table("Rows of each table")}
    assert verdicts["machine_learning_curated"] == "not built"
    assert "No run has made a table yet" in "".join(page.texts)
    assert "Not drawn: tables that it is about are not there yet." in "".join(page.texts)
    assert invoke("--root", "nothing", "report", "--out", "b.html").code in (1, 2)
    assert not Path("b.html").exists()


@pytest.mark.slow
def test_what_a_policy_breaks_on_purpose_is_known(tmp_path: Path, invoke: Ask) -> None:
    lake = Lake(tmp_path / "lake").up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run(policy="published")
    assert invoke("--root", lake.settings.root, "report").code == 0
    page = read("stedi-report.html")
    verdicts = {row["check"]: row["verdict"] for row in page.table("Each rule")}
    assert verdicts["customer_trusted_consent"] == "known"
    # Neither is right: nobody knows these counts, and the rule is broken.
    marks = re.findall(r'class="verdict (\w+)">(\w+)<', Path("stedi-report.html").read_text())
    assert {(mark, word) for mark, word in marks if word != "ok"} == {
        ("soft", "known"),
        ("soft", "unknown"),
    }
    text = "".join(page.texts)
    assert "policy published breaks it on purpose" in text
    accounts = list((PROJECT / "jobs" / "published" / "accounts").glob("*.sql"))
    assert accounts
    assert [file.name for file in accounts if file.read_text().strip() not in text] == []


# --- Plots and pictures of other data ------------------------------------------------------------


@pytest.mark.parametrize(
    ("plot", "said"),
    [
        (Plotted((), (), "why"), "Not drawn: why."),
        (Plotted(("low", "high"), ()), "its columns have to be low, high, customers"),
        (Plotted(("low", "high", "customers"), ()), "nothing to be counted"),
        (Plotted(("low", "high", "customers"), (("a", "b", "c"),)), "in its numbers"),
    ],
)
def test_a_plot_that_cannot_be_drawn_says_why(plot: Plotted, said: str) -> None:
    from stedi_cli.report.plots import drawn

    (found,) = drawn({"consent": plot})
    assert found.svg == ""
    assert said in found.finding


@pytest.mark.slow
def test_a_plot_whose_sql_is_broken_leaves_the_others(
    tmp_path: Path, ran: Lake, invoke: Ask
) -> None:
    project = tmp_path / "project"
    shutil.copytree(PROJECT / "configs", project / "configs")
    shutil.copytree(PROJECT / "jobs", project / "jobs")
    broken = {"consent": "SELEC 1", "distance": "SELECT nothing FROM customer_trusted"}
    for name, sql in broken.items():
        (project / "jobs" / "plots" / f"{name}.sql").write_text(sql)
    (project / "jobs" / "plots" / "mine.sql").write_text("SELECT 1 AS one")
    config = project / "configs" / "local.yaml"
    told = invoke("--config", config, "--root", ran.settings.root, "report")
    assert told.code in (0, 3), told.err
    page = read("stedi-report.html")
    text = "".join(page.texts)
    assert text.count("Not drawn: ") == 2
    assert text.count(f"{project / 'jobs' / 'plots'}") == 2
    assert "Nothing draws jobs/plots/mine.sql" in text
    named = [e.get("aria-labelledby") for tag, e in page.elements if tag == "svg"]
    assert {"finding-one_session", "finding-readings_per_customer"} <= set(named)


def test_a_plot_that_nothing_draws_is_named() -> None:
    from stedi_cli.report.plots import drawn

    (found,) = drawn({"mine": Plotted(("a",), ((1,),))})
    assert found.finding.startswith("Nothing draws jobs/plots/mine.sql.")


def test_a_plot_has_no_more_than_two_thousand_points() -> None:
    from stedi_cli.report.plots import MOST_POINTS, drawn

    rows = tuple((float(n), n % 7.0, 0.0, 1.0, n) for n in range(50_000))
    (found,) = drawn({"one_session": Plotted(("second", "x", "y", "z", "distance"), rows)})
    assert f"{MOST_POINTS:,} accelerometer readings" in found.finding
    assert found.svg.count("<use") <= 4 * MOST_POINTS + 100


def wide(reasons: int, tables: int) -> tuple[Lakehouse, list[Flow]]:
    """A model of many tables with many reasons, and names as long as they come."""
    landing = {f"landing_{'n' * n}": "landing" for n in range(1, 6)}
    zones = ("trusted", "curated")
    made = {f"table_{n}_{'long_' * (n % 5)}name": zones[n % 2] for n in range(tables)}
    models = {
        name: Table(name, zone, "", (), folder=name if zone == "landing" else None)
        for name, zone in (landing | made).items()
    }
    jobs, known = {}, list(landing)
    for n, name in enumerate(made):
        reads = tuple(dict.fromkeys((known[n % len(known)], known[-1], known[0], known[n // 2])))
        jobs[name] = Job(name, "", reads, name)
        known.append(name)
    said = [
        (f"reason {'words ' * n}{'W' * 60 if n == 3 else '語' * 30}", n) for n in range(reasons)
    ]
    flows = [
        Flow(name, name, 10**9, [Side(read, 10**10, 7, said, 3) for read in job.reads], True, 1)
        for name, job in jobs.items()
    ]
    return Lakehouse(PROJECT, models, jobs, {}), flows


@pytest.mark.parametrize(("reasons", "tables"), [(0, 1), (7, 3), (12, 14)])
def test_nothing_in_the_picture_overlaps_or_leaves_it(reasons: int, tables: int) -> None:
    lakehouse, flows = wide(reasons, tables)
    drawn = diagram(lakehouse, flows, {})
    assert {box.table for box in drawn.boxes} == lakehouse.tables.keys()
    assert len(drawn.lines) == sum(len(job.reads) for job in lakehouse.jobs.values())
    for one, other in combinations(drawn.boxes, 2):
        apart_x = one.x + one.width < other.x or other.x + other.width < one.x
        apart_y = one.y + one.height < other.y or other.y + other.height < one.y
        assert apart_x or apart_y, (one.table, other.table)
    for box in drawn.boxes:
        assert box.x >= 0 and box.x + box.width <= drawn.width
        assert box.y >= 20 and box.y + box.height <= drawn.height
        assert len(box.texts) * LINE + 10 <= box.height
        assert any(box.table in "".join(box.texts).replace(" ", "") for _ in "x")
    lines_cross_no_box(drawn)


def lines_cross_no_box(drawn: Diagram) -> None:
    for line in drawn.lines:
        for (x1, y1), (x2, y2) in zip(line.points, line.points[1:], strict=False):
            assert x1 == x2 or y1 == y2
            for box in drawn.boxes:
                crosses = (
                    min(x1, x2) < box.x + box.width - 1
                    and max(x1, x2) > box.x + 1
                    and min(y1, y2) < box.y + box.height - 1
                    and max(y1, y2) > box.y + 1
                )
                assert not crosses, (line, box.table)
            assert min(x1, x2) >= 0 and max(x1, x2) <= drawn.width
