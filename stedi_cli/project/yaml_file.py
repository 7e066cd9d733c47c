"""Reads a YAML file into a dataclass; what is wrong is said by file, key path and reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stedi_cli.addresses import unless_address, without_addresses
from stedi_cli.errors import UsageError
from stedi_cli.project.right import Right
from stedi_cli.project.shape import built, in_file, model_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_DEEPEST = 100
_LARGEST = 1_000_000
_SHOWN = 60
_SEE_COMMENTS = "The comments in the file say what fits."
# Their messages name classes of this program.
_NO_MAPPING = ("model_type", "model_attributes_type", "dict_type")

S = TypeVar("S")


def load_yaml(path: Path) -> Any:
    """Parse a YAML file.

    Args:
        path: The file.

    Returns:
        What it holds.

    Raises:
        UsageError: If it cannot be read or is not YAML.
    """
    import yaml

    loader = _loader()
    try:
        content = path.read_bytes()
        _refuse_traps(content, path, loader)
        return yaml.load(content, Loader=loader)  # noqa: S506 - a safe one
    except OSError as error:
        raise UsageError(
            f"Cannot read {path}: {error.strerror}.", hint="Look at the path and its permissions."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "malformed"
        raise UsageError(
            f"{path}{place}: not YAML: {unless_address(problem)}.",
            hint="Mend the file and try again.",
        ) from error


def _loader() -> Any:
    """Return a safe loader for which a value that cannot be made is an error of the YAML."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        def construct_object(self, node: Any, deep: bool = False) -> Any:
            try:
                return super().construct_object(node, deep)
            except yaml.YAMLError:
                raise
            # Whatever Python raises: ValueError of a date, KeyError of a boolean, OverflowError …
            except Exception as error:
                problem = f"this is no {node.tag.rpartition(':')[2]} that can be read"
                raise yaml.constructor.ConstructorError(
                    None, None, problem, node.start_mark
                ) from error

    return Loader


@dataclass
class _Open:
    """A collection whose end has not been seen: its anchor, keys, and size with all aliases."""

    anchor: str | None = None
    is_mapping: bool = False
    size: int = 1
    children: int = 0
    keys: set[str] = field(default_factory=set)

    def add(self, size: int, key: str | None) -> bool:
        """Take in a value; return False for a key that is there already."""
        is_key = self.is_mapping and self.children % 2 == 0
        self.size += size
        self.children += 1
        if not is_key or key is None:
            return True
        twice = key in self.keys
        self.keys.add(key)
        return not twice


def _refuse_traps(content: bytes, path: Path, loader: Any) -> None:
    """Raise UsageError for what a loader falls for without a word.

    Nesting overflows the C loader's stack, aliases and merges may grow without bounds or hold
    themselves, and of a key that is there twice the last one wins.
    """
    import yaml

    opened = [_Open()]
    sizes: dict[str, int] = {}
    for event in yaml.parse(content, Loader=loader):
        anchor, size, key = getattr(event, "anchor", None), 1, None
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append(_Open(anchor, isinstance(event, yaml.MappingStartEvent)))
            if len(opened) > _DEEPEST:
                _refuse(path, event, "it is nested too deeply")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = opened[-1].anchor, opened.pop().size
        elif isinstance(event, yaml.AliasEvent):
            if any(collection.anchor == anchor for collection in opened):
                _refuse(path, event, f"{unless_address(str(anchor))} holds itself")
            size = sizes.get(str(anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            key = event.value
        else:
            continue
        if anchor is not None:
            sizes[anchor] = size
        if not opened[-1].add(size, key):
            _refuse(path, event, f"the key {_short(str(key))} is there twice")
        if opened[-1].size > _LARGEST:
            _refuse(path, event, "it holds too many values")


def _refuse(path: Path, event: Any, what: str) -> None:
    line = event.start_mark.line + 1
    raise UsageError(f"{path}, line {line}: {what}.", hint="Mend the file and try again.")


def load_checked(path: Path, kind: type[S], right: Right | None = None) -> S:
    """Parse and check a YAML file; see :func:`load_yaml` and :func:`check`."""
    return check(path, load_yaml(path), kind, right)


def check(
    path: Path,
    content: Any,
    kind: type[S],
    right: Right | None = None,
    overrides: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> S:
    """Check the content of a YAML file.

    Args:
        path: The file.
        content: What it holds.
        kind: The dataclass that it must fit.
        right: What was found right before, and is not checked again.
        overrides: Values that win over the file's, by top-level key.
        more: The fields that no file gives.

    Returns:
        The checked content.

    Raises:
        UsageError: With the file, the first offending key's path, and what was expected there.
    """
    overrides, more, right = overrides or {}, more or {}, right or Right()
    if content is None:
        content = {}
    if isinstance(content, dict):
        content = {**content, **overrides}
    if not right.knows(kind, content):
        _refuse_wrong(path, content, kind, overrides)
        right.learn(kind, content)
    return built(kind, content, more)


def _refuse_wrong(path: Path, content: Any, kind: type, overrides: Mapping[str, Any]) -> None:
    from pydantic import ValidationError

    try:
        model_of(kind).model_validate(content)
    except ValidationError as error:
        first = _most_telling(error.errors(include_url=False, include_input=False), content)
        place = _place(first, content) or "the file"
        if first["type"] == "extra_forbidden":
            known = f"Keys here: {', '.join(in_file(kind))}."
            raise UsageError(
                f"{path}: {place}: there is no such key.",
                hint=known if len(first["loc"]) == 1 else _SEE_COMMENTS,
            ) from error
        if overrides and first["loc"][:1] and first["loc"][0] in overrides:
            raise UsageError(
                f"{place}, as given on the command line or in the environment: {_expected(first)}.",
                hint=f"The comments in {path} say what fits.",
            ) from error
        raise UsageError(f"{path}: {place}: {_expected(first)}.", hint=_SEE_COMMENTS) from error


def _most_telling(errors: list[ErrorDetails], content: Any) -> ErrorDetails:
    """Return the first error; of alternatives, the one whose kind of value was meant."""
    first = _place(errors[0], content)
    alternatives = (e for e in errors if f"{_place(e, content)}.".startswith(f"{first}."))
    return next((e for e in alternatives if not e["type"].endswith("_type")), errors[0])


def _place(error: ErrorDetails, content: Any) -> str:
    """Return the path of keys to an error, without pydantic's names of alternatives."""
    parts: list[str] = []
    loc = error["loc"]
    for part, following in zip(loc, (*loc[1:], None), strict=False):
        is_key = following == "[key]" or (following is None and error["type"] == "missing")
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            if not is_key:
                continue
        parts.append(_short(str(part)))
    return ".".join(parts)


def _expected(error: ErrorDetails) -> str:
    if error["type"] in _NO_MAPPING:
        return "Input should be a mapping"
    return without_addresses(error["msg"].removeprefix("Value error, "))


def _short(text: str) -> str:
    """Return a key to be shown: not at length, and none that may be somebody's address."""
    shown = unless_address(text)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
