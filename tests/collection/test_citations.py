"""What an answer says, its sources have to say."""

from __future__ import annotations

import pytest

from ingle.collections.citations import checked

PASSAGES = [
    "Green tea is brewed at eighty degrees for 2 minutes. Black tea wants boiling water.",
    "The harbour opens at 7:30 in the morning; the ferry leaves twice a day.",
]


@pytest.mark.parametrize(
    ("answer", "citations", "supported"),
    [
        ("Green tea is brewed at eighty degrees [1].", (1,), True),
        ("Brew green tea for 2 minutes. [1]", (1,), True),
        ("Green tea takes 3 minutes to brew [1].", (), False),
        ("The ferry leaves twice each day [2].", (2,), True),
        ("The ferry leaves twice each day [1].", (), False),
        ("The ferry leaves twice each day [1, 2].", (2,), True),
        ("The ferry leaves twice each day [7].", (), False),
        ("The ferry leaves twice each day.", (2,), True),
        ('It says "wants boiling  Water" of black tea [1].', (1,), True),
        ('It says "wants cold water" of black tea [1].', (), False),
        ("Elephants sleep standing [1].", (), False),
    ],
)
def test_a_sentence(answer: str, citations: tuple[int, ...], supported: bool) -> None:
    (found,) = checked(answer, PASSAGES)
    assert (found.citations, found.supported) == (citations, supported)


def test_each_sentence_is_checked_for_itself() -> None:
    answer = "Black tea wants boiling water [1]. The harbour opens at 7:30 [2]. It rains [2]."
    assert [each.supported for each in checked(answer, PASSAGES)] == [True, True, False]
    assert checked("", PASSAGES) == []
    assert checked("One thing.", []) == [("One thing.", (), False)]
