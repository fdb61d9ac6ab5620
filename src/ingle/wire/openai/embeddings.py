"""``POST /v1/embeddings`` (API reference, "Create embeddings")."""

from __future__ import annotations

import base64
from typing import Any, Literal, NamedTuple

from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.errors import InvalidRequest
from ingle.wire.body import Body, decode, renamed
from ingle.wire.duration import seconds
from ingle.wire.sse import encode

_KINDS: dict[str, Literal["query", "passage"]] = {
    "query": "query",
    "search_query": "query",
    "passage": "passage",
    "document": "passage",
    "search_document": "passage",
}


class EmbeddingsBody(Body, kw_only=True):
    """The fields of the route; ``input_type``, ``context``, ``keep_alive`` and ``on`` are ours."""

    model: str
    input: str | list[str | int | list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    input_type: str | None = None
    context: int | None = None
    keep_alive: float | str | None = None
    on: str | None = None


class EmbeddingsRequest(NamedTuple):
    """What the client asked: an operation, and vectors as base64 or as lists."""

    operation: Embed
    base64: bool


def parse(body: bytes) -> EmbeddingsRequest:
    """Read the body.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, EmbeddingsBody)
    with renamed({"inputs": "input", "kind": "input_type"}):
        operation = Embed(
            model=asked.model,
            inputs=_inputs(asked.input),
            kind=_kind(asked.input_type),
            dimensions=asked.dimensions,
            context=asked.context,
            keep_alive=seconds(asked.keep_alive),
            on=asked.on or "",
        )
    return EmbeddingsRequest(operation, asked.encoding_format == "base64")


def answer(embedded: Embedded, *, as_base64: bool) -> bytes:
    """The list of vectors: base64 of little-endian float32, or numbers."""
    vectors: list[Any]
    if as_base64:
        vectors = [base64.b64encode(row).decode() for row in embedded.rows()]
    else:
        vectors = embedded.vectors
    return encode(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": at, "embedding": vector}
                for at, vector in enumerate(vectors)
            ],
            "model": embedded.model,
            "usage": {
                "prompt_tokens": embedded.usage.prompt_tokens,
                "total_tokens": embedded.usage.prompt_tokens,
            },
            "ingle": {"where": embedded.where, "digest": embedded.digest},
        }
    )


def _inputs(given: str | list[str | int | list[int]]) -> list[str | list[int]]:
    if isinstance(given, str):
        return [given]
    ids = [item for item in given if isinstance(item, int)]
    if not ids:
        return [item for item in given if not isinstance(item, int)]
    if len(ids) != len(given):
        raise InvalidRequest("input: token ids and texts are mixed", field="input")
    return [ids]


def _kind(word: str | None) -> Literal["", "query", "passage"]:
    if not word:
        return ""
    if word not in _KINDS:
        raise InvalidRequest(
            f"input_type: {word!r} is not one of {', '.join(_KINDS)}", field="input_type"
        )
    return _KINDS[word]
