"""Events that more than one operation sends."""

from __future__ import annotations

from typing import Literal

import msgspec

from ingle.operations.operation import Event

FinishReason = Literal["stop", "length", "tool_calls", "cancelled"]


class TokenLogprob(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One token and its natural-log probability; ``top`` holds its rivals."""

    token: str
    logprob: float | None
    """None for the first token of a prompt, which nothing precedes."""
    id: int = -1
    data: bytes = b""
    """The token's raw bytes: a token may be half of a character."""
    top: list[TokenLogprob] = []


class Text(Event, frozen=True, kw_only=True, tag="text"):
    """A piece of the answer."""

    piece = True

    text: str
    index: int = 0
    """Which of the ``n`` choices it belongs to."""
    logprobs: list[TokenLogprob] = []


class Reasoning(Event, frozen=True, kw_only=True, tag="reasoning"):
    """A piece of the model's thinking, which is not part of the answer."""

    piece = True

    text: str
    index: int = 0
    logprobs: list[TokenLogprob] = []


class ToolCallPiece(Event, frozen=True, kw_only=True, tag="tool_call"):
    """A fragment of a tool call.

    The first fragment of a call carries ``id`` and ``name``; later ones only
    more of ``arguments`` (a JSON text that is whole when the call is).
    """

    piece = True

    call: int
    """0 for the first call of a choice, 1 for the second, ..."""
    id: str = ""
    name: str = ""
    arguments: str = ""
    index: int = 0


class Finish(Event, frozen=True, kw_only=True, tag="finish"):
    """A choice ended."""

    reason: FinishReason
    index: int = 0
    stop: str = ""
    """The stop sequence that ended it, if one did."""


class Note(Event, frozen=True, kw_only=True, tag="note"):
    """Something about an answer that whoever asked should know. The answer stands."""

    code: Literal["unenforced", "misfit", "left_out", "rounded"]
    """``unenforced``: a part of a schema was checked afterwards; ``misfit``: what was written does
    not fit its schema; ``left_out``: something that was asked for is not in the answer."""
    message: str
    field: str = ""
    index: int = 0


class Usage(Event, frozen=True, kw_only=True, tag="usage"):
    """Token counts of the whole operation."""

    prompt_tokens: int
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt: taken from the KV cache, not evaluated again."""
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


class Timing(Event, frozen=True, kw_only=True, tag="timing"):
    """Where the time went. Seconds, and tokens per second."""

    queued_s: float = 0.0
    load_s: float = 0.0
    """Time spent loading the model for this request; 0 where it was warm."""
    prompt_s: float = 0.0
    decode_s: float = 0.0
    first_token_s: float = 0.0
    """From the node's receipt of the request to the first piece."""
    total_s: float = 0.0
    prompt_rate: float = 0.0
    decode_rate: float = 0.0
    drafted: int = 0
    """Tokens that were guessed ahead and checked together (speculative decoding)."""
    accepted: int = 0
    """Of these: tokens that the model would have written itself, and so are in the answer."""
    speculation: str = ""
    """How tokens were guessed: ``ngram`` or ``draft``; empty: not at all."""


class Started(Event, frozen=True, kw_only=True, tag="started"):
    """The operation has a model and a place; pieces follow."""

    model: str
    digest: str
    where: str
    """``local``, ``upstream:NAME`` or ``peer:NAME``."""
    ignored: list[str] = []
    """Fields of the request that the node performing it does not know, and so ignored."""
    grant: str = ""
    """Id of the grant that it is counted under, where another device performs it."""


class ModelResult(Event, frozen=True, kw_only=True):
    """Base of a result that is one event: which model made it, and where."""

    model: str = ""
    digest: str = ""
    where: str = "local"


class Rerouted(Event, frozen=True, kw_only=True, tag="rerouted"):
    """The one who answered disappeared; another continues from what was already received."""

    to: str
    """``local`` or ``peer:NAME``."""
    was: str
    reason: str


class Status(Event, frozen=True, kw_only=True, tag="status"):
    """What the caller is waiting for right now."""

    state: Literal["queued", "loading", "prompt", "downloading", "verifying", "done"]
    detail: str = ""
    completed: int = 0
    total: int = 0


class Progress(Event, frozen=True, kw_only=True, tag="progress"):
    """How far a long job is. Never goes backwards within one file."""

    stage: str
    """``reading``, ``resolving``, ``downloading``, ``verifying``, ``linking``, ``done``."""
    name: str = ""
    completed: int = 0
    total: int = 0
    rate: float = 0.0
    """Bytes per second, smoothed."""
    eta: float = 0.0
    """Seconds left at this rate; 0 if unknown."""
    source: str = ""
    """From whom."""
    digest: str = ""


class Done(Event, frozen=True, kw_only=True, tag="done"):
    """It is done; there is nothing to tell but one sentence."""

    message: str = ""


class TryingPath(Event, frozen=True, kw_only=True, tag="reaching"):
    """The next way in which another device is looked for."""

    stage: str
    """``cached``, ``lan``, ``direct``, ``punch`` or ``relay``."""
    detail: str = ""
