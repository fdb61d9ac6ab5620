"""Schemas given as types: what to ask the model for, and how to read its answer."""

from __future__ import annotations

from typing import Any

import msgspec

from ingle.errors import EngineFault, InvalidRequest
from ingle.operations import Choice

Schema = dict[str, Any] | type[Any]
"""A JSON Schema, or a type: a pydantic model, a msgspec struct, a dataclass, a TypedDict."""


def json_schema(schema: Schema) -> dict[str, Any]:
    """The JSON Schema of a type.

    Raises:
        InvalidRequest: the type has none.
    """
    if isinstance(schema, dict):
        return schema
    if hasattr(schema, "model_json_schema"):  # pydantic, without importing it
        described: dict[str, Any] = schema.model_json_schema()
        return described
    try:
        return msgspec.json.schema(schema)
    except TypeError as error:
        raise InvalidRequest(
            f"schema: {schema!r} cannot be described: {error}", field="schema"
        ) from None


def parse(schema: Schema, choice: Choice) -> Any:
    """The answer as an instance of the type (or plain data, for a schema given as a dict).

    Raises:
        EngineFault: the answer was cut off, or is not of the schema.
    """
    if choice.finish == "length":
        raise EngineFault(
            "the answer was truncated before its JSON was complete", hint="raise max_tokens"
        )
    try:
        if isinstance(schema, dict):
            return msgspec.json.decode(choice.text)
        if hasattr(schema, "model_validate_json"):
            return schema.model_validate_json(choice.text)
        return msgspec.json.decode(choice.text, type=schema)
    except ValueError as error:
        raise EngineFault(f"the answer does not fit the schema: {error}") from error
