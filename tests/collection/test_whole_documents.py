"""Documents from beginning to end, and which ones a question means."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.collections.whole_reading import (
    LONGEST,
    PartNotes,
    check_length,
    noted,
    packed,
)
from ingle.collections.collection import Collection
from ingle.collections.records import TextPassage
from ingle.collections.whole_documents import literal, named_files, whole
from ingle.errors import InvalidRequest
from ingle.operations import Event, Status

from .collection_files import EMBEDDER, put, source, vector

pytestmark = pytest.mark.anyio


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    found = Collection(tmp_path / "c.sqlite")
    put(found, "/docs/tea[1].md", ["green tea", "black tea"], 0)
    put(found, "/docs/bread.md", ["dough rises"], 10)
    return found


def test_passages_come_in_their_order_and_say_nothing_twice(tmp_path: Path) -> None:
    found = Collection(tmp_path / "w.sqlite")
    found.embed_with(EMBEDDER)
    text = "One. Two. Three."
    passages = [
        TextPassage(text=text[:9], start=0, end=9),
        TextPassage(text=text[5:], start=5, end=16),
    ]
    vectors = [vector(at).astype("<f2").tobytes() for at in range(2)]
    found.add(source("/d.txt", text), "d", "text", passages, vectors)
    read = whole(found, ["/d.txt"], 9)
    assert [each.text for each in read] == ["One. Two.", "Three."]
    assert len(whole(found, ["/d.txt"], 1)) == 1


def test_a_path_with_brackets_means_one_file(collection: Collection) -> None:
    read = whole(collection, [literal("/docs/tea[1].md")], 9)
    assert [each.text for each in read] == ["green tea", "black tea"]


def test_a_summary_of_a_file_that_is_named(collection: Collection) -> None:
    assert named_files(collection, "Summarise bread.md, please.") == ["/docs/bread.md"]
    assert named_files(collection, "give me a summary of bread") == ["/docs/bread.md"]
    assert named_files(collection, "what is bread made of?") == []
    assert named_files(collection, "summarise the news") == []


def test_parts_are_as_long_as_fits() -> None:
    assert packed([3, 3, 3, 9, 1], 6) == [range(2), range(2, 3), range(3, 4), range(4, 5)]
    assert packed([], 6) == []


def test_too_much_is_refused_with_its_size() -> None:
    with pytest.raises(InvalidRequest, match="200,001 tokens"):
        check_length([LONGEST, 1])


async def test_a_part_is_read_once() -> None:
    asked = list[str]()
    notes = PartNotes()

    async def ask(prompt: str) -> str:
        asked.append(prompt)
        return "Nothing." if "two" in prompt else " It says one [1]. "

    async def read(task: str) -> list[Event | str]:
        return [each async for each in noted(["one", "two"], [5, 5], 6, task, "m", notes, ask)]

    first = await read("what?")
    assert [each for each in first if isinstance(each, str)] == ["It says one [1]."]
    told = [(e.detail, e.completed, e.total) for e in first if isinstance(e, Status)]
    assert told == [("part 1 of 2", 0, 10), ("part 2 of 2", 5, 10)]
    assert await read("what?") == first
    assert len(asked) == 2
    await read("why?")
    assert len(asked) == 4
