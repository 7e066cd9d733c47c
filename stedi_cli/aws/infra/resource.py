"""What the kinds of resources have in common: read, compare, create, update, delete."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from stedi_cli.aws.account import aws_errors, error_code, side_by_side
from stedi_cli.aws.layout import TAG, Layout
from stedi_cli.errors import StediError
from stedi_cli.lake.records import Change, Resource

_MISSING = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchTagSet",
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
        "NoSuchEntity",
        "NoSuchUpload",
        "EntityNotFoundException",
        "ResourceNotFoundException",
        "InvalidVpcEndpointId.NotFound",
    }
)


class NotYetError(StediError):
    """AWS is not ready for what was asked, and is to be asked again in a while."""


@dataclass(frozen=True)
class Found:
    """What is there under a name.

    Args:
        fields: What is compared, as texts.
        ours: Whether this lakehouse made it.
        used: Whether it serves although it is not ours.
        note: Why, where that needs saying.
    """

    fields: dict[str, str]
    ours: bool = True
    used: bool = False
    note: str = ""


def is_missing(error: BaseException) -> bool:
    """Tell whether AWS answered that there is no such thing."""
    # Athena has no code of its own for it.
    absent = error_code(error) == "InvalidRequestException" and "not found" in str(error)
    return error_code(error) in _MISSING or absent


def is_there_already(error: BaseException) -> bool:
    """Tell whether AWS refused to make something since it is there."""
    code, text = error_code(error), str(error).lower()
    return "Already" in code or (code == "InvalidRequestException" and "already" in text)


def ask(call: Callable[..., Any], **arguments: Any) -> Any:
    """Call AWS; None where it answers that there is no such thing."""
    from botocore.exceptions import ClientError

    try:
        return call(**arguments)
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def ask_all(client: Any, operation: str, key: str, **arguments: Any) -> list[Any]:
    """Return what a call lists, all pages of it; nothing where it is about what is not there.

    Args:
        client: The client.
        operation: The call, by its name in Python.
        key: What holds the entries of a page.
        arguments: The call's.
    """
    pages = client.get_paginator(operation).paginate
    # A page may be empty although others are not.
    return ask(lambda: [entry for page in pages(**arguments) for entry in page[key]]) or []


def same_json(value: Any) -> str:
    """Return JSON, given as text or value, in one spelling."""
    value = json.loads(value) if isinstance(value, str) else value
    return json.dumps(value, sort_keys=True)


def same_policy(document: Any) -> str:
    """Return a policy document, given as text or value, in one spelling of what it means.

    Statements and lists are sets, and one text is a list of one, as IAM's grammar has it
    (IAM User Guide, "Grammar of the IAM JSON policy language"); services give them back so.
    """
    document = json.loads(document) if isinstance(document, str) else document
    statements = document.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    told = sorted((_as_sets(statement) for statement in statements), key=same_json)
    return same_json({**document, "Statement": told})


def _as_sets(value: Any) -> Any:
    """Return a part of a policy with each list in order, and one of one entry as this entry."""
    if isinstance(value, dict):
        return {key: _as_sets(part) for key, part in value.items()}
    if isinstance(value, list):
        parts = sorted({str(part) for part in value})
        return parts[0] if len(parts) == 1 else parts
    return value


def key_values(tags: dict[str, str]) -> list[dict[str, str]]:
    """Return tags as most services want them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def from_key_values(tags: Iterable[dict[str, str]] | None) -> dict[str, str]:
    """Read tags as most services give them."""
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


