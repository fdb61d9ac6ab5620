"""Completion answers, whole and streamed (API reference, "The completion object").

One request may hold several prompts; choice ``index`` counts through them all:
``n`` choices of the first prompt, then ``n`` of the second.
"""

from __future__ import annotations

import codecs
from typing import Any

from ingle.errors import IngleError
from ingle.operations import (
    ChatResult,
    Event,
    Finish,
    Note,
    Reasoning,
    Started,
    Text,
    TokenLogprob,
    Usage,
)
from ingle.wire import sse
from ingle.wire.notes import notes_member, texts
from ingle.wire.openai.chat_answer import FINISH, stop_reason
from ingle.wire.openai.errors import failed_chunk
from ingle.wire.openai.usage import fingerprint, finite, place_object, usage_object


def completion(
    results: list[ChatResult],
    *,
    identifier: str,
    created: int,
    n: int,
    offsets: list[int],
) -> bytes:
    """The whole answer to one prompt after the other."""
    choices = []
    for position, result in enumerate(results):
        for choice in result.choices:
            logprobs = None
            if choice.logprobs:
                logprobs = Logprobs(offsets[position]).add(choice.logprobs)
            choices.append(
                {
                    "index": position * n + choice.index,
                    "text": choice.text,
                    "logprobs": logprobs,
                    "finish_reason": FINISH[choice.finish or "stop"],
                    **stop_reason(choice.stop),
                }
            )
    first = results[0]
    return sse.encode(
        {
            "id": identifier,
            "object": "text_completion",
            "created": created,
            "model": first.model,
            "system_fingerprint": fingerprint(first.digest),
            "choices": choices,
            "usage": usage_object(total([result.usage for result in results])),
            "ingle": place_object(
                first.where,
                first.digest,
                first.timing if len(results) == 1 else None,
                texts(note for result in results for note in result.notes),
            ),
        }
    )


def total(usages: list[Usage]) -> Usage:
    """The sum over several prompts."""
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
    )


class Logprobs:
    """The legacy ``logprobs`` object of one choice; offsets continue from piece to piece.

    The first token of an echoed prompt has no probability, since nothing precedes
    it: null, as in the API. Half characters are written as the API writes them
    (``bytes:\\xe2\\x80``); offsets count whole characters.
    """

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, tokens: list[TokenLogprob]) -> dict[str, Any]:
        """The object for the next tokens."""
        names: list[str] = []
        values: list[float | None] = []
        tops: list[dict[str, float] | None] = []
        offsets: list[int] = []
        for token in tokens:
            unknown = token.logprob is None
            names.append(_name(token))
            values.append(None if unknown else finite(token.logprob))
            # The token itself is always there, so there may be one more than was asked for.
            known = [*token.top, token]
            tops.append(
                None if unknown else {_name(entry): finite(entry.logprob) for entry in known}
            )
            offsets.append(self._offset)
            self._offset += len(self._decoder.decode(token.data or token.token.encode()))
        return {
            "tokens": names,
            "token_logprobs": values,
            "top_logprobs": tops,
            "text_offset": offsets,
        }


class CompletionStream:
    """The chunks of one streamed answer to one or more prompts.

    Events of several prompts come in any order; `at` says whose is next.
    """

    content_type = sse.CONTENT_TYPE

    def __init__(
        self,
        *,
        identifier: str,
        created: int,
        model: str,
        n: int,
        offsets: list[int],
        include_usage: bool = False,
    ) -> None:
        self._id = identifier
        self._created = created
        self._n = n
        self._offsets = offsets
        self._include_usage = include_usage
        self._started = Started(model=model, digest="", where="")
        self._usages: list[Usage] = []
        self._notes: list[Note] = []
        self._logprobs: dict[int, Logprobs] = {}
        self._parts: dict[int, bytes] = {}
        self._head = self._tail = b""
        self.at = 0
        """The position of the prompt whose event is added next."""

    def add(self, event: Event) -> bytes:
        """The bytes an event adds."""
        match event:
            case (
                Text(text=text, index=index, logprobs=logprobs)
                | Reasoning(text=text, index=index, logprobs=logprobs)
            ):
                choice = self.at * self._n + index
                if logprobs:
                    return self._chunk(choice, text, self._tokens(choice, logprobs))
                head = self._parts.get(choice) or self._open(choice)
                return head + sse.encode(text) + self._tail
            case Finish(index=index, reason=reason, stop=stop):
                told, self._notes = notes_member(self._notes), []
                choice = self.at * self._n + index
                return self._chunk(choice, "", None, FINISH[reason], stop, told)
            case Note():
                self._notes.append(event)
            case Started():
                self._started = event
            case Usage():
                self._usages.append(event)
            case _:
                pass
        return b""

    def end(self) -> bytes:
        """The usage chunk, if asked for, and ``[DONE]``."""
        last = b""
        if self._include_usage:
            usage = usage_object(total(self._usages))
            last = sse.data({**self._envelope(), "choices": [], "usage": usage})
        return last + b"data: [DONE]\n\n"

    def fail(self, error: IngleError) -> bytes:
        """An error chunk, and no ``[DONE]``."""
        return failed_chunk(error)

    def _open(self, choice: int) -> bytes:
        self._begin()
        part = self._head + b',"choices":[{"index":%d,"logprobs":null,' % choice
        part += b'"finish_reason":null,"text":'
        self._parts[choice] = part
        return part

    def _begin(self) -> None:
        if not self._head:
            self._head = b"data: " + sse.encode(self._envelope())[:-1]
            usage = b',"usage":null' if self._include_usage else b""
            self._tail = b"}]" + usage + b"}\n\n"

    def _chunk(
        self,
        choice: int,
        text: str,
        logprobs: dict[str, Any] | None,
        finish: str | None = None,
        stop: str = "",
        ours: dict[str, Any] | None = None,
    ) -> bytes:
        self._begin()
        body = {"index": choice, "text": text, "logprobs": logprobs, "finish_reason": finish}
        body |= stop_reason(stop)
        told = b"," + sse.encode(ours)[1:-1] if ours else b""
        tail = self._tail.replace(b"}]", b"}]" + told, 1)
        return self._head + b',"choices":[' + sse.encode(body)[:-1] + tail

    def _tokens(self, choice: int, tokens: list[TokenLogprob]) -> dict[str, Any]:
        state = self._logprobs.get(choice)
        if state is None:
            offset = self._offsets[choice // self._n]
            state = self._logprobs[choice] = Logprobs(offset)
        return state.add(tokens)

    def _envelope(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "text_completion",
            "created": self._created,
            "model": self._started.model,
            "system_fingerprint": fingerprint(self._started.digest),
        }


def _name(token: TokenLogprob) -> str:
    if token.data:
        try:
            return token.data.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token.data)
    return token.token
