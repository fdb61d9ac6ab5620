"""What chat and complete share: the fields of a generation, and folding its events."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec

from ingle.operations.events import Note, Timing, TokenLogprob, Usage
from ingle.operations.guest_rules import (
    AnswerLength,
    Costless,
    Estimated,
    GrantedAdapters,
    GrantLimit,
    Overruled,
)
from ingle.operations.message import ToolCall
from ingle.operations.operation import (
    Checked,
    Count,
    JsonObject,
    KeepAlive,
    ModelOperation,
    Name,
    Positive,
)
from ingle.operations.sampling import Sampling
from ingle.operations.schema import check_schema

C = TypeVar("C")
PICKS = Costless("another token is picked by the same work")
TOLD = Costless("what is told of a token, whose number is counted and bounded")


class AdapterUse(Checked, frozen=True, kw_only=True):
    """A LoRA adapter applied to this request only."""

    name: Name
    scale: Annotated[float, msgspec.Meta(ge=-10.0, le=10.0)] = 1.0


class Generation(ModelOperation, frozen=True, kw_only=True):
    """Fields common to every operation that generates text."""

    sampling: Annotated[Sampling, PICKS] = Sampling()
    max_tokens: Annotated[Positive | None, AnswerLength()] = None
    """None: until the model stops or the context is full."""
    stop: Annotated[list[Name], msgspec.Meta(max_length=16), Estimated()] = []
    n: Annotated[int, msgspec.Meta(ge=1, le=128), AnswerLength()] = 1
    logprobs: Annotated[bool, TOLD] = False
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=1000), TOLD] = 0
    schema: Annotated[JsonObject | None, Estimated()] = None
    """A JSON Schema that the answer must satisfy; enforced while sampling."""
    adapters: Annotated[list[AdapterUse], msgspec.Meta(max_length=16), GrantedAdapters()] = []
    context: Annotated[Positive | None, GrantLimit("context")] = None
    """Tokens of context this request needs; the model is (re)loaded with at least this many."""
    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None
    """Seconds to keep the model loaded after this request; negative: for ever."""
    cache_scope: Annotated[str, Overruled("")] = ""
    """Whose cached prompts it may reuse. The node sets it; what a caller says is overwritten."""
    token_limit: Annotated[Count | None, Overruled(None)] = None
    """Tokens that its prompt and all its choices may have together, as far as a grant reaches. The
    node sets it for another device, and overwrites what that says."""

    def check(self) -> None:
        if self.schema is not None:
            check_schema(self.schema)


class GenerationResult(msgspec.Struct, Generic[C], kw_only=True, omit_defaults=True):
    """What the events of a generation add up to."""

    model: str = ""
    digest: str = ""
    where: str = ""
    choices: list[C]
    notes: list[Note] = []
    usage: Usage
    timing: Timing = Timing()


class Choice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One answer."""

    index: int = 0
    text: str = ""
    reasoning: str = ""
    tool_calls: list[ToolCall] = []
    finish: str = ""
    stop: str = ""
    logprobs: list[TokenLogprob] = []


class ChatResult(GenerationResult[Choice], kw_only=True):
    """A whole answer, folded from its events."""

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.choices[0].text if self.choices else ""

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The first choice's tool calls."""
        return self.choices[0].tool_calls if self.choices else []