class Kind(ABC):
    """All resources of one kind.

    Args:
        layout: Their names.
    """

    kind: ClassVar[str]

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names of those that are wanted."""

    @abstractmethod
    def wanted(self, name: str) -> dict[str, str]:
        """Return what one should be like, field by field, as texts."""

    @abstractmethod
    def read(self) -> dict[str, Found]:
        """Read what is there, by name."""

    def to_remove(self) -> dict[str, Found]:
        """Read what ``remove`` looks at: by default, what is compared."""
        return self.read()

    @abstractmethod
    def create(self, name: str) -> None:
        """Make one, tagged in the same call where AWS allows that."""

    @abstractmethod
    def update(self, name: str, fields: set[str]) -> None:
        """Make these fields of one what they should be."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete one of ours; it may be gone already."""

    fixed: ClassVar[frozenset[str]] = frozenset()
    """Fields that cannot be changed in place."""

    def is_ours(self, tags: dict[str, str]) -> bool:
        """Tell whether tags say that this lakehouse made it."""
        return tags.get(TAG) == self.layout.database

    @property
    def untagged(self) -> str:
        """What is wrong with something of a name of ours that somebody else made."""
        return f"is there without the tag {TAG}={self.layout.database}"

    def tags_text(self, tags: dict[str, str]) -> str:
        """Return the tags that are wanted, and no others, as a text to compare."""
        return ", ".join(f"{key}={tags[key]}" for key in sorted(self.layout.tags) if key in tags)

    def look(self) -> list[Change]:
        """Compare what is there with what is wanted; reads only."""
        with self.errors():
            found = self.read()
        return [self._compare(name, found.get(name)) for name in self.names()]

    def _compare(self, name: str, found: Found | None) -> Change:
        if found is None:
            return Change(self.kind, name, "create")
        if found.used:
            return Change(self.kind, name, "keep", note=found.note, ours=False)
        if not found.ours:
            return Change(self.kind, name, "refuse", note=found.note or self.untagged)
        wanted = self.wanted(name)
        differing = tuple(
            (field, found.fields.get(field, ""), value)
            for field, value in wanted.items()
            if found.fields.get(field, "") != value
        )
        if not differing:
            return Change(self.kind, name, "keep", note=found.note)
        replace = any(field in self.fixed for field, _, _ in differing)
        return Change(self.kind, name, "replace" if replace else "change", differing, found.note)

    def carry_out(self, change: Change) -> Resource:
        """Do what a change says.

        Args:
            change: A change of this kind, not ``refuse``.

        Returns:
            What was done.

        Raises:
            StediError: If AWS refuses, or something of that name that is not ours came up.
        """
        with self.errors(change.name):
            if change.action == "create":
                self._create(change.name)
            elif change.action == "change":
                self.update(change.name, {field for field, _, _ in change.fields})
            elif change.action == "replace":
                self.delete(change.name)
                self._create(change.name)
            elif change.action == "remove":
                self.delete(change.name)
        done = {action: f"{action}d" for action in ("change", "replace", "remove")}
        done["create"] = "made"
        return Resource(self.kind, change.name, done.get(change.action, "there"), change.note)

    def _create(self, name: str) -> None:
        from botocore.exceptions import ClientError

        try:
            self.create(name)
        except ClientError as error:
            if not is_there_already(error):
                raise
            # Our own, where the answer to an earlier attempt was lost.
            change = self._compare(name, self.read().get(name))
            if change.action in ("create", "refuse"):
                raise StediError(
                    f"{self.kind} {name} was made by somebody else meanwhile.",
                    hint="Look at it, and choose another name in the config file.",
                ) from error
            self.update(name, {field for field, _, _ in change.fields})

    def remove(self) -> Iterator[Resource]:
        """Delete all of ours, and tell what is there and not ours."""
        with self.errors():
            found = self.to_remove()
        yield from self._removed(found)

    def _removed(self, found: dict[str, Found]) -> Iterator[Resource]:
        ours = [name for name, there in found.items() if there.ours]
        side_by_side([partial(self._delete, name) for name in ours])
        for name in ours:
            yield Resource(self.kind, name, "removed")
        for name, there in found.items():
            if not there.ours:
                note = there.note or "not made by this lakehouse"
                yield Resource(self.kind, name, "left", note)

    def _delete(self, name: str) -> None:
        with self.errors(name):
            self.delete(name)

    def remaining(self) -> list[Resource]:
        """Return what is still there of ours; reads only."""
        with self.errors():
            found = self.to_remove()
        return [Resource(self.kind, name, "left") for name, there in found.items() if there.ours]

    def errors(self, name: str = "") -> Any:
        """Return the context in which boto3's errors say what they happened to."""
        names = [name] if name else self.names()
        return aws_errors(where=f"{self.kind} {names[0]}" if len(names) == 1 else f"{self.kind}s")
