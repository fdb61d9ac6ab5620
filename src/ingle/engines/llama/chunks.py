"""What llama.cpp's server sends while it generates, as typed data and as our events."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ingle.engines.llama.compact_json import CompactJSON
from ingle.engines.llama.stop_matcher import StopMatcher
from ingle.engines.llama.text_tokens import tokens_of
from ingle.engines.llama.thought_splitter import ThoughtSplitter
from ingle.errors import (
    ContextLengthExceeded,
    EngineFault,
    IngleError,
    InvalidRequest,
)
from ingle.operations import (
    Event,
    Finish,
    FinishReason,
    Note,
    Reasoning,
    Status,
    Text,
    Timing,
    TokenLogprob,
    ToolCallPiece,
    Usage,
)


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _ToolDelta(msgspec.Struct, frozen=True):
    index: int = 0
    id: str | None = None
    function: _Function = _Function()


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolDelta] | None = None


class _Logprob(msgspec.Struct, frozen=True):
    token: str
    logprob: float
    id: int = -1
    bytes: list[int] | None = None
    top_logprobs: list[_Logprob] = []


class _Logprobs(msgspec.Struct, frozen=True):
    content: list[_Logprob] | None = None


class _Choice(msgspec.Struct, frozen=True):
    index: int = 0
    delta: _Delta = _Delta()
    text: str = ""
    finish_reason: str | None = None
    stop_reason: Any = None
    """vLLM's: the sequence that ended it. Others have numbers and words of their own here."""
    logprobs: _Logprobs | None = None


class _PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: int = 0


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails = _PromptDetails()


class _Timings(msgspec.Struct, frozen=True):
    prompt_ms: float = 0.0
    predicted_ms: float = 0.0
    cache_n: int = 0
    prompt_n: int = 0
    predicted_n: int = 0
    draft_n: int = 0
    draft_n_accepted: int = 0


class _Progress(msgspec.Struct, frozen=True):
    total: int = 0
    cache: int = 0
    processed: int = 0


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    type: str = ""
    code: int | str | None = None
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class Chunk(msgspec.Struct, frozen=True):
    """One chunk of a chat or text completion, or an error in its place."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    timings: _Timings | None = None
    prompt_progress: _Progress | None = None
    error: _Error | None = None


_TEMPLATE = re.compile(r"While executing .*\nError: (?:Jinja Exception: )?(.*)", re.DOTALL)
"""What a template says itself is behind where in the template that is."""
_OUTSIDE = re.compile(r"invalid tokens|vector::_M_range_check|^vector$")
"""How the engine says that a token id is not one of the vocabulary's."""
_NO_TEXT = "does not match the expected Content-only format"
"""What a llama-server such as b10434 says at the end of an answer that is not all UTF-8."""
_decoder = msgspec.json.Decoder(Chunk)

decode = _decoder.decode


