"""YAML files that cannot be used: one line with file, line or key, whatever the reader raises."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import PROJECT, Ask, Lake, mostly_slow
from small import write_lake

from stedi_cli.errors import UsageError
from stedi_cli.project.folder import copy_out
from stedi_cli.project.model import load
from stedi_cli.project.settings import load_settings
from stedi_cli.project.yaml_file import load_yaml


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one's own."""
    copy_out(PROJECT, tmp_path / "project")
    return tmp_path / "project"


# Python's own errors, each of another kind: none of them is a YAMLError.
VALUES = {
    "a month that is none": "2024-99-99",
    "a time zone beyond a day": "2024-01-01T00:00:00+99:99",
    "5,000 digits": "9" * 5000,
    "5,000 hexadecimal digits": "0x" + "f" * 5000,
    "too large for a float": "1" + ":59" * 500 + ".5",
    "no boolean": "!!bool x",
    "no integer": "!!int x",
    "an empty integer": "!!int ''",
    "no float": "!!float x",
    "no timestamp": "!!timestamp x",
    "no base64": '!!binary "é"',
    "no pairs": "!!pairs [x]",
    "no set": "!!set x",
    "no ordered mapping": "!!omap x",
    "a value of no type": "=",
    "an alias of nothing": "*nothing",
    "a list that holds itself": "&a [*a]",
    "a mapping that merges itself": "&a {<<: *a}",
    "a merge of a text": "{<<: x}",
    "an unhashable key": "{? [a] : b}",
    "NUL": '"\\0"',
    "half a character": '"\\ud800"',
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    "key", mostly_slow(["root", "policy", "keep_snapshots", "max_bad_rows", "nonsense"])
)
def test_a_value_that_cannot_be_made_is_refused(project: Path, key: str, value: str) -> None:
    path = project / "configs" / "local.yaml"
    path.write_text(f"# one\n{key}: {VALUES[value]}\n", encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        load_settings(path)
    told = refused.value.message
    assert told.startswith((f"{path}, line 2: ", f"{path}: {key}: "))
    assert "\n" not in told
    assert len(told) < len(str(path)) + 200
    assert refused.value.hint


CONTENTS = {
    "no UTF-8": b"root: \xff\n",
    "half of UTF-16": "root: x\n".encode("utf-16")[:-1],
    "a key that is there twice": b"policy: strict\nroot: x\npolicy: published\n",
    "a key twice further in": b"root:\n  - {a: 1, b: 2, a: 3}\n",
    "a key that is a date": b"2024-01-01: x\n",
    "a key that is no date": b"2024-99-99: x\n",
    "two documents": b"root: x\n---\nroot: y\n",
    "nesting without end": b"[" * 100_000,
    "a key of 100,000 letters": b"? " + b"x" * 100_000 + b"\n: 1\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_that_is_no_configuration_is_refused(project: Path, content: str) -> None:
    path = project / "configs" / "local.yaml"
    path.write_bytes(CONTENTS[content])
    with pytest.raises(UsageError) as refused:
        load_settings(path)
    assert str(path) in refused.value.message
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < len(str(path)) + 200
    assert refused.value.hint


def growing(first: str, following: str) -> str:
    """YAML of 20 lines, each of which holds ten times the line before."""
    lines = [f"a0: &a0 {first}"]
    for i in range(20):
        lines.append(f"a{i + 1}: &a{i + 1} " + following.format(", ".join([f"*a{i}"] * 10)))
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text", [growing("[x, x]", "[{}]"), growing("{x: y}", "{{<<: [{}]}}")], ids=["lists", "merges"]
)
def test_aliases_that_grow_without_bounds_are_refused(project: Path, text: str) -> None:
    path = project / "configs" / "local.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match="too many values"):
        load_settings(path)


def test_aliases_and_merges_that_stay_small_are_read(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: [*a, *a, x, x]\n")
    assert load_yaml(path) == {
        "a": {"x": 1},
        "b": {"x": 1, "y": 2},
        "c": [{"x": 1}, {"x": 1}, "x", "x"],
    }


# --- Expected counts that are uploaded -----------------------------------------------------------

DIGEST = "0" * 64
EXPECTED = f"source: s\nfiles: {{customer/a.json: {DIGEST}}}\ncounts: {{strict: {{t: 1}}}}\n"
WRONG_EXPECTED = {
    "a date for a source": ("source: s", "source: 2024-99-99"),
    "a count of 5,000 digits": ("t: 1", f"t: {'9' * 5000}"),
    "a count of 5,000 hexadecimal digits": ("t: 1", f"t: 0x{'f' * 5000}"),
    "a count below nothing": ("t: 1", "t: -1"),
    "no digest": (DIGEST, "2024-99-99"),
    "a text for files": ("files: {", "files: x\nfile: {"),
}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", mostly_slow(WRONG_EXPECTED, quick=2))
def test_expected_counts_that_cannot_be_used_are_refused_by_upload(
    lake: Lake, workspace: Path, invoke: Ask, wrong: str
) -> None:
    write_lake(workspace / "data")
    content = EXPECTED.replace(*WRONG_EXPECTED[wrong])
    (workspace / "data" / "expected.yaml").write_text(content)
    told = invoke("--root", lake.settings.root, "upload", "data")
    assert told.code == 2
    error, hint = told.err.splitlines()[-2:]
    assert error.startswith("Error: data/expected.yaml")
    assert hint.startswith("Hint: ")
    # Or broken only later, in the lakehouse.
    lake.layout.expected.write_text(content)
    told = invoke("--root", lake.settings.root, "validate")
    assert (told.code, told.out) == (2, "")
    assert "expected.yaml" in told.err.splitlines()[-2]


@pytest.mark.parametrize(
    "line",
    mostly_slow(
        [
            *("jane@x.org: 1", "jane%40x.org: 1", f"{'x' * 70}jane@x.org: 1"),
            *("? jane@x.org\n? jane@x.org\n", "a: *jane@x.org", "a: &jane@x.org [*jane@x.org]"),
        ],
        quick=2,
    ),
)
def test_a_key_that_may_be_an_address_is_not_told(
    lake: Lake, workspace: Path, invoke: Ask, line: str
) -> None:
    write_lake(workspace / "data")
    (workspace / "data" / "expected.yaml").write_text(f"{EXPECTED}\n{line}\n")
    told = invoke("--root", lake.settings.root, "upload", "data")
    assert told.code == 2
    assert "expected.yaml" in told.err
    assert "x.org" not in told.err and "x" * 30 not in told.err


# --- Classes of this program are nobody's business -----------------------------------------------

TYPE = "name: customerName, type: string"
WRONG_MODEL = {
    "a text for a table": ("  customer_landing:\n", "  x: y\n  customer_landing:\n", "tables.x"),
    "a text for a column": (
        "- accelerometer_landing.z",
        "- accelerometer_landing",
        "columns.4: String",
    ),
    "a number for a column": ("- accelerometer_landing.z", "- 7", "columns.4: Input"),
    "an unknown type of a column": (TYPE, f"{TYPE[:-6]}text", ".columns.0.type: .*'string'"),
    "an unknown key of a column": (TYPE, f"{TYPE}, x: y", ".columns.0.x: there is no"),
    "a text for a job": ("\njobs:\n", "\njobs:\n  x: y\n", "jobs.x: .*mapping"),
    "a text for a policy": ("\npolicies:\n", "\npolicies:\n  x: y\n", "policies.x: .*mapping"),
    "a name that is none": ("\njobs:\n", "\njobs:\n  9-: {}\n", "jobs.9-: String should"),
}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG_MODEL)
def test_a_wrong_model_is_told_without_names_of_classes(project: Path, wrong: str) -> None:
    old, new, told = WRONG_MODEL[wrong]
    path = project / "configs" / "lakehouse.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError, match=told) as refused:
        load(project)
    for name in ("Entry", "File", "constrained", "[key]", "function-", "instance of", "tagged"):
        assert name not in refused.value.message


@pytest.mark.parametrize("value", ["[1]", "1.5", "true", "1000000000000000000000"])
def test_a_wrong_limit_is_told_without_names_of_classes(project: Path, value: str) -> None:
    path = project / "configs" / "local.yaml"
    path.write_text(f"max_bad_rows: {value}\n")
    with pytest.raises(UsageError) as refused:
        load_settings(path)
    assert f"{path}: max_bad_rows: Input" in refused.value.message


def test_a_model_that_is_a_list_is_told_without_names_of_classes(project: Path) -> None:
    (project / "configs" / "lakehouse.yaml").write_text("- x\n")
    with pytest.raises(UsageError, match="the file: Input should be a mapping"):
        load(project)


def test_a_value_of_the_command_line_is_not_told_to_be_the_files(project: Path) -> None:
    path = project / "configs" / "local.yaml"
    with pytest.raises(UsageError) as refused:
        load_settings(path, root=Path("a\udcff"))
    assert "command line" in refused.value.message
    assert str(path) not in refused.value.message
    assert str(path) in str(refused.value.hint)
