"""White space between the parts of JSON, however its text is cut."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ingle.engines.llama.compact_json import CompactJSON
from ingle.operations import Text, TokenLogprob

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
whole = st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4) | st.text()


def compacted(text: str, size: int) -> str:
    value = CompactJSON()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return "".join(value.add(Text(text=piece)).text for piece in pieces)


@given(whole, st.integers(1, 7), st.booleans())
def test_any_value_is_compact_and_the_same(value: object, size: int, ascii_only: bool) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=ascii_only).encode("utf-8", "replace").decode()
    meant = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=ascii_only)
    assert compacted(f"\n {text}\n", size) == meant


def test_prose_keeps_its_spaces() -> None:
    for text in ("I cannot do that.", "12 or 13", "true or not"):
        assert compacted(text, 3) == text
    assert compacted('{"a": 1} is the answer', 3) == '{"a":1}is the answer'


def test_tokens_are_those_of_the_text() -> None:
    words = ['{ "', "a b", '" :', "\n", " 1 }"]
    tokens = [TokenLogprob(token=word, logprob=-1.0, data=word.encode()) for word in words]
    value = CompactJSON()
    found = [value.add(Text(text=token.token, logprobs=[token])) for token in tokens]
    assert "".join(piece.text for piece in found) == '{"a b":1}'
    told = [entry.token for piece in found for entry in piece.logprobs]
    assert told == ['{"', "a b", '":', "1}"]


def test_a_value_that_was_begun_is_continued() -> None:
    for begun, rest, meant in (
        ('{"a b": "c', ' d" , "e": 1 }', ' d","e":1}'),
        ('{"a":', " 1 }\n", "1}"),
        ("Sure: ", "one two", "one two"),
        ('{"a":1}', "\n", ""),
    ):
        assert CompactJSON(begun).add(Text(text=rest)).text == meant
