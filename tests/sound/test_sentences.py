"""Text into passages, however it comes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingle.sound.sentences import LONGEST, Passage, SentenceSplitter

TEXTS = st.text(st.sampled_from("ab AB.!?…,;\n`~#-1|\"')。、é🎉\t"), max_size=600) | st.text()


def passages(*texts: str) -> list[str]:
    return [passage.text.strip() for passage in SentenceSplitter().split(texts)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith met Mr. J. Jones at 5 p.m. today.", None),
        ("It costs 3.50 in the U.S. and 2.99 here.", None),
        ("Version 1.2.3 is out. Get it.", ["Version 1.2.3 is out.", "Get it."]),
        ('He said: "Stop!" Then he left.', ['He said: "Stop!"', "Then he left."]),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ("a wrapped\nline of text. And\nmore.", ["a wrapped\nline of text.", "And\nmore."]),
        ("# Title\nText.", ["# Title", "Text."]),
        ("- one\n- two\n\nEnd", ["- one", "- two", "End"]),
        ("1. First thing\n2. Second thing", ["1. First thing", "2. Second thing"]),
        ("今日は。元気？はい", ["今日は。", "元気？", "はい"]),
        ("See:\n```py\nx = 1. Y\n```\nDone.", ["See:", "```py", "x = 1. Y", "```", "Done."]),
    ],
)
def test_it_ends_where_a_voice_pauses(text: str, expected: list[str] | None) -> None:
    assert passages(text) == (expected or [text])
    assert passages(*text) == passages(text)


def test_code_is_told_apart() -> None:
    split = SentenceSplitter().split(["Run this:\n\n```sh\nls -l\n```\nThen stop."])
    assert [passage for passage in split if passage.code] == [
        Passage("```sh\n", True),
        Passage("ls -l\n", True),
        Passage("```\n", True),
    ]


def test_a_sentence_is_there_as_soon_as_the_next_one_begins() -> None:
    splitter = SentenceSplitter()
    assert list(splitter.feed("It is done. ")) == []
    assert list(splitter.feed("N")) == [Passage("It is done. ")]


def test_the_first_passage_may_end_with_a_clause() -> None:
    text = "When the sun had set, the long road home was dark and cold. Then it rained, at last."
    found = [passage.text for passage in SentenceSplitter(first=40).split([text])]
    assert found == [
        "When the sun had set, ",
        "the long road home was dark and cold. ",
        "Then it rained, at last.",
    ]
    without = "When the sun had set the long road home was dark and cold. Then it rained."
    assert [passage.text for passage in SentenceSplitter(first=40).split([without])] == [
        "When the sun had set the long road home was dark and cold. ",
        "Then it rained.",
    ]


@given(st.lists(TEXTS, max_size=4))
def test_no_character_is_lost_and_none_is_too_long(texts: list[str]) -> None:
    found = list(SentenceSplitter().split(texts))
    assert "".join(passage.text for passage in found) == "".join(texts)
    assert all(len(passage.text.strip()) <= LONGEST for passage in found)


@given(TEXTS, st.integers(1, 7))
@example("\n\r0", 1)
def test_how_it_comes_changes_nothing(text: str, step: int) -> None:
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    for first in (LONGEST, 20):
        whole = list(SentenceSplitter(first).split([text]))
        assert list(SentenceSplitter(first).split(pieces)) == whole


def test_a_megabyte_without_an_end_is_cut() -> None:
    found = list(SentenceSplitter().split(["x" * 2**20]))
    assert sum(len(passage.text) for passage in found) == 2**20
    assert max(len(passage.text) for passage in found) <= LONGEST
