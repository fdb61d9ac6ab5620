"""The corpus: whole works in one split, and nothing held out that training says too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from recipes.ember import corpus, overlap  # noqa: E402

WORDS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
]
THIRTEEN = " ".join(WORDS)
FILLER = " ".join(f"word{i}" for i in range(80))


def document(name: str, split: str, text: str) -> corpus.Document:
    return corpus.Document(name, "package", "text", name, name, split, text)


def test_a_work_is_always_in_the_same_split() -> None:
    splits = [corpus.split_of(f"source/page{i}") for i in range(3000)]
    assert splits == [corpus.split_of(f"source/page{i}") for i in range(3000)]
    assert 60 < splits.count("test") < 200
    assert corpus.split_of("gnuplot") == corpus.split_of("gnuplot/gnuplot") == "test"
    assert corpus.split_of("haproxy/haproxy") == "validation"


def test_what_newcomers_ask_about_is_never_held_out() -> None:
    assert {corpus.split_of(f"coreutils/{i}") for i in range(1000)} == {"train"}


def test_a_page_family_is_named_by_its_first_word() -> None:
    assert corpus.page_family("nft-list.8") == corpus.page_family("nft.8") == "nft"


def test_a_gram_is_thirteen_words_whatever_their_case_and_punctuation() -> None:
    assert len(overlap.grams(THIRTEEN)) == 1
    assert overlap.grams(THIRTEEN.upper().replace(" ", ", ")) == overlap.grams(THIRTEEN)
    assert len(overlap.grams(" ".join(WORDS[:12]))) == 0
    other = " ".join([*WORDS[1:], WORDS[0]])  # the order counts
    assert overlap.grams(other) != overlap.grams(THIRTEEN)


def test_paragraphs_that_held_out_text_has_too_are_cut_even_across_their_borders() -> None:
    others = overlap.grams(f"before {THIRTEEN} after")
    assert overlap.without(f"keep this\n\nx {THIRTEEN} y\n\nand this", others) == (
        "keep this\n\nand this"
    )
    halves = f"{' '.join(WORDS[:6])}\n\n{' '.join(WORDS[6:])}"
    assert overlap.without(f"keep this\n\n{halves}\n\nand this", others) == "keep this\n\nand this"


def test_works_that_share_text_are_taken_apart() -> None:
    shared = f"{FILLER}\n\nLately {THIRTEEN} was said.\n\n{FILLER} more"
    own = " ".join(f"own{i}" for i in range(200))
    documents = [
        document("trained", "train", f"{shared}\n\n{own}"),
        document("copy", "test", f"{shared}"),
        document("quotes", "test", f"{' '.join(f'new{i}' for i in range(300))} {THIRTEEN}"),
    ]
    assert corpus.leakage(documents)["over_1_percent"] == 0.5
    assert corpus.leakage(documents)["any"] == 1
    apart = corpus.taken_apart(documents)
    assert [d.name for d in apart] == ["trained", "quotes"]
    assert THIRTEEN not in apart[0].text
    assert own in apart[0].text
    assert corpus.leakage(apart) == {"test_documents": 1, "any": 0, "over_1_percent": 0}


def test_a_corpus_that_leaks_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from recipes.ember.scale import TINY

    documents = [document("a", "train", FILLER), document("b", "test", FILLER)]
    monkeypatch.setattr(corpus, "collect", lambda *_: documents)
    monkeypatch.setattr(corpus, "taken_apart", lambda same: same)
    with pytest.raises(RuntimeError, match="held-out documents are in the training text"):
        corpus.run(TINY, tmp_path)
