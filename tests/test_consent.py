"""Consent that is shown, given and withdrawn: right at once, and no trace where none may be."""

from __future__ import annotations

import errno
import gzip
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import oracle
import pyarrow as pa
import pytest
from conftest import PROJECT, Ask, Lake, Result, mostly_slow
from lake import build
from lakes import worlds
from small import JOBS, TABLES, TYPED, C, Record, customer, lines, motion, step, write_lake

from stedi_cli.consent import change, held
from stedi_cli.consent.change import ConsentChange
from stedi_cli.consent.customers import Customer, find, person_of
from stedi_cli.lake.records import RunOptions
from stedi_cli.local.lock import exclusive
from stedi_cli.privacy.people import Person, folded
from stedi_cli.privacy.scan import Scan, scan
from stedi_cli.privacy.tree import Tree
from stedi_cli.project.model import load
from stedi_cli.runs.pipeline import Pipeline

ANN, BOB, DAN, FAY = (f"{name}@x.org" for name in ("ann", "bob", "dan", "fay"))
BUILT = list(JOBS.values())
TRUSTED = "customer_trusted"
LAST = 4_102_444_799_999
"""The last instant that is plausible."""

Told = Callable[..., Result]


@pytest.fixture
def consent(ran: Lake, tmp_path: Path, invoke: Ask) -> Told:
    """A change of consent of the small lake; people are addresses or records."""

    def run(how: str, *people: str | Record, at: Path | None = None, **options: Any) -> Result:
        named = tmp_path / "people.txt"
        told = (p if isinstance(p, str) else json.dumps(p) for p in people)
        named.write_text("\n".join(told))
        words = [f"--{name}" for name, given in options.items() if given is True]
        for limit in ("bad-rows", "unreadable-customers") if "bad" in options else ():
            words.append(f"--max-{limit}={options['bad']}")
        root = at or ran.settings.root
        return invoke("--root", root, "consent", how, "--file", named, *words)

    return run


def deliver(lake: Lake, name: str, records: list[Record], folder: str = "customer") -> None:
    (lake.layout.landing / folder / name).write_bytes(lines(records))


def new_records(lake: Lake) -> list[Record]:
    """The records that changes of consent wrote, oldest first."""
    files = sorted((lake.layout.landing / "customer").glob("consent-*.json"))
    assert all(re.fullmatch(r"consent-[0-9a-f]{32}\.json", path.name) for path in files)
    found = [json.loads(line) for path in files for line in path.read_bytes().splitlines()]
    return sorted(found, key=lambda record: record["lastUpdateDate"])


def rows(lake: Lake) -> dict[str, list[Any]]:
    return {name: sorted(lake.rows(name), key=repr) for name in TABLES}


def fresh(lake: Lake, folder: Path) -> dict[str, list[Any]]:
    """The tables of a lakehouse of its own that is built of the same landing files."""
    other = Lake(folder, max_bad_rows=9).up()
    other.upload(lake.layout.landing)
    other.run()
    return rows(other)


def left(lake: Lake, *people: str) -> Scan:
    """What a scan finds of people where nothing of them may be."""
    named = [Person(folded(email)) for email in people]
    return scan(Tree(str(lake.settings.root)), named, allowed=["landing", "typed"])


def trusted(lake: Lake) -> set[str]:
    return {row[1] for row in lake.rows("customer_trusted")}


def everything(lake: Lake) -> dict[Path, bytes]:
    files = (path for path in lake.settings.root.rglob("*") if path.is_file())
    # But for which process had the lock, and the cache of what files are.
    own = ("lock", "landing-index.json")
    return {path: path.read_bytes() for path in files if path.name not in own}


# --- Withdrawn ------------------------------------------------------------------------------------


