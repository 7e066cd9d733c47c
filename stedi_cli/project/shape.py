"""What a file's content has to be: dataclasses, whose annotations say what pydantic holds it to.

pydantic costs start-up time, so it is imported where content is checked. What was found right is
built without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

S = TypeVar("S")


class Held:
    """Limits of a value.

    Args:
        refuse: Raises ValueError for a value that is within the limits and no good all the same.
        limits: As pydantic's ``Field`` takes them.
    """

    def __init__(self, refuse: Callable[[Any], None] | None = None, **limits: Any) -> None:
        self._refuse = refuse
        self._limits = limits

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Return what pydantic holds the value to."""
        from pydantic import AfterValidator, Field

        held = Annotated[source, Field(**self._limits)]
        return handler.generate_schema(
            Annotated[held, AfterValidator(self._checked)] if self._refuse else held
        )

    def _checked(self, value: Any) -> Any:
        assert self._refuse is not None
        self._refuse(value)
        return value


class Given:
    """How a file gives a value that is of another type in the program.

    Args:
        shape: What the file has to give.
        read: Turns that into the value, knowing the fields that no file gives.
    """

    def __init__(self, shape: Any, read: Callable[[Any, Any], Any]) -> None:
        self._shape = shape
        self.read = read

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Return what pydantic holds the given value to."""
        return handler.generate_schema(self._shape)


@cache
def in_file(kind: type) -> dict[str, Any]:
    """Return the keys that a file may give a shape, with their annotations."""
    hints = get_type_hints(kind, include_extras=True)
    return {f.name: hints[f.name] for f in fields(kind) if f.metadata.get("in_file", True)}


@cache
def model_of(kind: type) -> type[BaseModel]:
    """Return the pydantic model that content of a shape is checked by."""
    from pydantic import ConfigDict, Field, create_model, model_validator

    defaults: dict[str, Any] = {}
    for field in fields(kind):
        made = field.default_factory
        default = ... if field.default is MISSING else field.default
        defaults[field.name] = default if made is MISSING else Field(default_factory=made)
    keys = {name: (_modelled(hint), defaults[name]) for name, hint in in_file(kind).items()}
    refuse = getattr(kind, "refuse_contradictions", None)

    def whole(found: Any) -> Any:
        if refuse is not None:
            refuse(found)
        return found

    config = ConfigDict(extra="forbid", frozen=True, strict=True)
    # With keys that are known when it runs, no overload fits.
    make: Any = create_model
    model: type[BaseModel] = make(
        kind.__name__,
        __config__=config,
        __validators__={"whole": model_validator(mode="after")(whole)},
        **keys,
    )
    return model


def _modelled(hint: Any) -> Any:
    """Return an annotation with models in the place of shapes."""
    if is_dataclass(hint):
        return model_of(hint)  # type: ignore[arg-type]
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return Annotated[_modelled(inner[0]), *hint.__metadata__]
    if origin in (Union, UnionType):
        return Union[tuple(_modelled(one) for one in inner)]  # noqa: UP007
    if origin in (dict, list):
        return origin[tuple(_modelled(one) for one in inner)]
    return hint


def built(kind: type[S], content: Mapping[str, Any], more: Mapping[str, Any]) -> S:
    """Make a shape of content that is right.

    Args:
        kind: The shape.
        content: What the file holds.
        more: The fields that no file gives.
    """
    hints = in_file(kind)  # type: ignore[arg-type]
    defaults = {f.name: f.default for f in fields(kind)}  # type: ignore[arg-type]
    # Defaults too stand there as a file would give them.
    given = {name: defaults[name] for name, hint in hints.items() if _given(hint)}
    values = {name: _made(hints[name], value, more) for name, value in {**given, **content}.items()}
    return kind(**values, **more)


def _given(hint: Any) -> Given | None:
    marks = hint.__metadata__ if get_origin(hint) is Annotated else ()
    return next((mark for mark in marks if isinstance(mark, Given)), None)


def _made(hint: Any, value: Any, more: Mapping[str, Any]) -> Any:
    given, origin, inner = _given(hint), get_origin(hint), get_args(hint)
    if given is not None:
        made = given.read(value, more)
    elif origin is Annotated:
        made = _made(inner[0], value, more)
    elif origin in (Union, UnionType):
        shapes = [one for one in inner if is_dataclass(one)]
        made = _made(shapes[0], value, more) if shapes and isinstance(value, dict) else value
    elif is_dataclass(hint):
        made = built(hint, value, {})  # type: ignore[arg-type]
    elif origin is dict:
        made = {key: _made(inner[1], one, more) for key, one in value.items()}
    elif origin is list:
        made = [_made(inner[0], one, more) for one in value]
    else:
        made = float(value) if hint is float else value
    return made
