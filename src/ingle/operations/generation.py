"""What chat and complete share: the fields of a generation, and folding its events."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec

from ingle.operations.events import Note, Timing, TokenLogprob, Usage
from ingle.operations.message import ToolCall
from ingle.operations.operation import (
    Checked,
    JsonObject,
    KeepAlive,
    ModelOperation,
    Name,
    Positive,
)
from ingle.operations.sampling import Sampling
from ingle.operations.schema import check_schema

C = TypeVar("C")


class AdapterUse(Checked, frozen=True, kw_only=True):
    """A LoRA adapter applied to this request only."""

    name: Name
    scale: Annotated[float, msgspec.Meta(ge=-10.0, le=10.0)] = 1.0


class Generation(ModelOperation, frozen=True, kw_only=True):
    """Fields common to every operation that generates text."""

    sampling: Sampling = Sampling()
    max_tokens: Positive | None = None
    """None: until the model stops or the context is full."""
    stop: Annotated[list[Name], msgspec.Meta(max_length=16)] = []
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] = 1
    logprobs: bool = False
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    schema: JsonObject | None = None
    """A JSON Schema that the answer must satisfy; enforced while sampling."""
    adapters: Annotated[list[AdapterUse], msgspec.Meta(max_length=16)] = []
    context: Positive | None = None
    """Tokens of context this request needs; the model is (re)loaded with at least this many."""
    keep_alive: KeepAlive | None = None
    """Seconds to keep the model loaded after this request; negative: for ever."""
    cache_scope: str = ""
    """Whose cached prompts it may reuse. The node sets it; what a caller says is overwritten."""

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