class ChunkEvents:
    """Turns the chunks of a generation into our events, and keeps its totals.

    Args:
        stop: Sequences that end the text of a choice. With ``timings_per_token``, the usage of
            a choice that is ended here is known, and what the engine goes on to write is not.
        top: Rivals of each token that the caller wants; the engine may have been asked for more.
        json: The text is JSON, whose white space is left out, and this is how it begins.
        thought: The text may begin with reasoning that the engine does not tell apart; True: it
            does, and the prompt has the tag that opens it.
        speculation: How tokens are guessed ahead, for the totals; empty: not at all.
        context: Tokens that a slot holds; an answer that fills it up is told so. 0: not known.
    """

    def __init__(
        self,
        stop: Sequence[str] = (),
        top: int = 0,
        json: str | None = None,
        thought: bool | None = None,
        speculation: str = "",
        context: int = 0,
    ) -> None:
        self._stop = stop
        self._top = top
        self._json = json
        self._thought = thought
        self._speculation = speculation
        self._context = context
        self._cut: set[int] = set()
        self.most: int | None = None
        """Tokens that a choice was allowed; None: as many as the context holds."""
        self._thoughts: dict[int, ThoughtSplitter] = {}
        self._values: dict[int, CompactJSON] = {}
        self._first = 0
        self._reasoned: dict[int, int] = {}
        self._texts: dict[int, StopMatcher] = {}
        self._tokens: dict[int, list[TokenLogprob]] = {}
        self._open: set[int] = set()
        self._stopped: set[int] = set()
        self._counted: set[int] = set()
        self._last = 0
        self.usage = Usage(prompt_tokens=0)
        self.timing = Timing()

    def start_at(self, first: int, count: int = 1) -> None:
        """The engine's choices from 0 are from now on the caller's from ``first``."""
        self._first = first
        self._open = set(range(first, first + count))

    @property
    def over(self) -> bool:
        """Nothing that the engine still writes belongs to an answer."""
        return bool(self._stopped) and not self._open

    def events(self, chunk: Chunk) -> Iterator[Event]:
        """The events of one chunk.

        Raises:
            IngleError: the chunk is an error.
        """
        if chunk.error is not None:
            raise error_of(chunk.error)
        if chunk.prompt_progress is not None:
            done = chunk.prompt_progress
            yield Status(state="prompt", completed=done.processed, total=done.total)
        for choice in chunk.choices:
            self._last = self._first + choice.index
            if self._last in self._stopped:
                continue
            yield from self._choice(choice)
            if self._last in self._stopped and chunk.timings is not None:
                self._total(_usage_of(chunk.timings), chunk.timings)
        if chunk.usage is not None and self._last not in self._counted:
            self._total(chunk.usage, chunk.timings or _Timings())
            yield from self._full(chunk.usage)

    def _full(self, usage: _Usage) -> Iterator[Event]:
        """An answer that ended for its length, and not for what it was allowed."""
        allowed = self.most is not None and usage.completion_tokens >= self.most
        if self._context and self._last in self._cut and not allowed:
            yield Note(
                code="left_out",
                message=f"the answer ended where the context of {self._context} tokens is full "
                f"(prompt {usage.prompt_tokens}, answer {usage.completion_tokens})",
                field="context",
                index=self._last,
            )

    def _choice(self, choice: _Choice) -> Iterator[Event]:
        index = self._last
        delta = choice.delta
        if choice.logprobs is not None:
            told = choice.logprobs.content or []
            self._tokens.setdefault(index, []).extend(_token(item, self._top) for item in told)
        if delta.reasoning_content:
            self._thought = None  # the engine tells it apart
            yield from self._rest(index)
            self._reasoned[index] = self._reasoned.get(index, 0) + 1
            logprobs = [] if delta.content else self._tokens_of(index, delta.reasoning_content)
            yield Reasoning(text=delta.reasoning_content, index=index, logprobs=logprobs)
        text = delta.content or choice.text
        if text and self._thought is not None:
            thought, text = self._splitter(index).split(text)
            yield from self._reasoning(index, thought)
        if text:
            logprobs = self._tokens_of(index, text)
            yield from self._text(Text(text=text, index=index, logprobs=logprobs))
            if index in self._stopped:
                return
        if delta.tool_calls:
            self._tokens.pop(index, None)
        for piece in delta.tool_calls or ():
            yield from self._rest(index)
            yield ToolCallPiece(
                index=index,
                call=piece.index,
                id=piece.id or "",
                name=piece.function.name or "",
                arguments=piece.function.arguments or "",
            )
        if choice.finish_reason is not None:
            yield from self._unsplit(index)
            yield from self._rest(index)
            if choice.finish_reason == "length":
                self._cut.add(index)
            stop = choice.stop_reason if choice.stop_reason in self._stop else ""
            yield Finish(index=index, reason=_reason(choice.finish_reason), stop=stop)

    def _text(self, piece: Text) -> Iterator[Event]:
        if self._json is not None:
            piece = self._values.setdefault(piece.index, CompactJSON(self._json)).add(piece)
            if not piece.text:
                return
        if not self._stop:
            yield piece
            return
        matcher = self._texts.setdefault(piece.index, StopMatcher(self._stop))
        yield from matcher.add(piece)
        if matcher.matched:
            self._stopped.add(piece.index)
            yield Finish(index=piece.index, reason="stop", stop=matcher.matched)

    def _splitter(self, index: int) -> ThoughtSplitter:
        if index not in self._thoughts:
            self._thoughts[index] = ThoughtSplitter(opened=bool(self._thought))
        return self._thoughts[index]

    def _reasoning(self, index: int, thought: str) -> Iterator[Event]:
        if thought:
            self._reasoned[index] = self._reasoned.get(index, 0) + 1
            yield Reasoning(text=thought, index=index)

    def _unsplit(self, index: int) -> Iterator[Event]:
        """What was held back since it might have been a tag."""
        splitter = self._thoughts.get(index)
        if splitter is None or not (held := splitter.rest()):
            return
        if splitter.thinking:
            yield from self._reasoning(index, held)
        else:
            yield from self._text(Text(text=held, index=index))

    def _tokens_of(self, index: int, text: str) -> list[TokenLogprob]:
        told = self._tokens.pop(index, None)
        return tokens_of(text, told) if told else []

    def _rest(self, index: int) -> Iterator[Event]:
        matcher = self._texts.get(index)
        if matcher is not None:
            yield from matcher.rest()

    def _total(self, usage: _Usage, timings: _Timings) -> None:
        self._open.discard(self._last)
        self._counted.add(self._last)
        self.usage = Usage(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=self.usage.completion_tokens + usage.completion_tokens,
            cached_tokens=usage.prompt_tokens_details.cached_tokens,
            reasoning_tokens=sum(self._reasoned.values()),
        )
        prompt_s, decode_s = timings.prompt_ms / 1e3, timings.predicted_ms / 1e3
        self.timing = Timing(
            prompt_s=prompt_s,
            decode_s=decode_s,
            prompt_rate=timings.prompt_n / prompt_s if prompt_s > 0 else 0.0,
            decode_rate=timings.predicted_n / decode_s if decode_s > 0 else 0.0,
            drafted=self.timing.drafted + timings.draft_n,
            accepted=self.timing.accepted + timings.draft_n_accepted,
            speculation=self._speculation,
        )


