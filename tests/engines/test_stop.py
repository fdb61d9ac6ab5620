"""Stop sequences on the embedded model, and on scripts where it would not say what is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from ingle.capabilities.complete.operation import Complete
from ingle.engines.engine import LoadSpec
from ingle.engines.llama import chunks
from ingle.engines.llama.stop_matcher import StopMatcher
from ingle.operations import (
    Event,
    Finish,
    Fold,
    Reasoning,
    Text,
    TokenLogprob,
    Tool,
    ToolCallPiece,
)

from .test_llama import GREEDY, chat, opened, result

pytestmark = pytest.mark.anyio

QUESTION = "What does grep -i do?"


def test_the_text_ends_before_the_first_sequence_however_it_is_cut() -> None:
    text = "one two three"
    for stop, left, matched in (
        (["two"], "one ", "two"),
        (["three", "two"], "one ", "two"),
        (["two", "tw"], "one ", "tw"),
        (["wo", "two"], "one ", "two"),
        (["e t"], "on", "e t"),
        (["threes", "x"], text, ""),
    ):
        for size in range(1, len(text)):
            found, last = matched_pieces([text[at : at + size] for at in range(0, 13, size)], stop)
            assert ("".join(found), last) == (left, matched), (stop, size)


def test_only_what_may_begin_a_sequence_is_held_back() -> None:
    matcher = StopMatcher(["###"])
    told = [[piece.text for piece in matcher.add(Text(text=text))] for text in ("a", "#", "#", "b")]
    assert told == [["a"], [], [], ["#", "#", "b"]]


def test_tokens_are_cut_with_their_text() -> None:
    matcher = StopMatcher(["lo w"])
    pieces = [Text(text=text, logprobs=[token(text)]) for text in ("hé", "llo", " world")]
    found = [piece for given in pieces for piece in matcher.add(given)]
    assert [piece.text for piece in found] == ["hé", "l"]
    assert [entry.data.decode() for piece in found for entry in piece.logprobs] == ["hé", "l"]


def test_a_stop_is_matched_against_the_text_alone() -> None:
    found = translated(
        ["END"],
        {"reasoning_content": "the END of it"},
        {"content": "call "},
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "END", "arguments": "END"}}]},
        {"content": "now EN"},
        finish="length",
    )
    kinds = [type(event) for event in found]
    assert kinds == [Reasoning, Text, ToolCallPiece, Text, Finish]
    assert found[-1] == Finish(reason="length")
    assert fold(found).text == "call now EN"


def test_a_choice_that_stopped_is_over_and_the_others_go_on() -> None:
    translate = chunks.ChunkEvents(["b"])
    translate.start_at(2, 2)
    found: list[Event] = []
    for index, text in ((0, "a"), (1, "a"), (0, "b"), (1, "c"), (0, "d"), (1, "xb")):
        assert not translate.over
        chunk = {
            "choices": [{"index": index, "delta": {"content": text}}],
            "timings": {"prompt_n": 3, "cache_n": 4, "predicted_n": 2},
        }
        found += translate.events(chunks.decode(msgspec.json.encode(chunk)))
    assert translate.over
    assert [event.text for event in found if isinstance(event, Text)] == ["a", "a", "c", "x"]
    ends = [(event.index, event.stop) for event in found if isinstance(event, Finish)]
    assert ends == [(2, "b"), (3, "b")]
    assert (translate.usage.prompt_tokens, translate.usage.cached_tokens) == (7, 4)
    assert translate.usage.completion_tokens == 4


def test_an_upstream_tells_which_sequence_it_was() -> None:
    assert translated(["END"], {"content": "a"}, finish="stop", stop_reason="END")[-1] == Finish(
        reason="stop", stop="END"
    )
    assert translated(["END"], {"content": "a"}, finish="stop", stop_reason=7)[-1] == Finish(
        reason="stop"
    )


async def test_the_engine_loses_nothing_where_the_length_ends_it(ember_spec: LoadSpec) -> None:
    async with opened(ember_spec) as worker:
        for ask in (
            chat(QUESTION, max_tokens=9),
            Complete(model="m", prompt="The file is", max_tokens=9, sampling=GREEDY),
        ):
            free = await result(worker, ask)
            begun = free.text[-3:] + " and never this"
            held = await result(worker, msgspec.structs.replace(ask, stop=[begun]))
            assert held.text == free.text
            assert held.choices[0].finish == "length"


async def test_the_engine_stops_and_says_at_what(ember_spec: LoadSpec) -> None:
    async with opened(ember_spec) as worker:
        for n in (1, 2):
            free = await result(worker, chat(QUESTION))
            stop = free.text[8:14]
            (*_, stopped) = (await result(worker, chat(QUESTION, stop=[stop], n=n))).choices
            assert stopped.text == free.text[: free.text.index(stop)]
            assert (stopped.finish, stopped.stop) == ("stop", stop)
        whole = await result(worker, chat(QUESTION, stop=[stop]))
        assert whole.usage.prompt_tokens == free.usage.prompt_tokens
        assert 0 < whole.usage.completion_tokens < free.usage.completion_tokens


async def test_a_forced_call_is_not_cut_at_a_stop(ember_spec: LoadSpec) -> None:
    city = {"type": "object", "properties": {"city": {"enum": ["Rome"]}}, "required": ["city"]}
    tool = Tool(name="weather", description="The weather of a city", parameters=city)
    async with opened(ember_spec) as worker:
        ask = chat("Rome?", tools=[tool], tool_choice="required", stop=["Rome"], max_tokens=100)
        (call,) = (await result(worker, ask)).tool_calls
    assert msgspec.json.decode(call.arguments) == {"city": "Rome"}


def matched_pieces(pieces: Sequence[str], stop: list[str]) -> tuple[list[str], str]:
    matcher = StopMatcher(stop)
    found: list[str] = []
    for text in pieces:
        found += [piece.text for piece in matcher.add(Text(text=text))]
        if matcher.matched:
            return found, matcher.matched
    return found + [piece.text for piece in matcher.rest()], ""


def translated(stop: list[str], *deltas: Any, finish: str, **last: Any) -> list[Event]:
    translate = chunks.ChunkEvents(stop)
    found: list[Event] = []
    for choice in (*({"delta": delta} for delta in deltas), {"finish_reason": finish, **last}):
        body = msgspec.json.encode({"choices": [choice]})
        found += translate.events(chunks.decode(body))
    return found


def fold(found: list[Event]) -> Any:
    whole = Fold()
    for event in found:
        whole.add(event)
    return whole.result()


def token(text: str) -> TokenLogprob:
    return TokenLogprob(token=text, logprob=-0.5, data=text.encode())
