"""Token counts, log-probabilities and where an answer was made, as OpenAI's clients read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from ingle.operations import Timing, TokenLogprob, Usage

LOWEST = -9999.0
"""Stands for minus infinity, which JSON cannot write (as the OpenAI API does)."""


def usage_object(usage: Usage) -> dict[str, Any]:
    """``usage`` of chat and completions."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def logprobs_object(tokens: list[TokenLogprob]) -> dict[str, Any]:
    """``logprobs`` of a chat choice."""
    return {"content": [token_object(token) for token in tokens], "refusal": None}


def token_object(token: TokenLogprob) -> dict[str, Any]:
    """One token with its rivals."""
    return {**_pair(token), "top_logprobs": [_pair(rival) for rival in token.top]}


def finite(logprob: float | None) -> float:
    """The value, or the lowest that is written: JSON has no infinity, and chat no null here."""
    if logprob is None or not math.isfinite(logprob):
        return LOWEST
    return max(logprob, LOWEST)


def place_object(
    where: str, digest: str, timing: Timing | None, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Our addition to an answer, under ``ingle``: where it was made, of what, how fast, and what
    of the request is not held."""
    found: dict[str, Any] = {"where": where, "digest": digest}
    if timing is not None:
        found["timing"] = {
            key: value for key, value in msgspec.to_builtins(timing).items() if key != "event"
        }
    if notes:
        found["notes"] = list(notes)
    return found


def fingerprint(digest: str) -> str:
    """``system_fingerprint``: the weights that answered."""
    return "fp_" + digest.removeprefix("sha256:")[:12]


def _pair(token: TokenLogprob) -> dict[str, Any]:
    data = token.data or token.token.encode()
    return {"token": token.token, "logprob": finite(token.logprob), "bytes": list(data)}