def _usage_of(timings: _Timings) -> _Usage:
    """The usage of a choice so far, as its timings tell it."""
    return _Usage(
        prompt_tokens=timings.cache_n + timings.prompt_n,
        completion_tokens=timings.predicted_n,
        prompt_tokens_details=_PromptDetails(cached_tokens=timings.cache_n),
    )


def error_of(error: _Error, ids: str = "prompt") -> IngleError:
    """The engine's error as one of ours.

    Args:
        error: What the engine said.
        ids: The field that token ids are in, where the request has some.
    """
    if _OUTSIDE.search(error.message):
        return InvalidRequest(f"{ids}: a token id is outside the vocabulary", field=ids)
    if refused := _TEMPLATE.search(error.message):
        said = refused[1].strip()
        return InvalidRequest(
            f"the model's template refuses the conversation: {said}", field="messages"
        )
    if error.type == "exceed_context_size_error":
        return ContextLengthExceeded(
            f"the prompt has {error.n_prompt_tokens} tokens, but the context holds {error.n_ctx}",
            hint=f"raise the context: --context {error.n_prompt_tokens + 512}",
            prompt_tokens=error.n_prompt_tokens,
            context=error.n_ctx,
            field="messages",
        )
    too_large = re.match(
        r"input \((\d+) tokens\) is too large .*batch size: (\d+)\)", error.message
    )
    if too_large is not None:  # how a pooled model says that a text is over its batch
        tokens, most = int(too_large[1]), int(too_large[2])
        return ContextLengthExceeded(
            f"a text has {tokens} tokens, but this model is loaded for {most}",
            hint="split the text, or raise the context",
            prompt_tokens=tokens,
            context=most,
            field="inputs",
        )
    if error.type == "invalid_request_error":
        return InvalidRequest(error.message, field="request")
    if _NO_TEXT in error.message:
        return EngineFault(
            "the answer has bytes that are not UTF-8, at which this version of llama-server fails",
            hint="install a newer llama.cpp, or: ingle engine use llama",
        )
    return EngineFault(f"the engine failed: {error.message}", hint="ingle logs")


def error_of_data(data: Any, ids: str) -> IngleError:
    """The same for an error that came as plain data."""
    return error_of(msgspec.convert(data, _Error, strict=False), ids)


def _token(item: _Logprob, top: int) -> TokenLogprob:
    return TokenLogprob(
        token=item.token,
        logprob=item.logprob,
        id=item.id,
        data=bytes(item.bytes or ()),
        top=[_token(rival, 0) for rival in item.top_logprobs[:top]],
    )


def _reason(reason: str) -> FinishReason:
    if reason == "length":
        return "length"
    return "tool_calls" if reason == "tool_calls" else "stop"
