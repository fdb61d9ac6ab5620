"""Lines beyond a model's window are cut where it hurts least, and nothing of them is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingle.translation.line_fitting import fitted


def letters(text: str) -> int:
    """A vocabulary of single letters."""
    return len(text)


def joined(line: str, most: int) -> str:
    return "".join(part.text + " " * part.space for part in fitted(line, letters, most))


@given(st.text(st.characters(codec="utf-8")), st.integers(4, 40))
def test_nothing_is_lost_and_nothing_is_too_long(line: str, most: int) -> None:
    assert joined(line, most).split() == line.split()
    assert all(0 < len(part.text) <= most for part in fitted(line, letters, most))


def test_clauses_go_before_words_and_words_before_letters() -> None:
    def cut(line: str) -> list[str]:
        return [part.text for part in fitted(line, letters, 12)]

    assert cut("one two, three four") == ["one two,", "three four"]
    assert cut("one two three four") == ["one two", "three four"]
    assert cut("onetwothreefour") == ["onetwothreef", "our"]
    assert cut("short") == ["short"]
    assert cut("  ") == []