def test_who_withdrew_is_in_no_table_snapshot_or_file(
    ran: Lake, consent: Told, tmp_path: Path
) -> None:
    ran.run(force=True)
    assert left(ran, BOB, DAN).sought.values.instants
    assert left(ran, BOB, DAN).wrong
    began = time.time_ns() // 1_000_000
    told = consent("revoke", " Bob@X.org ", DAN, BOB, json=True)
    assert told.code == 0, told.err
    done = json.loads(told.out)
    assert done["changed"] == [1, 2, 3]
    assert "may hold them" not in told.err
    assert (done["unchanged"], done["not_found"], done["policy"]) == ([], [], "strict")
    assert {job["status"] for job in done["jobs"]} == {"built"}
    assert trusted(ran) == {ANN, FAY}
    assert rows(ran) == fresh(ran, tmp_path / "fresh")
    scanned = left(ran, BOB, DAN)
    assert (scanned.wrong, scanned.unread) == ([], [])
    states = ran.states()
    assert {name: len(states[name].snapshots) for name in (*BUILT, *TYPED)} == dict.fromkeys(
        (*BUILT, *TYPED), 1
    )
    for name in (*BUILT, *TYPED):
        stored = list((ran.layout.warehouse / name).rglob("*.parquet"))
        assert sorted(path.name for path in stored) == sorted(states[name].current.files)  # type: ignore[union-attr]
    assert not ran.layout.journal.exists()
    assert ran.built() == set()
    for record in new_records(ran):
        assert began <= record.pop("lastUpdateDate") <= time.time_ns() // 1_000_000
        email = record["email"]
        old = customer(email, {BOB: "serial-shared", DAN: "serial-dan"}[email], 0, None)
        del old["lastUpdateDate"]
        assert record == old


@pytest.mark.slow
@pytest.mark.parametrize("latest", [C + 10**12, LAST - 1, LAST])
def test_no_record_dated_in_the_future_is_later(ran: Lake, consent: Told, latest: int) -> None:
    deliver(ran, "d.json", [customer(ANN, "serial-ann", latest)])
    told = consent("revoke", ANN)
    assert told.code == 0, told.err
    assert [r["lastUpdateDate"] for r in new_records(ran)] == [min(latest + 1, LAST)]
    assert ANN not in trusted(ran)
    assert ran.validate().ok
    granted = consent("grant", ANN)
    assert granted.code == (0 if latest + 2 <= LAST else 2), granted.err
    assert (ANN in trusted(ran)) == (granted.code == 0)
    assert ("who stands on line 1 of the people" in granted.err) == (granted.code == 2)


@pytest.mark.slow
def test_again_and_after_an_older_file_and_a_replacing_upload(
    ran: Lake, consent: Told, tmp_path: Path, stedi: Ask
) -> None:
    for _ in range(2):
        assert consent("revoke", ANN).code == 0
    deliver(ran, "older.json", [customer(ANN, "serial-ann", C + 9)])
    ran.run()
    assert ANN not in trusted(ran)
    root = ran.settings.root
    again = write_lake(tmp_path / "again")
    told = stedi("--root", root, "upload", again, "--replace", "--yes", "--json")
    assert told.json()[0] | {"unchanged": 0} == {
        "table": "customer_landing",
        "new": 0,
        "changed": 0,
        "unchanged": 0,
        "removed": 1,
        "mixed": 0,
    }
    assert len(new_records(ran)) == 2
    ran.run()
    assert ANN not in trusted(ran)


@pytest.mark.slow
def test_nobody_changes_no_byte(ran: Lake, consent: Told) -> None:
    before = everything(ran)
    for how in ("revoke", "grant", "show"):
        told = consent(how, "zoe@x.org", "no@x.org")
        assert told.code == 5
        assert "lines 1, 2 of the people" in told.err
        assert "zoe" not in told.err + told.out
    assert everything(ran) == before
    told = consent("revoke", "zoe@x.org", ANN)
    assert told.code == 5
    assert "line 1 of the people" in told.err
    assert ANN not in trusted(ran)


