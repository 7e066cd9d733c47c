"""The four commands in an account that is none: the same lakehouse as on this machine."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import CHECKOUT, Ask, Lake, Result
from sandbox.demo import STEPS, demo
from sandbox.server import Sandbox
from small import FOLDERS, JOBS
from snippets import snippets
from test_scan import who_did_not_agree

from aws.places import CONFIG, inventory
from stedi_cli.aws.scan_source import ScanSource
from stedi_cli.checks.explanation import counted
from stedi_cli.checks.variants import ways_of_variants
from stedi_cli.datasets.synthetic import Request, generate
from stedi_cli.places import open_lake
from stedi_cli.privacy.scan import scan
from stedi_cli.project.settings import load_settings

pytestmark = [pytest.mark.aws, pytest.mark.slow, pytest.mark.usefixtures("glue", "athena")]

COSTS = {"scanned_bytes", "usd"}
BAD_ROWS = "10%"
THIS = Path(__file__).name


@pytest.fixture
def aws(invoke: Ask) -> Ask:
    """A command on AWS."""
    return lambda *words: invoke("--config", CONFIG, *words)


@pytest.fixture
def before(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """What the account holds before anything is made."""
    return inventory(sandbox)


def done(result: Result) -> Result:
    assert result.code == 0, result.err + result.out
    return result


def table_rows(aws: Ask, table: str) -> Counter[tuple[Any, ...]]:
    file = Path(f"{table}.parquet")
    done(aws("export", table, file, "--force"))
    return Counter(tuple(row.values()) for row in pq.read_table(file).to_pylist())


def verdict(told: Result) -> Any:
    return {key: value for key, value in json.loads(told.out).items() if key not in COSTS}


def assert_same(aws: Ask, invoke: Ask, local: Lake) -> None:
    """The eight tables, the quarantine with its lines, and the verdicts are as they are here."""
    here: Ask = lambda *words: invoke("--root", local.settings.root, *words)  # noqa: E731
    for table in (*FOLDERS, *JOBS.values()):
        assert table_rows(aws, table) == Counter(local.rows(table)), table
    shown = ("quarantine", "--show", "--json")
    assert json.loads(aws(*shown).out) == json.loads(here(*shown).out)
    there, validated = aws("validate", "--json"), here("validate", "--again", "--json")
    assert verdict(there) == verdict(validated)
    assert there.code == validated.code == 0
    assert there.err.count("\n") == 1
    assert verdict(done(aws("flow", "--json"))) == verdict(done(here("flow", "--json")))
    # All that was asked is kept, and nothing paid for twice.
    kept = aws("validate", "--json").json()
    assert all(check["kept"] for check in kept["checks"] if check["file"])
    assert kept["usd"] == 0
    text = aws("validate", "--again")
    assert text.out == here("validate", "--again").out
    assert "scanned" in text.err
    assert "USD" in text.err


def mistaken(config: Path | None, **place: Any) -> dict[tuple[str, str], int]:
    """What known mistakes make of each table, by table and mistake."""
    settings = load_settings(config, **place)
    lakehouse = settings.lakehouse()
    lake = open_lake(settings, lakehouse)
    try:
        return {
            (table, way.variant.name): number
            for table in JOBS.values()
            for way, number in counted(lake, ways_of_variants(lakehouse, ["strict"], table, table))
            if way.variant is not None
        }
    finally:
        lake.close()


@pytest.mark.parametrize("policy", ["strict", "published"])
def test_public_data(
    before: dict[str, Any],
    sandbox: Sandbox,
    aws: Ask,
    invoke: Ask,
    public_data: Path,
    tmp_path: Path,
    policy: str,
) -> None:
    done(aws("infra", "up", "--data", public_data))
    done(aws("jobs", "run", "--all", "--policy", policy))
    local = Lake(tmp_path / "local").up()
    local.upload(public_data)
    local.run(policy=policy)
    assert_same(aws, invoke, local)
    source = ScanSource(load_settings(CONFIG))
    found = scan(source, who_did_not_agree(), allowed=["landing", "typed"])
    assert not (found.unread or found.wrong)
    assert {hit.part for hit in found.found} == {"landing", "typed"}
    assert found.looked_at["log stream"]
    done(aws("infra", "down", "--yes"))
    assert inventory(sandbox) == before


@pytest.mark.parametrize("shared", [0, 5], ids=["a serial each", "shared serials"])
def test_generated_dirty_data(
    before: dict[str, Any], sandbox: Sandbox, aws: Ask, invoke: Ask, tmp_path: Path, shared: int
) -> None:
    folder = tmp_path / "data"
    request = Request(
        customers=60,
        seed=7,
        shared_serials=shared,
        dirty=0.05,
        updates=0.3,
        duplicates=0.05,
    )
    generate(folder, request)
    done(aws("infra", "up", "--data", folder))
    done(aws("jobs", "run", "--all", "--separate", "--max-bad-rows", BAD_ROWS))
    local = Lake(tmp_path / "local", max_bad_rows=0.1).up()
    local.upload(folder)
    local.run()
    assert_same(aws, invoke, local)
    if shared:
        assert mistaken(CONFIG) == mistaken(None, root=local.settings.root)
    done(aws("infra", "down", "--yes"))
    assert inventory(sandbox) == before


def commands(page: str) -> list[list[str]]:
    """The commands that a page says are to be given on AWS."""
    (snippet,) = [each for each in snippets(CHECKOUT / page) if Path(each.value).name == THIS]
    words = [shlex.split(line, comments=True) for line in snippet.body.splitlines()]
    return [rest for first, *rest in filter(None, words) if first == "stedi"]


def test_the_sample_by_the_demo_which_gives_the_commands_of_the_documents(
    before: dict[str, Any], sandbox: Sandbox, aws: Ask, capfd: pytest.CaptureFixture[str]
) -> None:
    typed = commands("docs/tutorial.md")
    given = [command.removesuffix(" --yes").split() for command, _ in STEPS]
    for page in ("README.md", "docs/aws.md"):
        assert [words for words in typed if words != ["infra", "policy"]] == commands(page)
    assert all(words in given for words in commands("README.md"))
    done(aws("infra", "policy"))
    demo(sandbox)
    told = capfd.readouterr().out
    assert "Everything is as it should be." in told
    assert told.count("unchanged") >= len(JOBS)
    assert inventory(sandbox) == before
