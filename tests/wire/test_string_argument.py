"""A string among arguments, read piece by piece."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.wire.string_argument import StringArgument, string_argument


@given(st.text(), st.booleans(), st.lists(st.integers(1, 7), min_size=1))
def test_pieces_add_up_to_the_string(text: str, ascii_only: bool, sizes: list[int]) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only)
    argument = StringArgument("input")
    found, at = "", 0
    while at < len(arguments):
        size = sizes[at % len(sizes)]
        found += argument.feed(arguments[at : at + size])
        at += size
    assert found == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input": "a\\n"}', "a\n"),
        ('{ "input":"cut \\u00', "cut "),
        ('{"input": "whole", "more": 1}', "whole"),
        ('{"other": 1}', '{"other": 1}'),
        ("{}", "{}"),
        ("plain text", "plain text"),
    ],
)
def test_whole_and_cut_arguments(arguments: str, text: str) -> None:
    assert string_argument(arguments, "input") == text
