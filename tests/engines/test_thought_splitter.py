"""Reasoning in a text is told from the answer, however the text is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.engines.llama.thought_splitter import ThoughtSplitter


def split(pieces: list[str], *, opened: bool) -> tuple[str, str]:
    splitter = ThoughtSplitter(opened=opened)
    parts = [splitter.split(piece) for piece in pieces]
    thought, answer = ("".join(part[at] for part in parts) for at in (0, 1))
    thinking, held = splitter.thinking, splitter.rest()
    return (thought + held, answer) if thinking else (thought, answer + held)


@pytest.mark.parametrize(
    ("text", "opened", "thought", "answer"),
    [
        ("<think>\nWhy < not?</th\n</think>\n\nYes", False, "\nWhy < not?</th\n", "Yes"),
        ("Why not?</think>{}", True, "Why not?", "{}"),
        ("<think>\n\n</think>\n\n<think>", False, "\n\n", "<think>"),
        ("<thin ice", False, "", "<thin ice"),
        ("<thi", False, "", "<thi"),
        ("never ends </thi", True, "never ends </thi", ""),
        ("\n<think>a</think>b", False, "a", "b"),
        ("plain", False, "", "plain"),
    ],
)
@given(cuts=st.sets(st.integers(1, 30)))
def test_in_any_pieces(text: str, opened: bool, thought: str, answer: str, cuts: set[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    assert split(pieces, opened=opened) == (thought, answer)
