"""Calls and text, read out of an answer however it is cut into pieces."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.engines.llama.grammar.answer_grammar import CallableTool
from ingle.engines.llama.grammar.answer_reader import AnswerReader
from ingle.operations import ChatResult, Finish, Fold, Text

TOOLS = [CallableTool("look", {}), CallableTool("look_up", {})]


def tagged(name: str, arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def read(pieces: Sequence[str], *, in_text: bool = False, reason: str = "stop") -> ChatResult:
    reader = AnswerReader(TOOLS, in_text=in_text)
    fold = Fold()
    events = [*(Text(text=piece) for piece in pieces), Finish(reason=reason)]  # type: ignore[arg-type]
    for event in events:
        for found in reader.events(event):
            fold.add(found)
    return fold.result()


def cut(text: str, at: Sequence[int]) -> list[str]:
    places = sorted({0, len(text), *(place % (len(text) + 1) for place in at)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


CUTS = st.lists(st.integers(0, 10_000), max_size=40)
ARGUMENTS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    ),
    max_size=3,
)


@given(arguments=st.lists(ARGUMENTS, min_size=1, max_size=3), at=CUTS, bare=st.booleans())
def test_calls_are_read_in_any_pieces(arguments: list[object], at: list[int], bare: bool) -> None:
    if bare:
        text = "".join(json.dumps({"name": "look", "arguments": one}) for one in arguments)
    else:
        text = "\n".join(tagged("look_up", one) for one in arguments)
    (choice,) = read(cut(text, at)).choices
    assert [json.loads(call.arguments) for call in choice.tool_calls] == arguments
    assert {call.name for call in choice.tool_calls} == {"look" if bare else "look_up"}
    assert (choice.text, choice.finish) == ("", "tool_calls")
    assert len({call.id for call in choice.tool_calls}) == len(arguments)


@given(text=st.text(st.characters(codec="utf-8"), max_size=60), at=CUTS)
def test_other_text_stays_as_it_is(text: str, at: list[int]) -> None:
    for in_text in (False, True):
        choices = read(cut(text, at), in_text=in_text).choices
        assert choices[0].text == text
        assert not choices[0].tool_calls


@given(at=CUTS)
def test_a_call_may_follow_text(at: list[int]) -> None:
    text = f"1 < 2, and <tool_ is no tag.\n{tagged('look', {'a': '<tool_call>'})}"
    (choice,) = read(cut(text, at), in_text=True).choices
    assert choice.text == "1 < 2, and <tool_ is no tag.\n"
    assert json.loads(choice.tool_calls[0].arguments) == {"a": "<tool_call>"}


@pytest.mark.parametrize("length", range(1, 40))
def test_a_call_that_is_cut_off_says_so(length: int) -> None:
    (choice,) = read([tagged("look", {"place": "here"})[:length]], reason="length").choices
    assert choice.finish == "length"
    for call in choice.tool_calls:
        assert '{"place": "here"}'.startswith(call.arguments) or call.arguments == "{}"


def test_compact_calls_are_read_too() -> None:
    (choice,) = read(['{"name":"look","arguments":{"a":1}}']).choices
    assert choice.tool_calls[0].arguments == '{"a":1}'
