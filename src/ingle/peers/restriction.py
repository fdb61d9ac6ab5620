"""A request as a guest may have it performed, by the rules of its fields.

What each field may do is declared beside it (`ingle.operations.guest_rules`); nothing here knows a
field by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ingle.errors import ContextLengthExceeded, GrantRefused
from ingle.operations import ModelOperation, Operation, operation_name
from ingle.operations.capability import Capability, load
from ingle.operations.guest_rules import (
    GrantedAdapters,
    GrantedCollection,
    GrantedModel,
    GrantLimit,
    Overruled,
    guest_rules,
)
from ingle.operations.tokens import BYTES_PER_TOKEN
from ingle.peers import grants
from ingle.peers.grants import Grant


def restricted(operation: Operation, capability: Capability, under: Sequence[Grant]) -> Operation:
    """The request within its grant.

    Raises:
        GrantRefused: it gives a field that is not for guests.
        ContextLengthExceeded: it needs more context than the grant allows.
    """
    changes: dict[str, object] = {}
    for name, rule in guest_rules(type(operation)).items():
        match rule:
            case Overruled(value=value):
                changes[name] = value
            case GrantLimit(limit=limit):
                _check_limit(operation, name, limit, under)
            case None:
                _check_left_out(operation, name)
    _check_texts(operation, under)
    operation = msgspec.structs.replace(operation, **changes)
    if capability.restrict:
        found: Operation = load(capability.restrict)(operation)
        return found
    return operation


def model_named_by(operation: Operation) -> str:
    """The model that a request is about; empty if it is about none."""
    return next((str(value) for value in _of_rule(operation, GrantedModel)), "")


def model_setting_of(operation: Operation) -> str:
    """The node's setting that names a request's model where the request does not; empty: none."""
    rules = guest_rules(type(operation)).values()
    return next((rule.setting for rule in rules if isinstance(rule, GrantedModel)), "")


def collection_named_by(operation: Operation) -> str:
    """The collection that a request is about; empty if it is about none."""
    return next((str(value) for value in _of_rule(operation, GrantedCollection)), "")


def names_collections(capability: Capability) -> bool:
    """What it does is about collections that a grant has to name."""
    return any(
        isinstance(rule, GrantedCollection)
        for kind in capability.operations
        for rule in guest_rules(kind).values()
    )


def adapters_named_by(operation: Operation) -> list[str]:
    """The adapters that a request names."""
    return [use.name for uses in _of_rule(operation, GrantedAdapters) for use in uses]


def _of_rule(operation: Operation, kind: type[Any]) -> Iterator[Any]:
    for name, rule in guest_rules(type(operation)).items():
        if isinstance(rule, kind):
            yield getattr(operation, name)


def _check_limit(operation: Operation, field: str, limit: str, under: Sequence[Grant]) -> None:
    most, asked = grants.tightest(under, limit), getattr(operation, field) or 0
    if most and asked > most:
        raise ContextLengthExceeded(
            f"a {field} of {asked} was requested; the grant {under[-1].id} allows {most}",
            context=most,
            field=field,
        )


def _check_texts(operation: Operation, under: Sequence[Grant]) -> None:
    """Each text within the context of the grant, as far as its bytes tell."""
    most = grants.tightest(under, "context")
    if not most or not isinstance(operation, ModelOperation):
        return
    for text in operation.prompts():
        tokens = text.tokens + text.size // BYTES_PER_TOKEN
        if tokens > most:
            raise ContextLengthExceeded(
                f"the prompt has about {tokens} tokens; the grant {under[-1].id} allows {most}",
                context=most,
                prompt_tokens=tokens,
                field=text.field,
            )


def _check_left_out(operation: Operation, name: str) -> None:
    """Raises GrantRefused: the declaration does not say what this field may cost here."""
    fields = {field.name: field for field in msgspec.structs.fields(operation)}
    field = fields[name]
    value = getattr(operation, name)
    if field.default_factory is not msgspec.NODEFAULT:
        usual = value == field.default_factory()
    else:
        usual = not field.required and value == field.default
    if not usual:
        raise GrantRefused(
            f"{name}: other devices may not set this field of {operation_name(operation)!r}",
            hint="leave it out",
            field=name,
        )
