"""``POST /api/embed`` and the older ``/api/embeddings`` (docs/api.md)."""

from __future__ import annotations

from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.node.operation import Load, Unload
from ingle.wire.body import Body, decode, renamed
from ingle.wire.duration import seconds
from ingle.wire.ollama.answer_stream import nanoseconds
from ingle.wire.ollama.ollama_chat import presence
from ingle.wire.ollama.ollama_options import Options
from ingle.wire.sse import encode


class EmbedBody(Body, kw_only=True):
    """The fields of the route. ``truncate`` is passed over: nothing is cut in silence."""

    model: str
    input: str | list[str] | None = None
    dimensions: int | None = None
    options: Options | None = None
    keep_alive: float | str | None = None
    on: str | None = None


class OllamaEmbeddingsBody(Body, kw_only=True):
    """The older route: one prompt."""

    model: str
    prompt: str | None = None
    options: Options | None = None
    keep_alive: float | str | None = None
    on: str | None = None


def parse(body: bytes) -> Embed | Load | Unload:
    """Read the body of ``/api/embed``. No input: load the model, or unload it (``keep_alive`` 0).

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, EmbedBody)
    given = asked.input
    inputs: list[str | list[int]] = []
    if given:
        inputs = [given] if isinstance(given, str) else [*given]
    return _operation(asked, inputs, asked.dimensions, "input")


def parse_one(body: bytes) -> Embed | Load | Unload:
    """Read the body of ``/api/embeddings``; as `parse`.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, OllamaEmbeddingsBody)
    return _operation(asked, [asked.prompt] if asked.prompt else [], None, "prompt")


def answer(embedded: Embedded | None, *, model: str, total_s: float) -> bytes:
    """The vectors of all inputs, if any; the model has the name that the client asked for."""
    return encode(
        {
            "model": model,
            "embeddings": embedded.vectors if embedded else [],
            "total_duration": nanoseconds(total_s),
            "load_duration": 0,
            "prompt_eval_count": embedded.usage.prompt_tokens if embedded else 0,
        }
    )


def answer_one(embedded: Embedded | None) -> bytes:
    """The vector of the one prompt, if there was one."""
    return encode({"embedding": embedded.vectors[0] if embedded else []})


def _operation(
    asked: EmbedBody | OllamaEmbeddingsBody,
    inputs: list[str | list[int]],
    dimensions: int | None,
    name: str,
) -> Embed | Load | Unload:
    context = asked.options.num_ctx if asked.options else None
    with renamed({"inputs": name, "context": "options.num_ctx"}):
        if not inputs:
            return presence(asked.model, asked.keep_alive, context)
        return Embed(
            model=asked.model,
            inputs=inputs,
            dimensions=dimensions,
            context=context,
            keep_alive=seconds(asked.keep_alive),
            on=asked.on or "",
        )
