"""Settings, model and project: what wins, and what is refused with file, key and expectation."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import yaml
from conftest import PROJECT, Lake, Result, run_stedi
from small import customer, write_lake

from stedi_cli.errors import UsageError
from stedi_cli.landing.contract import Field, canonical, judge
from stedi_cli.project.folder import copy_out
from stedi_cli.project.lakehouse import QUARANTINE
from stedi_cli.project.model import load
from stedi_cli.project.model_file import ColumnEntry
from stedi_cli.project.settings import MARKER, AwsSettings, LocalSettings, load_settings
from stedi_cli.project.shape import in_file
from stedi_cli.runs import spark_model
from stedi_cli.tables.metrics import STRAY
from stedi_cli.tables.types import TYPES


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one's own."""
    copy_out(PROJECT, tmp_path / "project")
    return tmp_path / "project"


def edit(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


# --- Precedence --------------------------------------------------------------------------------


def test_defaults_of_the_bundled_project(workspace: Path) -> None:
    settings = load_settings()
    assert settings.project == PROJECT
    assert settings.config == PROJECT / "configs" / "local.yaml"
    assert settings.root == workspace / ".stedi"
    assert (settings.target, settings.policy) == ("local", "strict")
    assert settings.data == PROJECT / "data" / "sample"
    assert (settings.max_bad_rows, settings.keep_snapshots) == (0.01, 10)
    assert (settings.memory_limit, settings.check_memory) == (None, "448MB")
    assert (settings.threads, settings.temp_limit) == (None, "20GB")


@pytest.mark.parametrize(("file", "kind"), [("local", LocalSettings), ("aws", AwsSettings)])
def test_each_setting_stands_in_its_file(
    file: str, kind: type[LocalSettings | AwsSettings]
) -> None:
    given = yaml.safe_load((PROJECT / "configs" / f"{file}.yaml").read_text())
    assert given.keys() == in_file(kind).keys()


def test_an_empty_file_gives_the_documented_defaults(project: Path) -> None:
    config = project / "configs" / "local.yaml"
    documented = load_settings(config)
    config.write_text("# nothing\n")
    assert load_settings(config) == documented


def test_command_line_over_environment_over_file(
    project: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project / "configs" / "local.yaml"
    edit(config, "root: .stedi", "root: from-file")
    edit(config, "policy: strict", "policy: published")
    assert load_settings(config).root == workspace / "from-file"
    assert load_settings(config).policy == "published"
    monkeypatch.setenv("STEDI_ROOT", "from-environment")
    monkeypatch.setenv("STEDI_POLICY", "from-environment")
    monkeypatch.setenv("STEDI_CONFIG", str(config))
    assert load_settings().root == workspace / "from-environment"
    assert load_settings().policy == "from-environment"
    told = load_settings(root=Path("from-command"), policy="strict", max_bad_rows="7")
    assert (told.root, told.policy, told.max_bad_rows) == (workspace / "from-command", "strict", 7)
    assert told.config == config
    for name in ("STEDI_ROOT", "STEDI_POLICY"):
        monkeypatch.setenv(name, "")
    assert load_settings().policy == "published"
    assert load_settings().root == workspace / "from-file"


def test_a_lakehouse_is_looked_for_in_the_folders_above(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = workspace / "mine" / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert load_settings().root == below / ".stedi"
    for folder in (workspace, workspace / "mine"):
        found = Lake(folder / ".stedi").up().settings.root
        assert load_settings().root == found
    # What is named is looked for nowhere else.
    assert load_settings(root=Path(".stedi")).root == below / ".stedi"
    monkeypatch.setenv("STEDI_ROOT", ".stedi")
    assert load_settings().root == below / ".stedi"
    monkeypatch.delenv("STEDI_ROOT")
    # Nor above the project, whose model it would not be of.
    copy_out(PROJECT, workspace / "mine" / "a")
    assert load_settings().root == below / ".stedi"
    Lake(workspace / "mine" / "a" / ".stedi").up()
    assert load_settings().root == workspace / "mine" / "a" / ".stedi"
    # What is here comes first.
    (below / ".stedi").mkdir()
    assert load_settings().root == below / ".stedi"


def test_a_lakehouse_that_somebody_put_there_is_not_found(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Lake(workspace / ".stedi").up()
    (workspace / "below").mkdir()
    monkeypatch.chdir(workspace / "below")
    assert load_settings().root == workspace / ".stedi"
    # As in a folder that everybody may write to.
    owner = Path(workspace / ".stedi" / MARKER).stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    stat = Path.stat

    def of_another(path: Path, **how: Any) -> Any:
        found = stat(path, **how)
        return SimpleNamespace(st_uid=owner + 2) if path == workspace else found

    monkeypatch.setattr(Path, "stat", of_another)
    assert load_settings().root == workspace / "below" / ".stedi"


@pytest.mark.slow
def test_config_on_the_command_line_wins(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    copy_out(PROJECT, other)
    config = project / "configs" / "local.yaml"
    told = run_stedi("--config", config, "doctor", STEDI_CONFIG=str(other / "configs/local.yaml"))
    assert str(config) in "".join(told.out.split())
    assert str(other) not in "".join(told.out.split())


@pytest.mark.parametrize("spelled", ["../work/lake", "./lake", "lake/", "x/../lake"])
def test_a_root_is_one_place_however_it_is_spelled(workspace: Path, spelled: str) -> None:
    assert load_settings(root=Path(spelled)).root == workspace / "lake"


@pytest.mark.parametrize("below", ["", "/lake"])
def test_links_that_lead_in_a_circle_are_no_place(
    workspace: Path, invoke: Callable[..., Result], below: str
) -> None:
    (workspace / "one").symlink_to("two")
    (workspace / "two").symlink_to("one")
    named = f"{workspace / 'one'}{below}"
    for words in (
        ("--root", named, "infra", "status"),
        ("--config", named, "infra", "status"),
        ("data", "generate", named),
    ):
        told = invoke(*words)
        assert told.code == 2
        error, hint = told.err.splitlines()[-2:]
        assert error.startswith("Error: ") and named in error
        assert hint.startswith("Hint: ")
    assert sorted(path.name for path in workspace.iterdir()) == ["one", "two"]


def test_home_is_understood_in_root_and_data(project: Path, tmp_path: Path) -> None:
    config = project / "configs" / "local.yaml"
    edit(config, "root: .stedi", "root: ~/lake")
    edit(config, "data: data/sample", "data: ~/landing")
    settings = load_settings(config)
    assert settings.root == tmp_path / "home" / "lake"
    assert settings.data == tmp_path / "home" / "landing"


def test_the_project_around_the_current_folder_is_used(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = project / "jobs" / "published"
    monkeypatch.chdir(below)
    settings = load_settings()
    assert settings.project == project
    assert settings.data == project / "data" / "sample"
    assert settings.root == below / ".stedi"
    assert settings.lakehouse().folder == project


@pytest.mark.parametrize(
    ("text", "limit"), [("1%", 0.01), ("0", 0), ("100", 100), ("2.5 %", 0.025), ("100%", 1.0)]
)
def test_limits_of_bad_rows(text: str, limit: float) -> None:
    assert load_settings(max_bad_rows=text).max_bad_rows == limit


@pytest.mark.parametrize("text", ["101%", "-1", "1.5", "x", "", "%", "1 000"])
def test_no_limits_of_bad_rows(text: str) -> None:
    with pytest.raises(UsageError, match="max_bad_rows"):
        load_settings(max_bad_rows=text)


# --- A wrong file --------------------------------------------------------------------------------

LINE = "keep_snapshots: 10"
WRONG_CONFIG = {
    "an unknown key": (LINE, "keep_snapshot: 10", "keep_snapshot: there is no such key"),
    "a wrong type": (LINE, "keep_snapshots: many", "keep_snapshots: .*integer"),
    "a number as text": (LINE, "keep_snapshots: '10'", "keep_snapshots: .*integer"),
    "too small": (LINE, "keep_snapshots: 0", "keep_snapshots: .*greater than or equal to 1"),
    "no value": (LINE, "keep_snapshots:", "keep_snapshots: .*integer"),
    "a number for a text": ("policy: strict", "policy: 7", "policy: .*string"),
    "a list for a text": ("root: .stedi", "root: [a]", "root: .*string"),
    "no size": ("temp_limit: 20GB", "temp_limit: lots", "temp_limit: "),
    "no target": ("target: local", "target: moon", "target: .*'local'"),
    "a fraction of lines": ('max_bad_rows: "1%"', "max_bad_rows: 0.01", "max_bad_rows"),
    "not YAML": ("policy: strict", "policy: [strict", "line [0-9]+: not YAML"),
    "a tag": ("policy: strict", "policy: !!python/name:os.system x", "not YAML"),
    "not text": ("policy: strict", "policy: \x00", "not YAML"),
}


@pytest.mark.parametrize("wrong", WRONG_CONFIG)
def test_a_wrong_config_is_refused_with_file_key_and_expectation(project: Path, wrong: str) -> None:
    old, new, told = WRONG_CONFIG[wrong]
    config = edit(project / "configs" / "local.yaml", old, new)
    with pytest.raises(UsageError, match=told) as refused:
        load_settings(config)
    assert str(config) in refused.value.message
    assert "\n" not in refused.value.message
    assert refused.value.hint


# Each is refused before AWS is called.
WRONG_AWS = {
    "bucket: My_Bucket": "bucket",
    "bucket: xn--mine": "bucket",
    "database: Stedi": "database",
    "database: default": "Glue uses that name itself",
    "database: jobs": "Glue uses that name itself",
    "role: a/b": "role",
    "landing_prefix: ../landing": "landing_prefix",
    "warehouse_prefix: athena-results/tables": "lies inside athena-results",
    "results_prefix: landing": "prefix landing is there twice",
    "worker_type: G.99X": "worker_type",
    "worker_type: G.4X\nflex: true": "flex goes with",
    "workers: 1": "workers",
    "timeout_minutes: 10080": "timeout_minutes",
    "tags: {'aws:team': x}": "tags",
    "tags: {'stedi:lakehouse': x}": "tags",
    f"tags: {{team: {'x' * 257}}}": "tags",
}


@pytest.mark.parametrize("wrong", WRONG_AWS)
def test_a_wrong_aws_config_is_refused_with_file_and_key(project: Path, wrong: str) -> None:
    path = project / "configs" / "aws.yaml"
    path.write_text(f"target: aws\n{wrong}\n")
    with pytest.raises(UsageError) as refused:
        load_settings(path)
    assert str(path) in refused.value.message
    assert WRONG_AWS[wrong] in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize("content", ["- a list\n", "text\n", "7\n"])
def test_a_config_that_is_no_mapping_is_refused(project: Path, content: str) -> None:
    config = project / "configs" / "local.yaml"
    config.write_text(content)
    with pytest.raises(UsageError, match="the file") as refused:
        load_settings(config)
    assert str(config) in refused.value.message


def test_a_config_outside_a_project_is_refused(tmp_path: Path) -> None:
    alone = tmp_path / "alone.yaml"
    alone.write_text("policy: strict\n")
    with pytest.raises(UsageError, match="lies in no project"):
        load_settings(alone)
    with pytest.raises(UsageError, match="There is no configuration file"):
        load_settings(tmp_path / "nowhere.yaml")


# --- A wrong model -------------------------------------------------------------------------------

READS = "reads: [customer_landing, held_back]"
ABOUT = "held_back: {email: user, instant: timestamp}"
ABOUT_CUSTOMERS = "held_back: {email: email, serialNumber: serialNumber, instant: lastUpdateDate}"
SERIAL = "name: serialNumber, type: string, required: true, personal: true, doc: Serial number of"
STEPS = "    folder: step_trainer\n"
FREE_OF_PEOPLE = "      - accelerometer_landing.z\n"
WRONG_MODEL = {
    "an unknown key": ("folder: customer\n", "folders: customer\n", "customer_landing.folders"),
    "one folder for two tables": (STEPS, "    folder: customer\n", "have the same folder"),
    "one but for its case": (STEPS, "    folder: Customer\n", "have the same folder"),
    "an unknown type": (SERIAL, SERIAL.replace("string", "text"), "serialNumber|columns"),
    "an unknown zone": ("zone: curated", "zone: golden", "customers_curated.zone"),
    "an unknown table read": (READS, "reads: [nonsense]", "no table 'nonsense'"),
    "an unknown table written": ("writes: customers_curated", "writes: x", "no table 'x'"),
    "a table written twice": (
        "writes: customers_curated",
        "writes: customer_trusted",
        "'customer_trusted' is written already",
    ),
    "a landing table written": ("writes: customers_curated", "writes: customer_landing", "written"),
    "read before written": (
        READS,
        "reads: [customers_curated]",
        "no job above writes 'customers_curated'",
    ),
    "a line about no column": (ABOUT, "held_back: {email: who, instant: timestamp}", "'who' is no"),
    "a line of no instant": (ABOUT, "held_back: {email: user, instant: user}", "no column of type"),
    "nobody's device": (
        ABOUT_CUSTOMERS,
        "held_back: {email: email, instant: lastUpdateDate}",
        "has to name a serialNumber",
    ),
    "a line of what is built": (
        "    doc: Customers who agreed to research.\n",
        f"    doc: Customers who agreed to research.\n    {ABOUT_CUSTOMERS}\n",
        "goes with zone landing",
    ),
    "no table of lines": ("  held_back:\n", "  kept_back:\n", "there is no table 'held_back'"),
    "another table of lines": (
        "{name: instant, type: long,",
        "{name: when, type: long,",
        "instant \\(long\\)",
    ),
    "who is held back, of nobody": (
        f"{READS}\n    writes: customer_trusted",
        "reads: [accelerometer_landing, held_back]\n    writes: customer_trusted",
        "customer_landing_to_trusted.reads: it needs customer_landing",
    ),
    "what is held back written": ("writes: customers_curated", "writes: held_back", "written"),
    "columns of no table": ("columns_of: customer_landing", "columns_of: x", "no table 'x' above"),
    "no such column": ("- accelerometer_landing.z", "- accelerometer_landing.w", "no column 'w'"),
    "a column twice": ("- accelerometer_landing.z", "- accelerometer_landing.x", "twice"),
    "a key that is no column": ("key: [email]", "key: [mail]", "key: .*not there"),
    "a landing table without a folder": (STEPS, "", "folder goes with zone landing"),
    "a folder of two tables": (STEPS, "    folder: customer\n", "folder"),
    "a folder elsewhere": (STEPS, "    folder: ../x\n", "folder"),
    "no quarantine": ("  quarantine:\n", "  elsewhere:\n", "'quarantine'"),
    "no check of that name": ("      - customer_trusted_consent", "      - nonsense", "nonsense"),
    "a policy of no folder": ("  published:\n", "  publishd:\n", "publishd"),
    "a personal column where none may be": (
        FREE_OF_PEOPLE,
        FREE_OF_PEOPLE + "      - {name: mail, type: string, personal: true, doc: Mail}\n",
        r"tables\.machine_learning_curated\.columns\.5: column 'mail' is personal",
    ),
    "a personal column by reference": (
        "- step_trainer_landing.distanceFromObject",
        "- customer_landing.email",
        r"tables\.machine_learning_curated\.columns\.1: column 'email' is personal",
    ),
    "a personal column of another table by its name": (
        FREE_OF_PEOPLE,
        FREE_OF_PEOPLE + "      - {name: SERIALNUMBER, type: string, doc: Device}\n",
        r"tables\.machine_learning_curated\.columns\.5: column 'SERIALNUMBER' is personal",
    ),
    "personal columns of another table": (
        "    columns_of: customer_landing\n    key: [email]\n\n  machine",
        "    columns_of: customer_landing\n    personal: false\n    key: [email]\n\n  machine",
        r"tables\.customers_curated\.columns_of: column 'customerName' is personal",
    ),
}


UPDATED = "name: lastUpdateDate, type: long, instant: true"
WRONG_MODEL |= {
    "a text that is an instant": (
        UPDATED,
        UPDATED.replace("long", "string"),
        r"tables\.customer_landing\.columns\.6.*: an instant is a long",
    ),
    "instants from the epoch on": (
        "tables:\n",
        "instants: {since: 1970-01-01}\ntables:\n",
        "instants: since has to be after 1970-01-01",
    ),
    "instants that end before they begin": (
        "tables:\n",
        "instants: {before: 2000-01-01}\ntables:\n",
        "instants: .* before later than since",
    ),
    "instants of no day": (
        "tables:\n",
        "instants: {since: soon}\ntables:\n",
        r"instants\.since: .*date",
    ),
}


def test_the_model_says_which_instants_are_plausible(project: Path) -> None:
    days = "instants: {since: 2020-02-29, before: 2030-01-01}\ntables:\n"
    edit(project / "configs" / "lakehouse.yaml", "tables:\n", days)
    table = load(project).tables["accelerometer_landing"]
    # 2020-02-29T00:00Z and 2030-01-01T00:00Z.
    assert {c.name: c.plausible for c in table.columns} == dict.fromkeys(
        column.name for column in table.columns
    ) | {"timestamp": range(1_582_934_400_000, 1_893_456_000_000)}
    assert table.contract_sha256 != load(PROJECT).tables["accelerometer_landing"].contract_sha256


def test_canonical_instants_are_plausible_in_any_range() -> None:
    lines = [f'{{"t":{10**size * first}}}' for size in range(8, 15) for first in range(1, 100)]
    for least, end in ((946_684_800_000, 4_102_444_800_000), (10**9, 10**10), (86_400_000, 10**9)):
        field = Field("t", "long", required=True, plausible=range(least, end))
        found = [line for line in lines if re.fullmatch(canonical([field]), line)]
        assert found
        assert all(judge(line.encode(), [field]) for line in found)


@pytest.mark.slow
def test_a_model_without_instants_works_as_before_and_doctor_says_so(
    project: Path, invoke: Callable[..., Result], tmp_path: Path
) -> None:
    model = project / "configs" / "lakehouse.yaml"
    model.write_text(model.read_text().replace(" instant: true,", ""))
    files = {"customer_landing": {"c.json": [customer("ann@x.org", "serial-ann", 7, -1)]}}
    config = ("--config", project / "configs" / "local.yaml")
    data = write_lake(tmp_path / "data", files)
    assert invoke(*config, "infra", "up", "--no-data").code == 0
    assert invoke(*config, "upload", data, "--allow-missing").code == 0
    assert invoke(*config, "jobs", "run", "--all").code == 0
    rows = invoke(*config, "query", "SELECT * FROM customer_trusted", "--json").json()
    assert [row["shareWithResearchAsOfDate"] for row in rows] == [-1]
    told = invoke(*config, "doctor", "--json")
    assert [f["what"] for f in told.json() if not f["ok"]] == ["instants"]
    assert "instant: true" in next(f["todo"] for f in told.json() if not f["ok"])


@pytest.mark.parametrize("wrong", WRONG_MODEL)
def test_a_model_that_contradicts_itself_is_refused(project: Path, wrong: str) -> None:
    old, new, told = WRONG_MODEL[wrong]
    path = edit(project / "configs" / "lakehouse.yaml", old, new)
    with pytest.raises(UsageError, match=told) as refused:
        load(project)
    assert str(path) in refused.value.message


def test_every_type_of_the_model_is_one_of_every_engine() -> None:
    given = _assigned_on_spark("TYPES")
    assert isinstance(given, ast.Dict)
    sparks = {ast.literal_eval(key) for key in given.keys if key}
    assert {*get_args(in_file(ColumnEntry)["type"])} == TYPES.keys() == sparks
    # The contract knows no other.
    assert canonical([Field("x", kind, required=True) for kind in TYPES])


def test_the_script_for_glue_is_told_which_properties_to_take_away() -> None:
    made = spark_model.model(load(PROJECT), location=str, keep=1)
    assert made["stray"] == STRAY
    texts = [node.value for node in _nodes() if isinstance(node, ast.Constant)]
    assert not [text for text in texts if isinstance(text, str) and text.startswith(STRAY)]


def test_the_script_for_glue_names_the_quarantine_once_and_as_the_model_does() -> None:
    assert ast.literal_eval(_assigned_on_spark("QUARANTINE")) == QUARANTINE
    texts = [node.value for node in _nodes() if isinstance(node, ast.Constant)]
    # Also a text to which something is put, such as a name with its database.
    named = [text for text in texts if isinstance(text, str) and text.endswith(QUARANTINE)]
    assert named == [QUARANTINE]


def _nodes() -> Iterator[ast.AST]:
    """All nodes of what goes to Spark."""
    for path in sorted((PROJECT / "jobs").glob("*.py")):
        yield from ast.walk(ast.parse(path.read_text()))


def _assigned_on_spark(name: str) -> ast.expr:
    (value,) = (
        node.value
        for node in _nodes()
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    return value


def test_a_project_without_its_sql_is_refused(project: Path, invoke: Callable[..., Result]) -> None:
    (project / "jobs" / "machine_learning_curated.sql").unlink()
    told = invoke("--config", project / "configs" / "local.yaml", "doctor")
    assert told.code == 1
    assert "WRONG" in told.out
    assert "machine_learning_curated.sql" in "".join(told.out.split())


def test_a_folder_under_jobs_is_a_policy(project: Path) -> None:
    (project / "jobs" / "mine").mkdir()
    model = load(project)
    assert list(model.policies) == ["strict", "published", "consent_on_accelerometer", "mine"]
    job = model.jobs["machine_learning_curated"]
    assert model.job_text(job, "mine") == model.job_text(job, "strict")
    (project / "jobs" / "mine" / "machine_learning_curated.sql").write_text("SELECT 1")
    assert model.job_text(job, "mine").sql == "SELECT 1"


# --- init ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_init_copies_a_project_that_is_used_from_then_on(workspace: Path) -> None:
    told = run_stedi("init", "mine")
    assert told.code == 0, told.err
    copied = {path.relative_to(workspace / "mine") for path in (workspace / "mine").rglob("*.sql")}
    original = {path.relative_to(PROJECT) for path in (PROJECT / "jobs").rglob("*.sql")}
    assert copied == original
    edit(workspace / "mine" / "configs" / "local.yaml", "root: .stedi", "root: mine-own")
    told = run_stedi("infra", "status", cwd=workspace / "mine")
    assert told.err == f"stedi: local lakehouse in {workspace}/mine/mine-own\n"


def test_init_overwrites_nothing(workspace: Path, invoke: Callable[..., Result]) -> None:
    mine = workspace / "jobs"
    mine.mkdir()
    (mine / "mine.sql").write_text("mine")
    told = invoke("init")
    assert told.code == 2
    assert "jobs" in told.err
    assert [path.name for path in workspace.rglob("*")] == ["jobs", "mine.sql"]
    assert (mine / "mine.sql").read_text() == "mine"
    (workspace / "file").write_text("a file")
    told = invoke("init", "file")
    assert told.code in (1, 2)
    assert "Error: " in told.err
    assert (workspace / "file").read_text() == "a file"
