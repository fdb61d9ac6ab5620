"""Search by meaning and by words, filtered, without what says the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingle.collections.collection import Collection
from ingle.collections.fusion import fused
from ingle.collections.keyword_search import chosen_words, words_in
from ingle.collections.records import TextPassage
from ingle.collections.search import Searcher, SearchFilter

from .collection_files import EMBEDDER, put, source, vector


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    found = Collection(tmp_path / "c.sqlite")
    put(found, "/docs/grep.txt", ["grep finds lines", "sed edits streams"], 0)
    put(found, "/docs/notes/tea.txt", ["green tea is brewed", "black tea is stronger"], 10)
    return found


@pytest.fixture
def searcher(collection: Collection) -> Iterator[Searcher]:
    found = Searcher(collection)
    yield found
    found.close()


def test_words_and_meaning_each_find_their_own(searcher: Searcher) -> None:
    by_words = searcher.search("stronger", None, mode="words")
    assert [found.text for found in by_words] == ["black tea is stronger"]
    by_meaning = searcher.search("", vector(1), 1, mode="vectors")
    assert [found.text for found in by_meaning] == ["sed edits streams"]
    both = searcher.search("brewed", vector(0), 2)
    assert {found.text for found in both} == {"grep finds lines", "green tea is brewed"}


def test_what_is_in_both_lists_is_first() -> None:
    scores = fused([([1, 2, 3], 1.0), ([3, 4], 1.0)])
    assert max(scores, key=lambda passage: scores[passage]) == 3


def test_endings_and_accents_do_not_matter(searcher: Searcher, collection: Collection) -> None:
    put(collection, "/c", ["the café opened"], 40)
    assert searcher.search("opening cafe", None, mode="words")[0].text == "the café opened"


@pytest.mark.parametrize("query", ['"', "AND OR NOT", "a*b^c", "(", "tea: NEAR(", "\x00", "'--"])
def test_no_query_is_a_syntax_error(searcher: Searcher, query: str) -> None:
    searcher.search(query, None, mode="words")


def test_filters(searcher: Searcher, collection: Collection) -> None:
    def places(wanted: SearchFilter) -> set[str]:
        return {found.place for found in searcher.search("tea", vector(0), wanted=wanted)}

    assert places(SearchFilter(places=("*/notes/*",))) == {"/docs/notes/tea.txt"}
    assert places(SearchFilter(kinds=("pdf",))) == set()
    collection.embed_with(EMBEDDER)
    late = source("/late", "late", changed_ns=10**18)
    collection.add(
        late, "late", "text", [TextPassage(text="late tea")], [vector(5).astype("<f2").tobytes()]
    )
    assert places(SearchFilter(since_ns=10**17)) == {"/late"}
    assert places(SearchFilter(until_ns=10**17)) == {"/docs/grep.txt", "/docs/notes/tea.txt"}


def test_one_document_does_not_fill_the_list(searcher: Searcher) -> None:
    found = searcher.search("tea grep", vector(0), 10, per_document=1)
    assert len(found) == len({each.document for each in found}) == 2


def test_common_words_are_left_to_the_vectors() -> None:
    counts = {"the": 900, "kettle": 3, "tea": 40, "absent": 0}
    assert chosen_words(words_in("the Tea kettle ABSENT the"), counts.__getitem__, 100) == [
        "kettle",
        "tea",
    ]
    assert chosen_words(["the"], counts.__getitem__, 100) == []
