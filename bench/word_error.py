"""Word error of what was heard: differences to what was said, for each word that was said.

Both are normalised first, since a recogniser writes 1984 and 10:45 where another writes words or
10.45: case and punctuation go, number words become digits, and numbers that follow each other
become one (nineteen eighty-four and 1984 are the same, as are 555 0199 and five five five, oh one
nine nine).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {word: number for number, word in enumerate(_UNITS)}
_SMALL |= {word: 10 * number for number, word in enumerate(_TENS, 2)}
_LARGE = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_SPELLED = {
    "%": " percent ", "&": " and ",
    "’": "'", "per cent": "percent",
}  # fmt: skip
_SAME = {
    "dr": "doctor", "mr": "mister", "st": "street", "oclock": "clock", "o'clock": "clock",
    "km": "kilometres", "m": "metres", "gb": "gigabytes", "harbor": "harbour", "liter": "litre",
    "meters": "metres", "neighbor": "neighbour", "grey": "gray", "g": "grams",
}  # fmt: skip
_WORD = re.compile(r"[a-z']+|\d+")


def words(text: str) -> list[str]:
    """The words of a text, normalised."""
    text = text.lower()
    for written, spoken in _SPELLED.items():
        text = text.replace(written, spoken)
    text = re.sub(r"(?<=\d)[,:.](?=\d)", "", text)
    text = re.sub(r"\$(\d+)", r"\1 dollars", text)
    text = re.sub(r"(?<=\d)(?=[a-z])", " ", text).replace("-", " ")
    found = [word.strip("'") for word in _WORD.findall(text)]
    return _numbers([_SAME.get(word, word) for word in found if word])


def errors(said: str, heard: str) -> tuple[int, int]:
    """Words that differ (put in, left out, or another), and words that were said."""
    wanted, found = words(said), words(heard)
    row = list(range(len(found) + 1))
    for number, word in enumerate(wanted, 1):
        diagonal, row[0] = row[0], number
        for place, other in enumerate(found, 1):
            diagonal, row[place] = (
                row[place],
                min(diagonal + (word != other), row[place] + 1, row[place - 1] + 1),
            )
    return row[-1], len(wanted)


def word_error(pairs: Iterable[tuple[str, str]]) -> float:
    """Of many texts together, each said and heard."""
    wrong = total = 0
    for said, heard in pairs:
        more, words_said = errors(said, heard)
        wrong, total = wrong + more, total + words_said
    return wrong / total


def _numbers(found: list[str]) -> list[str]:
    """Number words as digits, and digits that follow each other as one number."""
    merged: list[str] = []
    at = 0
    while at < len(found):
        value, after = _number(found, at)
        if after == at:
            merged.append(found[at])
            at += 1
            continue
        if merged and merged[-1].isdigit() and value.isdigit():
            merged[-1] += value
        else:
            merged.append(value)
        at = after
    return merged


def _number(found: list[str], at: int) -> tuple[str, int]:
    """The number that begins at a word, and where it ends; at the same place: there is none."""
    start, total, part = at, 0, -1
    while at < len(found):
        word = found[at]
        if word[0].isdigit() and at == start:
            if at + 1 < len(found) and found[at + 1] in _LARGE:
                part, at = int(word), at + 1
                continue
            return word, at + 1
        if word in _SMALL and _fits(part, total, _SMALL[word]):
            part = max(part, 0) + _SMALL[word]
        elif word == "hundred" and 0 < part < 100:
            part *= 100
        elif word in ("thousand", "million") and part > 0:
            total, part = total + part * _LARGE[word], 0
        elif word == "and" and (part >= 100 or (total and not part)) and _small(found, at + 1):
            pass
        else:
            break
        at += 1
    return (str(total + max(part, 0)), at) if at > start else ("", at)


def _small(found: list[str], at: int) -> bool:
    return at < len(found) and found[at] in _SMALL


def _fits(part: int, total: int, small: int) -> bool:
    """A word continues a number: twenty one, two hundred twelve; but not nineteen eighty."""
    if part <= 0:
        return part < 0 or (total > 0 and small > 0)
    if part % 100 == 0:
        return True
    return part % 10 == 0 and part % 100 >= 20 and 0 < small < 10
