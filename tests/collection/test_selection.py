"""What of a ranked list is shown: neighbours as one, and different things first."""

from __future__ import annotations

import msgspec
import numpy as np

from ingle.collections.records import FoundPassage
from ingle.collections.selection import JOINED, by_diversity, selected

TEXT = "One is first. Two is second. Three is third. Four is fourth. Five is fifth."


def passage(
    start: int, end: int, *, document: str = "d", headings: tuple[str, ...] = ("H",)
) -> FoundPassage:
    return FoundPassage(
        id=start, document=document, place="/d.md", title="", headings=headings, page=0,
        start=start, end=end, text=TEXT[start:end], score=1 / (1 + start),
    )  # fmt: skip


def test_neighbours_are_one_result_and_take_one_place() -> None:
    first, second = passage(0, 28), passage(14, 44)
    far = passage(0, 13, document="other")
    found = selected([second, far, first], 2)
    ranges = [(each.document, each.start, each.end) for each in found]
    assert ranges == [("d", 0, 44), ("other", 0, 13)]
    assert found[0].text == TEXT[:44]
    assert found[0].score == first.score


def test_what_is_not_beside_it_stays_apart() -> None:
    apart = [passage(0, 13), passage(29, 44), passage(45, 61, headings=("H", "other"))]
    assert selected(apart, 9) == apart
    pages = [passage(0, 28), msgspec.structs.replace(passage(28, 44), page=1)]
    assert selected(pages, 9) == pages


def test_a_joined_result_is_bounded() -> None:
    rows = [passage(at, at + 10) for at in range(0, 70, 10)]
    lengths = [each.end - each.start for each in selected(rows, 9)]
    assert max(lengths) == 10 * JOINED
    assert sum(lengths) == 70


def test_a_row_that_is_repeated_is_not_lost() -> None:
    table = passage(0, 13)
    below = msgspec.structs.replace(passage(14, 28), text="HEAD\nTwo is second.")
    (found,) = selected([table, below], 1)
    assert found.text == "One is first.\n\nHEAD\nTwo is second."


def test_results_of_one_document_can_be_bounded() -> None:
    rows = [passage(0, 5), passage(30, 35), passage(60, 65), passage(0, 5, document="other")]
    found = selected(rows, 9, per_document=2)
    assert [each.document for each in found] == ["d", "d", "other"]


def test_what_says_something_else_comes_first() -> None:
    one, same, other = passage(0, 5), passage(30, 35), passage(60, 65)
    alike = np.asarray([[1, 0.99, 0.1], [0.99, 1, 0.1], [0.1, 0.1, 1]], np.float32)
    assert by_diversity([one, same, other], alike) == [one, other, same]
    apart = np.eye(3, dtype=np.float32)
    assert by_diversity([one, same, other], apart) == [one, same, other]
