"""``POST /api/embed`` and the older ``/api/embeddings`` (docs/api.md)."""

from __future__ import annotations

from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.wire.body import Body, decode, renamed
from ingle.wire.duration import seconds
from ingle.wire.ollama.answer_stream import nanoseconds
from ingle.wire.ollama.ollama_options import Options
from ingle.wire.sse import encode


class EmbedBody(Body, kw_only=True):
    """The fields of the route. ``truncate`` is passed over: nothing is cut in silence."""

    model: str
    input: str | list[str]
    dimensions: int | None = None
    options: Options | None = None
    keep_alive: float | str | None = None
    on: str | None = None


class OllamaEmbeddingsBody(Body, kw_only=True):
    """The older route: one prompt."""

    model: str
    prompt: str
    options: Options | None = None
    keep_alive: float | str | None = None
    on: str | None = None


def parse(body: bytes) -> Embed:
    """Read the body of ``/api/embed``.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, EmbedBody)
    inputs: list[str | list[int]] = (
        [asked.input] if isinstance(asked.input, str) else [*asked.input]
    )
    return _operation(asked, inputs, asked.dimensions, "input")


def parse_one(body: bytes) -> Embed:
    """Read the body of ``/api/embeddings``.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, OllamaEmbeddingsBody)
    return _operation(asked, [asked.prompt], None, "prompt")


def answer(embedded: Embedded, *, model: str, total_s: float) -> bytes:
    """The vectors of all inputs; the model has the name that the client asked for."""
    return encode(
        {
            "model": model,
            "embeddings": embedded.vectors,
            "total_duration": nanoseconds(total_s),
            "load_duration": 0,
            "prompt_eval_count": embedded.usage.prompt_tokens,
        }
    )


def answer_one(embedded: Embedded) -> bytes:
    """The vector of the one prompt."""
    return encode({"embedding": embedded.vectors[0]})


def _operation(
    asked: EmbedBody | OllamaEmbeddingsBody,
    inputs: list[str | list[int]],
    dimensions: int | None,
    name: str,
) -> Embed:
    with renamed({"inputs": name, "context": "options.num_ctx"}):
        return Embed(
            model=asked.model,
            inputs=inputs,
            dimensions=dimensions,
            context=asked.options.num_ctx if asked.options else None,
            keep_alive=seconds(asked.keep_alive),
            on=asked.on or "",
        )
