"""What makes a row count: the figures that people report, and known mistakes on any data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import oracle
import pytest
from conftest import PROJECT, Ask, Lake, Result, mostly_slow
from oracle import Landing
from small import JOBS, STRICT, C, customer, write_lake
from test_accounts import MODEL, Built, files_of
from test_oracle import connection, on_serials

from stedi_cli.checks import explanation
from stedi_cli.checks.explanation import known_causes
from stedi_cli.checks.known_sets import known_sets
from stedi_cli.checks.variants import Way, jobs_up_to, ways_of_rules, ways_of_variants
from stedi_cli.local.questions import Questions
from stedi_cli.local.table_files import open_catalog
from stedi_cli.project.folder import copy_out
from stedi_cli.tables import iceberg

CT, AT, CC, ST, ML = JOBS.values()
# The counts that people report of the public data, recomputed elsewhere by other SQL, and a word
# of what makes each; beside it the policy and the variant that make it, where one of them does.
REPORTED: list[tuple[str, int, str, str]] = [
    (CT, 956, "every customer", "published/consent_not_applied"),
    (CT, 474, "inverted", "published/inverted"),
    (CT, 0, "nobody passes", ""),
    (CT, 854, "any of the three", "published/any_consent"),
    (CT, 491, "public", "published/consent_to_public"),
    (CT, 964, "twice", "published twice"),
    (AT, 81_273, "customer_landing", "published/consent_not_applied"),
    (AT, 72_622, "any of the three", "published/customer_trusted/any_consent"),
    (AT, 41_766, "public", "published/customer_trusted/consent_to_public"),
    (AT, 31_856, "whole seconds", "strict/after_consent_whole_seconds"),
    (AT, 32_158, "whole seconds", "strict/whole_seconds"),
    (AT, 40_292, "inverted", "strict/inverted"),
    (AT, 81_962, "twice", "published twice"),
    (AT, 8_956, "before the consent", "strict/before_consent"),
    (AT, 33_161, "registration", "strict/since_registration"),
    (CC, 40_981, "without a DISTINCT", "published/without_distinct"),
    (CC, 32_025, "without a DISTINCT", "strict/without_distinct"),
    (CC, 14_460, "timestamp", "published/distinct_with_timestamp"),
    (CC, 8_626, "x, y and z", "published/distinct_with_axes"),
    (CC, 964, "twice", "published twice"),
    (ST, 28_680, "not limited to anybody", "published/unfiltered"),
    (ST, 1_229_430, "DISTINCT", "published/curated_without_distinct"),
    (ST, 960_750, "DISTINCT", "strict/curated_without_distinct"),
    (ST, 13_823_760, "cross join", "published/cross_join"),
    (ST, 25_620, "any of the three", "published/customer_trusted/any_consent"),
    (ST, 14_730, "public", "published/customer_trusted/consent_to_public"),
    (ST, 14_460, "rubric", "published"),
    (ST, 13_920, "accelerometer alone", "consent_on_accelerometer"),
    (ST, 15_240, "time", "published/by_time_alone"),
    (ST, 40_981, "owner and time", "published/by_owner_and_time"),
    (ST, 28_920, "twice", "published/curated_twice"),
    (ML, 46_022, "not limited to anybody", "published/step_trainer_trusted/unfiltered"),
    (ML, 90_742, "no consent", "published/customer_trusted/consent_not_applied"),
    (
        ML,
        36_496,
        "not limited to anybody",
        "consent_on_accelerometer/step_trainer_trusted/unfiltered",
    ),
    (ML, 81_273, "no consent", "published/consent_not_applied"),
    (ML, 59_462, "LEFT JOIN", "published/left_join_all_steps"),
    (ML, 43_227, "identity was dropped", "published/distinct"),
    (ML, 32_024, "DISTINCT", "strict/distinct"),
    (ML, 43_259, "serial number in the result", "published/distinct_with_serial"),
    (ML, 43_681, "LEFT JOIN", "published/left_join"),
    (ML, 40_981, "customer and time", "published/by_owner_and_time"),
    (ML, 34_437, "accelerometer alone", "consent_on_accelerometer"),
    (ML, 34_253, "both sensors", "strict/by_time_alone"),
    (ML, 34_435, "step trainer alone", "published/step_trainer_trusted/date_compared"),
    (ML, 34_257, "whole seconds", ""),
    (ML, 80_101, "any of the three", "published/customer_trusted/any_consent"),
    (ML, 44_149, "public", "published/customer_trusted/consent_to_public"),
    (ML, 2_486_101, "whole seconds", "published/whole_seconds"),
    (ML, 3_716_537, "DISTINCT", "published/curated_without_distinct"),
    (ML, 87_362, "twice", "published twice"),
]


RULES_ELSEWHERE = {"date_not_compared", "by_time_alone", "by_owner_and_time"}
NO_DIFFERENCE = {"after_consent", "consent_to_friends", "of_trusted_customers"}


def counted(way: Way) -> int:
    return int(connection().execute(way.sql).fetchall()[0][0])


def way_of(table: str, how: str) -> Way:
    """The way to a table that a line above names."""
    policy, *changed, name = how.split("/") if "/" in how else (how, "")
    if not name:
        return next(iter(ways_of_rules(MODEL, [policy], table)))
    ways = ways_of_variants(MODEL, [policy], table, changed[0] if changed else table)
    return next(way for way in ways if way.variant is not None and way.variant.name == name)


# --- The public data -----------------------------------------------------------------------------


@pytest.mark.slow
def test_every_count_that_people_report_has_its_cause(public_lake: Lake, invoke: Ask) -> None:
    for table, rows, word, _ in REPORTED:
        told = invoke("--root", public_lake.settings.root, "explain", table, f"{rows:,}")
        assert told.code == 0, told.err
        said = " ".join(told.out.split())
        assert said.startswith(f"{table}: {rows:,} is "), said
        assert word in said, (table, rows, said)


@pytest.mark.slow
def test_known_mistakes_make_the_counts_that_people_report(public_data: Path) -> None:
    Built(oracle.read(files_of(public_data)), "strict")
    for table, rows, _, how in REPORTED:
        if how:
            policy, _, twice = how.partition(" ")
            made = counted(way_of(table, policy)) * (2 if twice else 1)
            assert made == rows, (table, rows, how)


@pytest.mark.slow
def test_shared_serials_are_named_only_where_they_are_shared(
    public_data: Path, public_lake: Lake, invoke: Ask
) -> None:
    told = invoke("--root", public_lake.settings.root, "explain", ST, "28680")
    assert "serial" not in told.out
    Built(on_serials(oracle.read(files_of(public_data)), 30), "published")
    assert counted(way_of(ST, "published")) == 28_680
    assert counted(way_of(ML, "published")) == 46_022
    assert counted(way_of(ST, "strict")) == 11_246
    assert counted(way_of(ML, "strict")) == 31_879


# --- Any data ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample() -> Landing:
    return oracle.read(files_of(PROJECT / "data" / "sample"))


@pytest.mark.slow
def test_policies_come_to_what_the_oracle_counts(sample: Landing) -> None:
    Built(sample, "strict")
    for policy in ("strict", "published", "consent_on_accelerometer"):
        tables = oracle.lakehouse(sample, policy)
        for table in JOBS.values():
            assert counted(way_of(table, policy)) == len(tables[table])


@pytest.mark.parametrize("table", mostly_slow(JOBS.values()))
def test_each_variant_can_be_run_by_itself_and_is_another_rule(sample: Landing, table: str) -> None:
    Built(sample, "strict")
    rules = {counted(way_of(table, policy)) for policy in MODEL.policies}
    ways = list(ways_of_variants(MODEL, ["strict", "published"], table, table))
    assert {way.variant.name for way in ways if way.variant} == {
        path.stem for path in (PROJECT / "jobs" / "variants" / table).glob("*.sql")
    }
    made: dict[str, set[int]] = {}
    for way in ways:
        assert way.variant is not None
        assert way.variant.rule
        connection().execute(way.variant.sql)
        made.setdefault(way.variant.name, set()).add(counted(way))
    alike = {name for name, numbers in made.items() if numbers <= rules}
    # What is a rule of one policy is a mistake in another, and some make no difference here.
    assert alike <= RULES_ELSEWHERE | NO_DIFFERENCE


def test_a_table_depends_on_the_jobs_before_it() -> None:
    assert [job.writes for job in jobs_up_to(MODEL, CC)] == [CT, AT, CC]
    assert [job.writes for job in jobs_up_to(MODEL, ML)] == [CT, AT, CC, ST, ML]
    assert jobs_up_to(MODEL, "customer_landing") == []


@pytest.fixture
def explain(root: Path, invoke: Ask) -> Ask:
    """The command on the small lake, which is no known data set."""
    return lambda *words: invoke("--root", root, "explain", *words)


def causes_of(told: Result) -> list[str]:
    return [cause["cause"] for cause in told.json()["causes"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "rows", "cause"),
    [
        # fay's and ann's readings of C + 10 beside each other's steps, a shared step of C.
        (ML, "7", "what policy strict gives with one thing changed in machine_learning"),
        (ML, "15", "what policy published gives"),
        (ML, "30", "what policy published gives, appended twice"),
        (CT, "8", "what policies strict and consent_on_accelerometer give, appended twice"),
        (CT, "2", "the filter is inverted"),
        (ST, "11", "step readings are not limited to anybody"),
        (ST, "33", "a cross join"),
        ("customer_landing", "14", "twice the number of its rows"),
    ],
)
def test_what_makes_a_count_is_counted_on_the_data(
    explain: Ask, table: str, rows: str, cause: str
) -> None:
    told = explain(table, rows, "--json")
    assert told.code == 0
    assert told.json()["source"] is None
    assert any(cause in text for text in causes_of(told)), causes_of(told)


@pytest.mark.slow
def test_a_variant_names_its_file_and_policies(explain: Ask) -> None:
    told = explain(ST, "33", "--json").json()
    (cause,) = told["causes"]
    assert cause["policies"] == ["strict", "consent_on_accelerometer"]
    assert cause["file"].endswith("jobs/variants/step_trainer_trusted/cross_join.sql")
    shown = explain(ST, "33")
    assert shown.code == 0
    assert "cross_join.sql" in "".join(shown.out.split())
    assert STRICT[CC] * 11 == 33


@pytest.mark.slow
def test_where_nothing_makes_it_the_account_is_shown(explain: Ask) -> None:
    told = explain(ST, "1,234,567")
    assert told.code == 3
    assert "1,234,567 is made by nothing that is known" in told.out
    assert "- exact duplicate" in told.out
    record = explain(ST, "1234567", "--json")
    assert record.code == 3
    found = record.json()
    assert (found["table"], found["rows"], found["causes"]) == (ST, 1_234_567, [])
    assert found["account"]["table"] == ST


@pytest.mark.slow
def test_a_figure_of_known_data_is_named_as_that_on_other_data(explain: Ask) -> None:
    told = explain(ST, "28680")
    assert told.code == 3
    said = " ".join(told.out.split())
    assert "On the public STEDI data set it is all step readings" in said
    assert "these landing files are not that data set." in said


@pytest.mark.slow
def test_the_plainest_cause_is_told_first(explain: Ask, root: Path) -> None:
    # Without the step reading of nobody, all are somebody's in customer_landing.
    steps = root / "landing" / "step_trainer" / "s.json"
    lines = [line for line in steps.read_text().splitlines() if "serial-none" not in line]
    steps.write_text("\n".join(lines) + "\n")
    first, *others = causes_of(explain(ST, "10", "--json"))
    assert first == "what policy published gives"
    steps.write_text("\n".join([*lines, lines[0].replace("serial-ann", "serial-gus")]) + "\n")
    gus = json.dumps(customer("gus@x.org", "serial-gus", C, None)) + "\n"
    (root / "landing" / "customer" / "d.json").write_text(gus)
    first, *others = causes_of(explain(ST, "11", "--json"))
    assert "step readings are not limited to anybody" in first
    assert any("limited to customer_landing" in other for other in others)


@pytest.mark.slow
def test_what_needs_no_table_is_explained_without_one(lake: Lake, invoke: Ask) -> None:
    at = ("--root", lake.settings.root, "explain")
    told = invoke(*at, ST, "10")
    assert told.code == 0, told.err
    assert f"{ST}: 10 is what policy published gives." in told.out
    told = invoke(*at, ST, "1234567")
    assert (told.code, told.err.count("Error")) == (3, 0)
    words = " ".join(told.out.split())
    assert "is made by nothing that is known" in words
    # Nothing can be told of a table that is not there.
    assert "=" not in told.out
    record = invoke(*at, ST, "1234567", "--json").json()
    assert (record["account"], record["causes"], record["notes"]) == (None, [], [])


@pytest.mark.slow
def test_lines_that_no_run_has_looked_at_are_told(lake: Lake, tmp_path: Path, invoke: Ask) -> None:
    lake.upload(write_lake(tmp_path / "bad", {"customer_landing": {"bad.json": b"{}\n"}}))
    for rows, code in (("10", 0), ("1234567", 3)):
        told = invoke("--root", lake.settings.root, "explain", ST, rows, "--json")
        assert told.code == code
        (note,) = told.json()["notes"]
        assert note.startswith("customer_landing has lines that no run has looked at: whom they")
    # Whose readings a table holds follows from no line of readings alone.
    at = ("--root", lake.settings.root, "explain", "customer_landing", "7", "--json")
    assert invoke(*at).json()["notes"] == []


def test_who_is_held_back_may_make_the_difference(lake: Lake, invoke: Ask) -> None:
    from test_held_back import ANN, CUSTOMER, add, broken_customer

    lake = add(lake, CUSTOMER, broken_customer(ANN, "serial-ann", C + 2))
    lake.run()
    assert len(lake.rows(CT)) == STRICT[CT] - 1
    told = invoke("--root", lake.settings.root, "explain", CT, str(STRICT[CT]), "--json")
    assert told.code == 0
    assert any("nobody is held back" in cause for cause in causes_of(told)), causes_of(told)


def test_a_known_figure_needs_no_table(
    lake: Lake, tmp_path: Path, invoke: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_validation import known_lake

    lake.upload(known_lake(tmp_path / "known", strict=STRICT))
    monkeypatch.setattr(Questions, "ask_all", lambda *asked: pytest.fail("asked"))
    told = invoke("--root", lake.settings.root, "explain", ST, "5", "--json")
    assert told.code == 0
    assert causes_of(told) == ["what policy strict gives", "what somebody else counted"]


@pytest.mark.slow
def test_a_lakehouse_without_held_back_is_explained(ran: Lake, invoke: Ask) -> None:
    open_catalog(ran.layout).drop_table(f"{iceberg.NAMESPACE}.held_back")
    told = invoke("--root", ran.settings.root, "explain", ST, "10")
    assert told.code == 0, told.err
    assert "what policy published gives" in told.out
    told = invoke("--root", ran.settings.root, "explain", CC, "1234567")
    assert told.code == 3
    assert "held_back is not built yet" in told.out
    # Its account reads other tables alone, and is shown as one of what there was.
    assert "- no trusted reading" in told.out
    assert "held_back is not as a run leaves it" in " ".join(told.out.split())


def test_a_variant_may_end_with_a_semicolon_or_hold_nothing(tmp_path: Path, invoke: Ask) -> None:
    copy_out(PROJECT, tmp_path / "project")
    variants = tmp_path / "project" / "jobs" / "variants" / CT
    ended = "-- nobody but ann;\nSELECT * FROM customer_landing WHERE email = 'ann@x.org'; -- two\n"
    (variants / "ann.sql").write_text(ended)
    (variants / "nothing.sql").write_text("-- a cause of nothing\n")
    lake = Lake(tmp_path / "lake", project=tmp_path / "project").up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    config = tmp_path / "project" / "configs" / "local.yaml"
    told = invoke("--config", config, "--root", lake.settings.root, "explain", CT, "2")
    assert told.code == 0
    words = " ".join(told.out.split())
    assert "nobody but ann;" in words
    said = f"{variants / 'nothing.sql'}: It holds no query."
    assert said.replace(" ", "") in "".join(told.out.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("step_traner_trusted", "3"), "Did you mean step_trainer_trusted?"),
        ((ST, "many"), "'many' is no number of rows."),
        ((ST, "1,23"), "'1,23' is no number of rows."),
    ],
)
def test_wrong_words(explain: Ask, words: tuple[str, ...], told: str) -> None:
    found = explain(*words)
    assert (found.code, found.out) == (2, "")
    assert told in found.err


# --- By itself -----------------------------------------------------------------------------------


def wrong(tmp_path: Path, job: str, variant: str) -> Lake:
    """The small lake with a known mistake in a job, and the counts that are expected of it."""
    from test_validation import known_lake

    project = tmp_path / "project"
    copy_out(PROJECT, project)
    table = JOBS[job]
    shutil.copy(project / "jobs" / "variants" / table / variant, project / "jobs" / f"{job}.sql")
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(known_lake(tmp_path / "known", strict=STRICT))
    lake.run()
    return lake


def test_validate_explains_a_count_that_is_not_the_expected_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = wrong(tmp_path, ST, "unfiltered.sql")
    notes = lake.validate().notes
    assert any("step readings are not limited to anybody" in note for note in notes), notes
    # It takes no longer than that is worth.
    monkeypatch.setattr(explanation, "MOST_LINES", 0)
    (told,) = (note for note in lake.validate().notes if note.startswith(f"{ST}: "))
    assert told == f"{ST}: `stedi explain {ST} 11` looks for what makes 11."
    monkeypatch.setattr(explanation, "counted", lambda *asked: pytest.fail("asked"))
    assert not lake.validate().ok


@pytest.mark.slow
def test_a_rule_of_ones_own_that_gives_a_count_may_be_the_mistake(
    tmp_path: Path, invoke: Ask
) -> None:
    lake = wrong(tmp_path, ST, "unfiltered.sql")
    config = tmp_path / "project" / "configs" / "local.yaml"
    told = invoke("--config", config, "--root", lake.settings.root, "explain", ST, "11")
    said = " ".join(told.out.split())
    assert f"{ST}: 11 is what policy strict gives. " in said
    assert "step readings are not limited to anybody" in said


def test_figures_name_tables_that_are_there(lake: Lake) -> None:
    with lake.opened() as opened:
        known = known_sets(MODEL, opened).all
    figures: list[tuple[str, int, Any]] = [f for found in known for f in found.figures]
    assert len(figures) == len(REPORTED)
    for table, rows, word, _ in REPORTED:
        assert any(word in cause.text for cause in known_causes(known, table, rows))
    assert all(table in MODEL.tables and "\n" not in means for table, _, means in figures)


def test_no_way_names_a_column_by_a_word_that_trino_reserves() -> None:
    ways = [
        way.sql
        for table in JOBS.values()
        for way in ways_of_rules(MODEL, list(MODEL.policies), table)
    ]
    assert any('h."table" =' in sql for sql in ways)
    assert not any("h.table" in sql for sql in ways)
