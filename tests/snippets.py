"""The snippets of a page as one script, as a reader would type them from top to bottom.

A comment above a snippet says what is not to be seen in it:

    <!-- file: PATH -->       what the file PATH holds
    <!-- add to: PATH -->     what a YAML file has besides
    <!-- exit code: N -->     what the last command of it exits with
    <!-- run by: TEST -->     the test that runs it
    <!-- not run: WHY -->     why nothing does

A snippet without a language is no snippet: a picture, or what something looks like.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SNIPPET = re.compile(
    r"^(?:<!-- (?P<key>[a-z ]+): (?P<value>[^\n]+) -->\n)?"
    r"^```(?P<language>\w+)\n(?P<body>.*?)^```$",
    re.M | re.S,
)
_MERGE = Path(__file__).with_name("merged_yaml.py")
ELLIPSIS = "…"


@dataclass(frozen=True)
class Snippet:
    """A snippet of a page.

    Args:
        key: What the comment above says of it; empty where there is none.
        value: And what it says that is.
    """

    number: int
    language: str
    body: str
    key: str
    value: str

    @property
    def is_typed(self) -> bool:
        """Whether a reader does something with it."""
        return self.key not in ("run by", "not run")


def snippets(page: Path) -> list[Snippet]:
    """Return what a page has of them, in their order."""
    found = _SNIPPET.finditer(page.read_text(encoding="utf-8"))
    return [
        Snippet(number, each["language"], each["body"], each["key"] or "", each["value"] or "")
        for number, each in enumerate(found, 1)
    ]


def without_snippets(page: Path) -> str:
    """Return the rest of a page."""
    return _SNIPPET.sub("", page.read_text(encoding="utf-8"))


def script(found: list[Snippet]) -> str:
    """Return a script for bash that stops where a snippet does not do what the page says."""
    head = [
        "set -eE",
        """trap 'printf "\\n## stopped: %s\\n" "$BASH_COMMAND"' ERR""",
    ]
    typed = (line for each in found if each.is_typed for line in _typed(each))
    return "\n".join([*head, *typed, "printf '\\n## done\\n'"]) + "\n"


def _typed(each: Snippet) -> Iterator[str]:
    if each.key == "file":
        path = shlex.quote(each.value)
        yield f"mkdir -p $(dirname {path})"
        yield _with(f"cat > {path}", each.body)
    elif each.key == "add to":
        merge = shlex.join([sys.executable, str(_MERGE), each.value])
        yield _with(merge, each.body)
    elif each.language == "sh":
        yield from _commands(each)
    elif each.language == "sql":
        yield _with("stedi query -", each.body)
    elif each.language == "python":
        yield _with(f"{shlex.quote(sys.executable)} -", each.body)
    elif each.language == "console":
        for command, _ in shown(each):
            yield f"printf '\\n## shown {each.number}\\n'"
            yield command.replace("make demo", "stedi demo")
            yield "printf '\\n## end\\n'"


def _commands(each: Snippet) -> Iterator[str]:
    if each.key != "exit code":
        yield each.body
        return
    yield "set +eE; trap - ERR"
    yield each.body.rstrip()
    yield f'[ $? -eq {each.value} ] || {{ printf "\\n## exit code\\n"; exit 1; }}'
    yield "set -eE"


def _with(command: str, text: str) -> str:
    return f"{command} <<'END OF SNIPPET'\n{text}END OF SNIPPET"


def shown(each: Snippet) -> list[tuple[str, str]]:
    """Return each command of a snippet with what a terminal shows of it."""
    # What make says before is not of the command.
    body = re.sub(r"^(?:Making|Installing) .+\n", "", each.body, flags=re.M)
    parts = re.split(r"^\$ (.+)\n", body, flags=re.M)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def is_shown(told: str, expected: str) -> str | None:
    """Return the first piece of what is expected that is not told, in the order that it has."""
    told = _without_times(_as_seen(told))
    at = 0
    for piece in _without_times(expected.splitlines()).split(ELLIPSIS):
        found = told.find(piece.strip("\n"), at)
        if found < 0:
            return piece
        at = found + len(piece.strip("\n"))
    return None


def _as_seen(told: str) -> list[str]:
    """Return the lines that a terminal shows in the end, where some were drawn again and again."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", told):
        if part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column = 0
        elif part.startswith("\x1b"):
            if part.endswith("A"):
                row -= int(part[2:-1] or 1)
            elif part.endswith("K"):
                lines[row] = ""
        else:
            lines[row] = lines[row][:column].ljust(column) + part
            column += len(part)
    return lines


def _without_times(lines: list[str]) -> str:
    return "\n".join(re.sub(r"\b\d+\.\d\d$", "#.##", line.rstrip()) for line in lines)
