"""``options``, ``format``, ``think`` and ``keep_alive`` of the generating routes.

Source: docs/api.md and docs/modelfile.md of ollama/ollama. Options that only
place the model on its devices (``num_gpu``, ``main_gpu``, ``use_mmap``,
``num_thread``, ``num_batch``, ``numa``, ``low_vram``) are the node's to choose
and are passed over.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations import ModelDefaults, Sampling
from ingle.wire.duration import seconds
from ingle.wire.openai.sampling_body import folded_seed

SAMPLED = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "typical_p",
    "repeat_penalty",
    "repeat_last_n",
    "presence_penalty",
    "frequency_penalty",
)
"""Settings of sampling that have the same name here and there; ``seed`` is folded."""
NAMES = {
    "max_tokens": "options.num_predict",
    "context": "options.num_ctx",
    "stop": "options.stop",
    "schema": "format",
    **{name: f"options.{name}" for name in (*SAMPLED, "seed")},
}
"""The operation's fields under the names of this dialect."""

_LEVELS = {"low": 1024, "medium": 4096, "high": None, "max": None}


class Options(msgspec.Struct, kw_only=True):
    """What a request may set about sampling and context."""

    num_ctx: int | None = None
    num_predict: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None


def generation(
    options: Options | None,
    *,
    keep_alive: float | str | None,
    form: str | dict[str, Any] | None,
    logprobs: bool | None,
    top_logprobs: int | None,
) -> dict[str, Any]:
    """The fields of `Generation` that chat and generate share.

    Raises:
        InvalidRequest: a bad field, named as in this dialect.
    """
    return {
        **option_fields(options or Options()),
        "keep_alive": seconds(keep_alive),
        "schema": schema(form),
        "logprobs": bool(logprobs),
        "top_logprobs": (top_logprobs or 0) if logprobs else 0,
    }


def option_fields(options: Options) -> dict[str, Any]:
    """What options say, under the names that operations and models have for it.

    Raises:
        InvalidRequest: a value is out of range.
    """
    stop = [options.stop] if isinstance(options.stop, str) else options.stop or []
    return {
        "sampling": Sampling(
            **{name: getattr(options, name) for name in SAMPLED},
            seed=folded_seed(options.seed),
        ),
        # -1 is "no limit" and -2 "until the context is full": both are our default.
        "max_tokens": None if options.num_predict in {-1, -2} else options.num_predict,
        "context": options.num_ctx,
        "stop": [text for text in stop if text],
    }


def written(defaults: ModelDefaults) -> list[tuple[str, str]]:
    """The parameters of a model as names and texts; a stop for each line."""
    values = {name: getattr(defaults.sampling, name) for name in (*SAMPLED, "seed")}
    values |= {"num_ctx": defaults.context, "num_predict": defaults.max_tokens}
    told = [
        (name, f"{value:g}" if isinstance(value, float) else str(value))
        for name, value in values.items()
        if value is not None
    ]
    return [*told, *(("stop", text) for text in defaults.stop)]


def schema(form: str | dict[str, Any] | None) -> dict[str, Any] | None:
    """``json``, a JSON Schema, or nothing.

    Raises:
        InvalidRequest: another word.
    """
    if isinstance(form, dict):
        return form
    if not form:
        return None
    if form != "json":
        raise InvalidRequest(f"format: {form!r} must be json or a schema", field="format")
    return {"type": "object"}


def thinking(think: bool | str | None) -> tuple[bool | None, int | None]:
    """Whether to reason, and at most how many tokens of it.

    Raises:
        InvalidRequest: a word that is not a level.
    """
    if think is None or isinstance(think, bool):
        return think, None
    if think not in _LEVELS:
        raise InvalidRequest(f"think: {think!r} is not one of {', '.join(_LEVELS)}", field="think")
    return True, _LEVELS[think]
