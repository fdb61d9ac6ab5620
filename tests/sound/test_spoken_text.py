"""Text as it is said: never lost, never raised at, never long."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.sound.english_words import ordinal, year_words
from ingle.sound.spoken_text import has_words, spoken_text

MARKED = st.text(st.sampled_from("ab1.*_`[]()<>#|!-~\\ \n$:/@&%5€🎉é"), max_size=400)


def said(text: str, language: str = "en-US") -> str:
    return spoken_text(text, language, markdown=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Due 2026-11-30.", "Due November 30th, twenty twenty-six."),
        ("On Nov. 3, 1999 it rained.", "On November 3rd, nineteen ninety-nine it rained."),
        ("From 30 November 2026 on.", "From the 30th of November, twenty twenty-six on."),
        (
            "On 3/4/2026 or 25/12/2026",
            "On March 4th, twenty twenty-six or December 25th, twenty twenty-six",
        ),
        ("1/2 of 3/4, 1/2/26, 99/99/2026", "1/2 of 3/4, 1/2/26, 99/99/2026"),
        ("Born in 1905, died in 2005.", "Born in nineteen oh five, died in two thousand five."),
        ("At 14:05 or 9:30 am, not 8:00.", "At 14 oh 5 or 9 30 A M, not 8 o’clock."),
        ("By 5 p.m. at the latest", "By 5 P M at the latest"),
        ("It costs $5.20, or €3.", "It costs 5 dollars and 20 cents, or 3 euros."),
        ("$1, $0.99, $3.5 million", "1 dollar, 99 cents, 3.5 million dollars"),
        ("1,234,567 people", "1234567 people"),
        ("12 km at 80 km/h, 1 kg, 5 °C", None),
        ("a 50% rise, -5 below", "a 50 percent rise, minus 5 below"),
        ("pages 5–10, rooms 3-4", "pages 5 to 10, rooms 3 to 4"),
        ("call 555-0199-22", "call 555-0199-22"),
        ("version 1.2.3", "version 1 point 2 point 3"),
        (
            "Dr. Smith vs. Mr. Jones, e.g. here",
            "Doctor Smith versus Mister Jones, for example here",
        ),
        ("salt & pepper, 2 + 2 = 4", "salt and pepper, 2 plus 2 equals 4"),
        ("see https://www.example.com/a/b?c=d now", "see example dot com now"),
        ("mail jo@example.org", "mail jo at example dot org"),
        ("**Bold**, *it*, `code` and [a link](http://x.y)", "Bold, it, code and a link"),
        ("## A title", "A title"),
        ("- [x] an item", "an item"),
        ("> quoted", "quoted"),
        ("| a | b |", "a, b."),
        ("![a cat](cat.png)", "a cat"),
        ("Well done! 🎉🎉", "Well done!"),
        ("🎉🎉👍", "party popper, thumbs up sign"),
        ("snake_case_name and 2 * 3", "snake_case_name and 2 times 3"),
        ("a\x00b\x07c \u202egnirts\u202c", "a b c gnirts"),
        ("... !!!", ""),
        ("", ""),
        ("<b>", "<b>"),
        ("שלום עולם", "שלום עולם"),
    ],
)
def test_english_is_said_as_people_say_it(text: str, expected: str | None) -> None:
    wanted = expected
    if expected is None:
        wanted = "12 kilometres at 80 kilometres per hour, 1 kilogram, 5 degrees Celsius"
    assert said(text) == wanted


def test_other_languages_are_left_to_the_voice() -> None:
    assert (
        said("Am 3.5. um 14:05 für 5 € auf **x.de**", "de") == "Am 3.5. um 14:05 für 5 € auf x.de"
    )


def test_years_and_ordinals() -> None:
    assert [year_words(year) for year in (1100, 1900, 1999, 2000, 2010, 2026)] == [
        "eleven hundred", "nineteen hundred", "nineteen ninety-nine", "two thousand", "twenty ten",
        "twenty twenty-six",
    ]  # fmt: skip
    assert [ordinal(day) for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "31st",
    ]  # fmt: skip


@given(st.text(max_size=400) | MARKED, st.sampled_from(["en", "en-GB", "de", "ja"]), st.booleans())
def test_what_has_words_is_never_lost(text: str, language: str, markdown: bool) -> None:
    found = spoken_text(text, language, markdown=markdown)
    if any(unicodedata.category(sign)[0] in "LN" for sign in text):
        assert has_words(found)
    assert len(found) <= 40 * len(text) + 40
    assert not any(unicodedata.category(sign) in ("Cc", "Cs", "Co") for sign in found)


def test_the_day_comes_first_outside_of_america() -> None:
    assert said("On 3/4/2026.", "en-GB") == "On the 3rd of April, twenty twenty-six."
