"""Tokens and the text that they are of, as the engine tells both."""

from __future__ import annotations

import pytest

from ingle.engines.llama.text_tokens import tokens_of
from ingle.operations import TokenLogprob


@pytest.mark.parametrize(
    ("text", "told", "meant"),
    [
        ("Hello", ["<think>", "\n\n", "</think>", "\n\n", "Hel", "lo"], ["Hel", "lo"]),
        ('"', [' "'], ['"']),
        ("", ["<think>"], []),
        ("a < b", [" b"], ["a < b"]),
        ("Hi", ["Hi", ""], ["Hi"]),
        ("odd", ["none"], ["odd"]),
    ],
)
def test_joined_they_are_the_text(text: str, told: list[str], meant: list[str]) -> None:
    entries = [TokenLogprob(token=word, logprob=-1.0, data=word.encode()) for word in told]
    found = tokens_of(text, entries)
    assert [entry.data.decode() for entry in found] == [entry.token for entry in found] == meant
