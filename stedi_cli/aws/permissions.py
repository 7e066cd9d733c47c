"""What policy documents allow, as far as they tell by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from stedi_cli.aws.statements import Document

Need = tuple[str, str]
"""An action, and the resource that it is for."""


@dataclass(frozen=True)
class Permissions:
    """The documents that say what somebody may do.

    Conditions are not looked at: what is allowed under one counts as allowed, and what is denied
    under one does not count as denied.

    Args:
        documents: What allows and denies.
        boundary: What else has to allow it; None where nothing has to.
    """

    documents: list[Document]
    boundary: Document | None = None

    def allow(self, need: Need) -> bool:
        """Tell whether something may be done."""
        within = [self.boundary] if self.boundary else []
        return _permit(self.documents, need) and (not within or _permit(within, need))

    def lacking(self, needed: Document) -> list[str]:
        """Return what a policy document would allow and these do not, an action a text."""
        found: dict[str, list[str]] = {}
        for action, resource in _needs(needed):
            if not self.allow((action, resource)):
                found.setdefault(action, []).append(resource)
        return [f"{action} on {', '.join(resources)}" for action, resources in found.items()]


def trusts(document: Document, service: str) -> bool:
    """Tell whether a trust policy may let a service take on its role."""
    return any(
        statement.get("Effect") == "Allow"
        and _names(statement, "Action", "sts:AssumeRole")
        and _is_for(statement, service)
        for statement in _listed(document.get("Statement", ()))
    )


def _is_for(statement: dict[str, Any], service: str) -> bool:
    if not isinstance(statement.get("Principal"), dict):
        # Everybody, or all but some.
        return True
    # In China some end in .cn.
    services = _listed(statement["Principal"].get("Service", ()))
    return any(str(name).removesuffix(".cn") == service for name in services)


def _permit(documents: Iterable[Document], need: Need) -> bool:
    effects = {
        (statement.get("Effect"), "Condition" in statement)
        for document in documents
        for statement in _listed(document.get("Statement", ()))
        if _names(statement, "Action", need[0]) and _names(statement, "Resource", need[1])
    }
    return "Allow" in {effect for effect, _ in effects} and ("Deny", False) not in effects


def _needs(document: Document) -> Iterator[Need]:
    for statement in document["Statement"]:
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                yield action, resource


def _names(statement: dict[str, Any], key: str, wanted: str) -> bool:
    if key in statement:
        return any(_fits(wanted, pattern, key) for pattern in _listed(statement[key]))
    others = _listed(statement.get(f"Not{key}", ()))
    return bool(others) and not any(_fits(wanted, pattern, key) for pattern in others)


def _fits(text: str, pattern: str, key: str) -> bool:
    # A star in what is wanted is a character as any other, which only a star fits.
    parts = (".*" if c == "*" else "[^*]" if c == "?" else re.escape(c) for c in pattern)
    flags = re.DOTALL | (re.IGNORECASE if key == "Action" else 0)
    return re.fullmatch("".join(parts), text, flags) is not None


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
