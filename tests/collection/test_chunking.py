"""Documents in passages: along their structure, never longer than the limit, nothing lost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ingle.capabilities.extract.operation import BETWEEN, Block
from ingle.collections.chunking import ChunkLimits, embedded_text, passages
from ingle.collections.records import TextPassage


def words(texts: Sequence[str]) -> list[int]:
    """A tokeniser of four characters a token, white space included."""
    return [-(-len(text) // 4) for text in texts]


def cut(*blocks: Block, most: int = 32, overlap: int = 8) -> list[TextPassage]:
    return list(passages(blocks, words, ChunkLimits(most, overlap)))


def paragraph(text: str) -> Block:
    return Block(text=text)


def heading(text: str, level: int = 1) -> Block:
    return Block(kind="heading", text=text, level=level)


def test_a_passage_has_the_path_of_its_headings() -> None:
    found = cut(
        heading("Guide"), heading("Install", 2), paragraph("Run it."), heading("Use", 2),
        paragraph("Ask it."), most=64,
    )  # fmt: skip
    assert [(p.headings, p.text) for p in found] == [
        (("Guide", "Install"), "Run it."),
        (("Guide", "Use"), "Ask it."),
    ]
    assert embedded_text(found[0]) == "Guide > Install\nRun it."


def test_sentences_are_whole_and_overlap() -> None:
    said = [f"Sentence number {n} is here." for n in range(12)]
    found = cut(paragraph(" ".join(said)), most=24, overlap=8)
    assert len(found) > 3
    for passage in found:
        assert passage.text.startswith("Sentence")
        assert passage.text.endswith("here.")
    for before, after in itertools.pairwise(found):
        assert after.start < before.end, "the last sentence comes again"


def test_abbreviations_end_no_sentence() -> None:
    text = "Dr. Wu sees e.g. Ada at No. 9. She waits."
    (found,) = cut(paragraph(text))
    assert found.text == text
    assert len(cut(paragraph(text), most=8, overlap=0)) == 2


def test_a_table_that_is_cut_repeats_its_heading() -> None:
    rows = [f"| {n} | value {n} |" for n in range(20)]
    table = Block(kind="table", text="\n".join(["| n | v |", "|---|---|", *rows]))
    found = cut(table, most=24, overlap=0)
    assert len(found) > 2
    assert all(p.text.startswith("| n | v |\n|---|---|\n") for p in found)
    assert "\n".join(rows) == "\n".join(line for p in found for line in p.text.splitlines()[2:])
    assert len(cut(table, most=400)) == 1


def test_a_page_begins_a_passage_unless_a_sentence_runs_over() -> None:
    pages = [Block(text=text, page=n) for n, text in enumerate(("One.", "Two and", "three."), 1)]
    assert [(p.text, p.page) for p in cut(*pages, most=64)] == [
        ("One.", 1),
        ("Two and\n\nthree.", 2),
    ]


def test_positions_are_those_of_the_document() -> None:
    blocks = [heading("A"), paragraph("One. Two."), Block(kind="code", text="x = 1\ny = 2")]
    text = BETWEEN.join(block.text for block in blocks)
    (found,) = cut(*blocks, most=64)
    assert text[found.start : found.end] == "One. Two.\n\nx = 1\ny = 2"
    assert found.text == text[found.start : found.end]


def test_headings_that_leave_no_room_lose_their_outer_ones() -> None:
    (found,) = cut(heading("A very long title " * 9), heading("In", 2), paragraph("Text."))
    assert found.headings == ("In",)


_TEXTS = st.text(st.sampled_from("ab. \n!?äß漢字。|#"), max_size=120)
_BLOCKS = st.lists(
    st.builds(
        Block,
        kind=st.sampled_from(["heading", "paragraph", "list", "table", "code"]),
        text=_TEXTS,
        level=st.integers(1, 6),
    ),
    max_size=8,
)


@given(_BLOCKS, st.integers(4, 40), st.integers(0, 40))
def test_no_passage_is_longer_than_the_limit_and_no_letter_is_lost(
    blocks: list[Block], most: int, overlap: int
) -> None:
    text = BETWEEN.join(block.text for block in blocks)
    covered = [False] * len(text)
    for passage in passages(blocks, words, ChunkLimits(most, overlap)):
        (size,) = words([embedded_text(passage)])
        assert size <= passage.tokens, "counting each by itself is never less"
        assert passage.tokens <= most
        covered[passage.start : passage.end] = [True] * (passage.end - passage.start)
    at = 0
    for block in blocks:
        if block.kind != "heading":
            for place in range(at, at + len(block.text)):
                assert covered[place] or text[place].isspace()
        at += len(block.text) + len(BETWEEN)