def test_who_has_no_record_any_more_leaves_the_tables_too(ran: Lake, consent: Told) -> None:
    """As where their landing lines were removed by hand, and no run has followed."""
    (path,) = (ran.layout.landing / "customer").iterdir()
    others = [line for line in path.read_bytes().splitlines() if ANN.encode() not in line]
    path.write_bytes(b"\n".join(others))
    told = consent("revoke", ANN)
    assert (told.code, new_records(ran)) == (5, []), told.err
    assert ANN not in trusted(ran)
    assert left(ran, ANN).wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["published", "consent_on_accelerometer"])
def test_the_policy_of_the_tables_decides(ran: Lake, consent: Told, policy: str) -> None:
    ran.run(policy=policy)
    before = everything(ran)
    told = consent("revoke", ANN, json=True)
    if policy == "published":
        assert told.code == 2
        assert "Under published" in told.err
        assert everything(ran) == before
        return
    assert json.loads(told.out)["policy"] == policy
    assert ANN not in trusted(ran)
    assert ran.built(policy=policy) == set()
    deliver(ran, "later.json", [customer(ANN, "serial-ann", C + 9)])
    assert f"Run `stedi jobs run --all --policy {policy}`." in consent("show", ANN).err


@pytest.mark.slow
def test_a_table_that_has_them_all_the_same_is_told(
    ran: Lake, consent: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a policy whose own SQL takes older records, and which does not say so."""
    monkeypatch.setattr(change.ConsentChange, "_refuse_older", lambda *_: None)
    ran.run(policy="published")
    told = consent("revoke", ANN)
    assert told.code == 4
    assert "customer_trusted still has rows of 1 person who withdrew" in told.err


@pytest.mark.slow
def test_a_table_that_nobody_can_look_into_is_told(
    ran: Lake, consent: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a project that was copied before it had the SQL, or has a table of its own."""
    known = held.whose
    name = "step_trainer_trusted"
    monkeypatch.setattr(held, "whose", lambda _, t, p: None if t.name == name else known(_, t, p))
    for people, changed in ([ANN, "zoe@x.org"], [1]), (["no@x.org"], []):
        told = consent("revoke", *people, json=True)
        done = json.loads(told.out)
        assert (told.code, done["changed"], done["not_looked_at"]) == (3, changed, [name])
        assert f"Warning: {name} may hold them: jobs/whose/{name}.sql is not there" in told.err
        assert f"line {len(people)} of the people" in told.err
    assert ANN not in trusted(ran)


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "code"), [("strict", 0), ("consent_on_accelerometer", 4)])
def test_step_readings_that_stay_as_another_holders_are_told(
    ran: Lake, consent: Told, policy: str, code: int
) -> None:
    deliver(ran, "g.json", [customer("gus@x.org", "serial-shared", C)])
    deliver(ran, "g.json", [motion("gus@x.org", C + 60)], "accelerometer")
    ran.run(policy=policy)
    told = consent("revoke", BOB)
    assert told.code == code, told.err
    assert ("step_trainer_trusted still has rows of 1 person" in told.err) == (code == 4)


@pytest.mark.slow
def test_tables_that_are_not_built_are_none_to_run(lake: Lake, consent: Told) -> None:
    root = lake.settings.root.parent / "empty"
    empty = Lake(root).up()
    empty.upload(write_lake(root.parent / "empty-data"))
    told = consent("revoke", ANN, at=root, json=True)
    assert (told.code, json.loads(told.out)["policy"]) == (0, None)
    assert consent("grant", ANN, at=root).code == 2
    empty.run()
    assert trusted(empty) == {BOB, DAN, FAY}


def test_what_no_table_is_known_by_is_named(ran: Lake, consent: Told) -> None:
    """As what pyiceberg leaves of a table that it drops."""
    left_over = ran.layout.warehouse / "old" / "data"
    left_over.mkdir(parents=True)
    (ran.layout.warehouse / f"of-{BOB}.csv").write_text(ANN)
    told = consent("revoke", ANN)
    named = "holds what no table in the catalog is known by, and may hold them: …, old."
    assert (told.code, named in " ".join(told.err.split())) == (0, True), told.err
    assert left_over.is_dir()


