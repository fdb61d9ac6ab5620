"""Sampling fields that chat, completions and responses share, and our extensions to them."""

from __future__ import annotations

from typing import Any

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations import AdapterUse, Sampling
from ingle.wire.body import Body
from ingle.wire.duration import seconds

_SEED_LIMIT = 2**63


class LoraUse(msgspec.Struct, kw_only=True):
    """``{"name": ..., "scale": ...}``: an adapter for this request only."""

    name: str
    scale: float = 1.0


class ContextOptions(msgspec.Struct, kw_only=True):
    """``options.num_ctx``, which clients of Ollama's OpenAI route send."""

    num_ctx: int | None = None


class SamplingBody(Body, kw_only=True):
    """What every generating route of this dialect takes."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_penalty: float | None = None
    repetition_penalty: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    logit_bias: dict[str, float] | None = None
    ignore_eos: bool | None = None
    stop: str | list[str] | None = None
    context: int | None = None
    num_ctx: int | None = None
    options: ContextOptions | None = None
    keep_alive: float | str | None = None
    lora: list[LoraUse] | None = None
    on: str | None = None

    def sampling(self) -> Sampling:
        """The settings as an operation carries them."""
        penalty = self.repetition_penalty if self.repeat_penalty is None else self.repeat_penalty
        top_k = self.top_k
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            # vLLM's clients write "no limit" as -1; ours is 0.
            top_k=0 if top_k == -1 else top_k,
            min_p=self.min_p,
            typical_p=self.typical_p,
            repeat_penalty=penalty,
            repeat_last_n=self.repeat_last_n,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            seed=folded_seed(self.seed),
            logit_bias=bias(self.logit_bias),
            ignore_eos=bool(self.ignore_eos),
        )

    def names(self) -> dict[str, str]:
        """The operation's fields under the names that the client gave them."""
        found: dict[str, str] = {"scale": "lora.scale"}
        if self.context is None:
            found["context"] = "options.num_ctx" if self.num_ctx is None else "num_ctx"
        if self.repeat_penalty is None:
            found["repeat_penalty"] = "repetition_penalty"
        return found

    def common(self) -> dict[str, Any]:
        """The fields of `Generation` that do not depend on the route."""
        wanted = self.context if self.context is not None else self.num_ctx
        if wanted is None and self.options is not None:
            wanted = self.options.num_ctx
        return {
            "sampling": self.sampling(),
            "stop": stops(self.stop),
            "context": wanted,
            "keep_alive": seconds(self.keep_alive),
            "adapters": [AdapterUse(name=use.name, scale=use.scale) for use in self.lora or []],
            "on": self.on or "",
        }


def stops(value: str | list[str] | None) -> list[str]:
    """Stop sequences; an empty string stops nothing and is left out."""
    found = [value] if isinstance(value, str) else value or []
    return [text for text in found if text]


def folded_seed(seed: int | None) -> int | None:
    """A 64-bit seed folded to the engine's 32 bits; -1 means "any", as clients write it.

    Raises:
        InvalidRequest: beyond 64 bits.
    """
    if seed is None or seed == -1:
        return None
    if not -_SEED_LIMIT <= seed < _SEED_LIMIT:
        raise InvalidRequest("seed: does not fit 64 bits", field="seed")
    return seed & 0xFFFFFFFF


def bias(values: dict[str, float] | None) -> dict[int, float]:
    """Token id to bias. A bias of 0 changes nothing and is left out, whatever its key.

    Raises:
        InvalidRequest: a key that is not a token id.
    """
    found: dict[int, float] = {}
    for key, value in (values or {}).items():
        if value == 0:
            continue
        if not (key.isascii() and key.isdigit() and len(key) <= 10):
            raise InvalidRequest(f"logit_bias: {key!r} is not a token id", field="logit_bias")
        found[int(key)] = value
    return found
