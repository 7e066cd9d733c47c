"""Reads a YAML file into a pydantic model; what is wrong is said by file, key path and reason."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stedi_cli.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

_DEEPEST = 100

M = TypeVar("M", bound="BaseModel")


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

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = path.read_bytes()
        _refuse_deep(content, path, loader)
        return yaml.load(content, Loader=loader)  # noqa: S506 - both loaders are safe
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "malformed"
        raise UsageError(
            f"{path}{place}: not YAML: {problem}.", hint="Mend the file and try again."
        ) from error


def _refuse_deep(content: bytes, path: Path, loader: Any) -> None:
    """Raise UsageError for nesting that overflows the C loader's stack."""
    import yaml

    depth = 0
    for event in yaml.parse(content, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise UsageError(f"{path}: it is nested too deeply.", hint="Mend the file.")


def load_model(path: Path, model: type[M], overrides: dict[str, Any] | None = None) -> M:
    """Parse and check a YAML file; see :func:`load_yaml` and :func:`check_model`."""
    return check_model(path, load_yaml(path), model, overrides)


def check_model(
    path: Path, content: Any, model: type[M], overrides: dict[str, Any] | None = None
) -> M:
    """Check the content of a YAML file.

    Args:
        path: The file.
        content: What it holds.
        model: The pydantic model that it must fit.
        overrides: Values that win over the file's, by top-level key.

    Returns:
        The checked content.

    Raises:
        UsageError: With the file, the first offending key's path, and what was expected there.
    """
    from pydantic import ValidationError

    if content is None:
        content = {}
    if isinstance(content, dict):
        content = {**content, **(overrides or {})}
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        if first["type"] == "extra_forbidden":
            raise UsageError(
                f"{path}: {place}: there is no such key.",
                hint=f"Keys here: {', '.join(_keys(model, first['loc'])) or 'see the comments'}.",
            ) from error
        raise UsageError(
            f"{path}: {place}: {first['msg'].removeprefix('Value error, ')}.",
            hint="The comments in the file say what fits.",
        ) from error


def _keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    return list(model.model_fields) if len(loc) == 1 else []