# --- Others at work, and what dies half-way -------------------------------------------------------


def test_others_at_work_are_refused_or_waited_for(ran: Lake, consent: Told, tmp_path: Path) -> None:
    before = everything(ran)
    with ran.opened() as reader:
        reader.questions.ask("SELECT 1 FROM customer_trusted")
        told = consent("revoke", ANN)
        assert (told.code, "Somebody is reading" in told.err) == (1, True)
    with exclusive(ran.layout.lock):
        told = consent("revoke", ANN)
        assert (told.code, "Another process" in told.err) == (1, True)
    assert everything(ran) == before


@pytest.mark.slow
def test_with_wait_a_reader_is_waited_for(ran: Lake, tmp_path: Path) -> None:
    (tmp_path / "ann.txt").write_text(ANN)
    words = ["--root", str(ran.settings.root), "consent", "revoke", "--wait", "--file"]
    with ran.opened() as reader:
        reader.questions.ask("SELECT 1 FROM customer_trusted")
        waiting = subprocess.Popen(
            [sys.executable, "-m", "stedi_cli", *words, str(tmp_path / "ann.txt")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(2.5)
        assert new_records(ran) == []
    assert waiting.wait(60) == 0
    assert ANN not in trusted(ran)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["before the run", "before the expiry", "with a full disk"])
def test_what_dies_half_way_is_completed(
    ran: Lake, consent: Told, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    ran.run(force=True)
    with monkeypatch.context() as patch:
        full = stage == "with a full disk"

        def die(*_: Any) -> Any:
            raise OSError(errno.ENOSPC, "No space left on device") if full else KeyboardInterrupt

        if stage == "before the run":
            patch.setattr(Pipeline, "run", die)
        else:
            patch.setattr("stedi_cli.local.consent.write_journal", die)
        told = consent("revoke", BOB)
        assert "It is recorded, but not carried out yet" in told.err
        assert told.code == (1 if full else 130)
    if stage == "before the run":
        report = ran.validate()
        assert (report.ok, report.stale[0]["table"]) == (False, "customer_trusted")
    ran.run()
    assert BOB not in trusted(ran)
    assert left(ran, BOB).wrong == []
    assert consent("revoke", BOB).code == 0
    assert {len(ran.states()[name].snapshots) for name in (*BUILT, *TYPED)} == {1}


@pytest.mark.slow
def test_a_run_that_fails_names_what_is_to_be_done(
    ran: Lake, consent: Told, caplog: pytest.LogCaptureFixture
) -> None:
    bad = ran.layout.landing / "accelerometer" / "bad.json"
    bad.write_bytes(b"{}\n" * 3)
    told = consent("revoke", ANN)
    assert told.code == 3
    assert "The withdrawal is recorded, but not carried out yet: accelerometer_landing" in told.err
    assert "Then give this command again." in told.err
    assert ANN in trusted(ran)
    bad.unlink()
    ran.run()
    assert ANN not in trusted(ran)
    assert caplog.text == ""


# --- Given again --------------------------------------------------------------------------------


def test_given_again_only_later_readings_count(ran: Lake, consent: Told) -> None:
    assert consent("revoke", ANN).code == 0
    told = consent("grant", ANN, FAY, json=True)
    done = json.loads(told.out)
    assert (told.code, done["changed"], done["unchanged"]) == (0, [1], [2])
    since = new_records(ran)[-1]["shareWithResearchAsOfDate"]
    times = [since - 1, since, since + 1]
    deliver(ran, "later.json", [motion(ANN, at) for at in times], "accelerometer")
    deliver(ran, "later.json", [step("serial-ann", at) for at in times], "step_trainer")
    ran.run()
    assert sorted(r[1] for r in ran.rows("accelerometer_trusted") if r[0] == ANN) == times[1:]
    assert sorted(r[0] for r in ran.rows("machine_learning_curated") if r[0] in times) == times[1:]
    assert ran.validate().ok
    assert "1 person agrees already." in consent("grant", FAY, FAY.upper()).out


@pytest.mark.parametrize("dated", mostly_slow([False, True]))
def test_who_is_held_back_stays_so_unless_the_line_is_answered(
    ran: Lake, consent: Told, dated: bool
) -> None:
    record = customer(ANN, "serial-ann", C + 2, None)
    if not dated:
        del record["lastUpdateDate"]
    folder = ran.layout.landing / "customer"
    broken = folder / "broken.json"
    broken.write_bytes(b"\n" + json.dumps(record).encode()[:-1] + b', "phone\n')
    told = consent("grant", ANN, bad=9)
    assert (told.code, "broken.json:2" in told.err) == (3, True), told.err
    assert new_records(ran) == []
    assert ANN not in trusted(ran)
    assert consent("grant", ANN, bad=9, supersede=True).code == 0
    # The line is the same wherever it lies, and however often it is read.
    packed = gzip.compress(broken.read_bytes())
    broken.unlink()
    (folder / "moved.json.gz").write_bytes(packed)
    lake = Lake(ran.settings.root, max_bad_rows=9)
    lake.run()
    with lake.opened() as opened:
        options = RunOptions("duckdb", force=True, reread=True)
        list(Pipeline(lake.model, opened, "strict").run(options))
    assert ANN in trusted(lake)
    report = lake.validate()
    assert (report.ok, report.held_back) == (True, 0)
    # Another line in its place is one that nobody has answered.
    (folder / "moved.json.gz").write_bytes(gzip.compress(broken_line(record) * 2))
    lake.run()
    assert (ANN in trusted(lake)) == dated
    assert consent("revoke", ANN, bad=9).code == 0


@pytest.mark.slow
@pytest.mark.spark
def test_spark_takes_an_answer_too(ran: Lake) -> None:
    """Of a line that it finds in the table as of one that it reads."""
    record = customer(ANN, "serial-ann", C + 2, None)
    del record["lastUpdateDate"]
    broken = ran.layout.landing / "customer" / "broken.json"
    broken.write_bytes(b"\n" + broken_line(record))
    lake = Lake(ran.settings.root, max_bad_rows=9)
    lake.run()
    assert ANN not in trusted(lake)
    with lake.opened() as opened, opened.consent.alone(wait=False, readers=True):
        table = lake.model.tables["customer_landing"]
        opened.consent.answer(table, {("broken.json", 2): C})
    deliver(lake, "new.json", [customer("new@x.org", "serial-new", C)])
    for how in ({}, {"force": True, "reread": True}):
        with lake.opened() as opened:
            list(Pipeline(lake.model, opened, "strict").run(RunOptions("spark", **how)))
        assert ANN in trusted(lake)


def broken_line(record: Record) -> bytes:
    return json.dumps(record).encode()[:-1] + b', "phone\n'


@pytest.mark.slow
def test_a_line_that_may_be_about_others_is_answered_for_nobody(ran: Lake, consent: Told) -> None:
    record = customer(ANN, "serial-ann", C + 2, None)
    del record["lastUpdateDate"]
    both = json.dumps(record)[:-1] + f', "email": "{BOB}"' + "}"
    (ran.layout.landing / "customer" / f"{BOB}.json").write_text(both)
    words: dict[str, Any] = {"bad": 9, "supersede": True}
    told = consent("grant", ANN, **words)
    assert (told.code, "may be about others too: …:1" in told.err) == (3, True), told.err
    assert BOB not in consent("show", ANN).out
    assert new_records(ran) == []


# --- Whoever they are --------------------------------------------------------------------------

ODD = [
    *("o'neil@x.org", "%_@x.org", 'quo"te\\@x.org', "null", "true", "zo\u00eb@x.org"),
    *(
        "nul\0nul@x.org",
        "tab\tann@x.org",
        "\u0130lk@x.org",
        "--@x.org; DROP x",
        "a" * 300 + "@x",
    ),
]


@pytest.mark.slow
def test_odd_addresses_are_those_people_and_nobody_else(ran: Lake, consent: Told) -> None:
    others = ["oneil@x.org", "a_@x.org", "zoe@x.org", "i\u0307lk@x.org", "b@x"]
    everybody = [*ODD, *others]
    deliver(ran, "odd.json", [customer(e, f"s{n}", C) for n, e in enumerate(everybody)])
    ran.run()
    assert {*everybody} <= trusted(ran)
    told = consent("revoke", *({"email": email} for email in ODD))
    assert told.code == 0, told.err
    assert trusted(ran) == {ANN, BOB, DAN, FAY, *others}
    # A capital that engines make small in ways of their own names who is spelled like that.
    assert consent("revoke", {"email": "ZO\u00cb@x.org"}).code == 0
    assert consent("grant", *({"email": f" {email} "} for email in ODD)).code == 0
    assert trusted(ran) == {ANN, BOB, DAN, FAY, *everybody}


@pytest.mark.slow
def test_a_person_is_who_the_jobs_take_for_one() -> None:
    codes = [code for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    rows = duckdb.execute("SELECT lower(chr(c)) FROM (SELECT unnest(?) AS c)", [codes]).fetchall()
    others = {c for c, (small,) in zip(codes, rows, strict=True) if person_of(chr(c)) != small}
    # One that has two small letters names who is spelled like that; blanks around are left out.
    assert others == {0x20, 0x130}


def test_the_record_that_counts_is_that_of_the_jobs() -> None:
    """At a tie, too: its serial number is the one that stays."""
    table = load(PROJECT).customers
    assert table is not None
    dice, names = random.Random(3), [column.name for column in table.columns]
    some = dict.fromkeys(names, (None, "a", "B", "é"))
    some |= dict.fromkeys([n for n in names if "Date" in n], (None, 1, 2))
    some |= {"lastUpdateDate": (1, 2), "registrationDate": (1, 2), "serialNumber": ("s", "T", "u")}
    drawn = [{name: dice.choice(some[name]) for name in names} for _ in range(600)]
    records = [record | {"email": f"{n // 4}@x.org"} for n, record in enumerate(drawn)]
    sql = (PROJECT / "jobs" / "whose" / "step_trainer_trusted.sql").read_text()
    latest = sql.split("),\nserials")[0] + ") SELECT * FROM latest"
    with duckdb.connect() as database:
        database.register("customer_landing", pa.Table.from_pylist(records))
        taken = dict(database.execute(latest).fetchall())
    assert len(taken) == len(records) / 4
    for who, serial in taken.items():
        own = [record for record in records if record["email"] == who]
        assert Customer(who, table, records=own).latest["serialNumber"] == serial


@pytest.mark.slow
def test_a_list_of_very_many(ran: Lake, consent: Told) -> None:
    told = consent("revoke", *(f"p{n}@x.org" for n in range(100_000)), ANN)
    assert told.code == 5
    assert "and 99,980 more of the people" in told.err
    assert ANN not in trusted(ran)


# --- Shown --------------------------------------------------------------------------------------


def test_what_is_held_is_shown_table_by_table(ran: Lake, consent: Told) -> None:
    told = consent("show", BOB, "cid@x.org", json=True, rows=True)
    assert told.code == 0, told.err
    bob, cid = json.loads(told.out)["people"]
    assert {one["table"]: one["rows"] for one in bob["tables"]} == {
        "customer_landing": 1,
        "accelerometer_landing": 1,
        "step_trainer_landing": 1,
        "customer_trusted": 1,
        "accelerometer_trusted": 1,
        "customers_curated": 1,
        "step_trainer_trusted": 1,
        "machine_learning_curated": 1,
        "held_back": 0,
    }
    (steps,) = (one["records"] for one in bob["tables"] if one["table"] == "step_trainer_landing")
    assert steps == [step("serial-shared", C + 20)]
    assert (bob["agrees_since"], bob["email"]) == ("2022-06-18T15:00:44.103Z", BOB)
    assert (cid["agrees_since"], [h["consent"] is None for h in cid["history"]]) == (
        None,
        [True, False],
    )
    assert sum(one["rows"] for one in cid["tables"] if "landing" not in one["table"]) == 0
    assert json.loads(told.out)["stale"] == []
    text = consent("show", "CID@x.org", "stranger@x.org")
    assert text.code == 5
    assert "cid@x.org: does not agree." in text.out
    odd = customer("a\nb@x.org", "serial-odd", C)
    broken = broken_line(customer(ANN, "serial-ann", C + 2, None))
    (ran.layout.landing / "customer" / "new.json").write_bytes(lines([odd]) + broken)
    unread = consent("show", ANN, {"email": "A\nb@x.org"})
    since = "agrees since 2022-06-18T15:00:44.103Z, as far as is known."
    assert f"{ANN}: {since}" in unread.out
    assert f"a\\nb@x.org: {since}" in unread.out
    assert "nobody knows who is held back" in unread.err


@pytest.mark.slow
def test_readings_without_a_customer_are_shown_too(ran: Lake, consent: Told) -> None:
    deliver(ran, "z.json", [motion("zoe@x.org", C)], "accelerometer")
    told = consent("show", "Zoe@x.org", json=True)
    assert told.code == 0
    (zoe,) = json.loads(told.out)["people"]
    assert (zoe["history"], [one["rows"] for one in zoe["tables"]][:3]) == ([], [0, 1, 0])


# --- Many, and the public data ------------------------------------------------------------------


@pytest.mark.slow
def test_many_people_whose_lines_are_in_doubt(tmp_path: Path) -> None:
    """Shared serial numbers, lines that hold people back, spellings: as the oracle says."""
    root = tmp_path / "lake"
    built = build(worlds(150, random.Random(4)), "strict", root)
    folders = {
        name: root / "landing" / str(t.folder) for name, t in built.lakehouse.landing.items()
    }

    def assert_as_the_oracle() -> None:
        files = {
            name: {path.name: path.read_bytes() for path in folder.iterdir()}
            for name, folder in folders.items()
        }
        for table, expected in oracle.lakehouse(oracle.read(files), "strict").items():
            assert Counter(built.rows(table)) == Counter(expected), table

    assert_as_the_oracle()
    names = [f"{name}{world}@x.org" for world in range(150) for name in ("ann", "bob")]
    people = [Person(email, given=email.upper(), line=n) for n, email in enumerate(names, 1)]
    told = ConsentChange(built.lakehouse, built.lake)
    deque(told.revoke(people), maxlen=0)
    assert_as_the_oracle()
    found = scan(Tree(str(root)), people, allowed=["landing", "typed", "held_back"])
    assert (found.wrong, found.unread) == ([], [])
    free = [c for c in find(built.lakehouse, built.lake, people).customers if not c.held_by]
    assert len(free) > 100
    deque(told.grant([p for p in people if p.line in {n for c in free for n in c.lines}]), maxlen=0)
    assert_as_the_oracle()
    assert {c.person for c in free} <= {row[1].strip().lower() for row in built.rows(TRUSTED)}
    built.lake.close()


@pytest.mark.slow
def test_25_people_of_the_public_data_one_by_one(
    public_data: Path, tmp_path: Path, consent: Told
) -> None:
    lake = Lake(tmp_path / "public").up()
    lake.upload(public_data)
    lake.run()
    people = random.Random(25).sample(sorted(trusted(lake)), 25)
    for person in people:
        told = consent("revoke", person, at=lake.settings.root)
        assert told.code == 0, told.err
    scanned = left(lake, *people)
    assert len(scanned.sought.values.instants) > 500
    assert (scanned.wrong, scanned.unread) == ([], [])
    assert rows(lake) == fresh(lake, tmp_path / "fresh")
