"""Draws: one random source per conversation, and the names and values that tasks draw from it.

Phrases and words are split: of every list of five or more, validation and test see only each fifth
entry, and train only the others. So a figure on the test split is about phrasings and names that
training never showed.

Most values are patterns of `data/kinds.json`: `{noun} Road {number:1,99}` is text with slots, drawn
from left to right. A slot is a kind of value or, with arguments, a method; a capital letter
capitalises it. `{any:a/b}` and `{any:LIST}` (or TABLE.LIST) choose a pattern and draw it,
`{of:LIST}` one that the split may see; `{one:LIST}` draws all of them and keeps one. A list
`[0.4, this, 0.75, that, other]` is a choice by probability.
"""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from .. import tables
from . import words as vocabulary
from .words import FALLBACK, Words

T = TypeVar("T")
NAMES = tables.lists("names")
KINDS = tables.lists("kinds")
LISTED = tables.lists("choices")
CHOICES: dict[str, list[str]] = LISTED.of_functions | LISTED.of_everyday
LISTS = {**tables.read("names"), **tables.read("objects"), **KINDS.patterns}
WORDS = {"noun": "nouns", "verb": "verbs", "adjective": "adjectives", "every": "every"}
SLOT = re.compile(r"\{(\w+)(?::([^}]*))?\}")


@cache
def parsed(pattern: str) -> tuple[str, list[tuple[str, str | None, str]]]:
    """The text before the first slot; each slot with its arguments and the text after it."""
    text, *rest = SLOT.split(pattern)
    return text, list(zip(rest[::3], rest[1::3], rest[2::3], strict=True))


@cache
def listed(arguments: str) -> list[Any]:
    """The patterns that `a/b`, LIST or TABLE.LIST means."""
    table, _, name = arguments.partition(".")
    if "/" in arguments:
        return arguments.split("/")
    found: list[Any] = tables.read(table)[name] if name else LISTS[arguments]
    return found


@cache
def separated(arguments: str) -> list[str | int]:
    parts = arguments.split(",")
    return [int(part) if part.removeprefix("-").isdigit() else part for part in parts]


class Draw:
    def __init__(self, split: str, seed: str, words: Words | None = None) -> None:
        self.split = split
        self.rng = random.Random(f"{split}:{seed}")
        self.words = (words or FALLBACK).of_split(split)

    def of(self, options: Sequence[T]) -> T:
        """One of the options that this split may see."""
        count = len(options)
        if count < 5:
            return options[int(self.rng.random() * count)]
        if self.split == "train":
            place = int(self.rng.random() * count)
            return options[place if place % 5 != 4 else place - 1 - int(self.rng.random() * 4)]
        return options[int(self.rng.random() * (count // 5)) * 5 + 4]

    def any(self, options: Sequence[T]) -> T:
        """One of the options, whatever the split."""
        return options[int(self.rng.random() * len(options))]

    def number(self, low: int, high: int) -> int:
        return low + int(self.rng.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    # patterns

    def fill(self, pattern: Any, **given: Any) -> Any:
        """A pattern with its slots given or drawn; one that is nothing but a slot is its value."""
        if isinstance(pattern, list):
            kind = self.rng.random()
            *limits, last = pattern
            below = (p for p, limit in zip(limits[1::2], limits[::2], strict=True) if kind < limit)
            return self.fill(next(below, last), **given)
        if "{" not in pattern:
            return pattern
        text, slots = parsed(pattern)
        for name, arguments, after in slots:
            value = given[name] if name in given else self.slot(name, arguments)
            if not text and not after and len(slots) == 1:
                return value
            text += f"{value}{after}"
        return text

    def slot(self, name: str, arguments: str | None) -> Any:
        kind = name.lower()
        if arguments is None:
            made = self.made(kind)
        elif kind == "any":
            made = self.fill(self.any(listed(arguments)))
        elif kind == "of":
            made = self.fill(self.of(listed(arguments)))
        elif kind == "one":
            made = self.one(listed(arguments))
        else:
            made = getattr(self, kind)(*separated(arguments))
        return made.capitalize() if name[0].isupper() else made

    def one(self, patterns: Sequence[str], **given: Any) -> Any:
        """One of the patterns, after all of them have been drawn."""
        return self.any([self.fill(pattern, **given) for pattern in patterns])

    def said(self, plan: str, slots: dict[str, Any]) -> str:
        """A plan for `format`, after a value of every slot has been drawn, named in it or not."""
        return plan.format(**{name: self.fill(pattern) for name, pattern in slots.items()})

    def made(self, kind: str) -> Any:
        """A value of a kind."""
        if kind in CHOICES:
            return self.of(CHOICES[kind])
        if kind in WORDS:
            return self.any(getattr(self.words, WORDS[kind]))
        pattern = KINDS.values.get(kind)
        return self.fill(pattern) if pattern is not None else getattr(self, kind)()

    def __getattr__(self, kind: str) -> Callable[[], Any]:
        """`d.place()` is a value of the kind `place`."""
        if kind not in KINDS.values and kind not in WORDS:
            raise AttributeError(kind)
        return lambda: self.made(kind)

    def several(self, kind: str, low: int, high: int) -> list[Any]:
        return [self.made(kind) for _ in range(self.number(low, high))]

    # words

    def word(self, low: int = 2, high: int | None = None) -> str:
        """An invented word of so many syllables: what cannot be remembered must be read."""
        count = low if high is None else self.number(low, high)
        parts = (NAMES.onsets, NAMES.vowels, NAMES.codas)
        return "".join(self.any(part) for _ in range(count) for part in parts)

    def plural(self) -> str:
        return vocabulary.plural(self.made("noun"))

    def past(self) -> str:
        return vocabulary.past(self.made("verb"))

    def phrase(self, low: int = 1, high: int = 4) -> str:
        return " ".join(self.several("common", low, high))

    def aside(self) -> str:
        """A sentence that has nothing to do with anything, with its capital and no full stop."""
        text: str = self.sentence()
        return text[0].upper() + text[1:]

    def login(self) -> str:
        return str(self.name().lower())

    # values

    def day(self) -> datetime.date:
        return datetime.date(2000, 1, 1) + datetime.timedelta(days=self.number(0, 14000))

    def iso_date(self) -> str:
        return self.day().isoformat()

    def long_date(self) -> str:
        return long_date(self.day())

    def some_days(self) -> list[str]:
        days = ("Monday", "Tuesday", "Thursday", "Friday", "Sunday")
        return list(dict.fromkeys(self.any(days) for _ in range(3)))

    def clock(self) -> str:
        return f"{self.number(0, 23):02d}:{self.number(0, 11) * 5:02d}"

    def truth(self) -> bool:
        return self.chance(0.5)

    def quantity(self) -> int:
        return self.number(1, 10 ** self.number(1, 4))

    def decimal(self) -> float:
        return round(self.number(1, 9999) / self.any((10, 10, 100)), 2)

    def hundredths(self, low: int, high: int) -> float:
        return round(self.number(low, high) / 100, 2)

    def digits(self, low: int, high: int) -> str:
        return str(self.number(low, high))

    def signs(self, alphabet: str, low: int, high: int) -> str:
        return "".join(self.any(alphabet) for _ in range(self.number(low, high)))

    def money(self) -> str:
        amount = self.fill([0.7, "{number:2,900}", "{number:2,90}.{number:10,99}"])
        return self.any(KINDS.patterns["money"]).format(amount)

    def folder(self) -> str:
        root = self.one(KINDS.patterns["folders"])
        parts = [self.common() for _ in range(self.any((0, 0, 1, 1, 2)))]
        return "/".join([root, *parts])

    def file_end(self) -> str:
        return str(self.file()[-3:])


def long_date(date: datetime.date) -> str:
    return f"{date.day} {NAMES.months[date.month - 1]} {date.year}"


def articles(text: str) -> str:
    """`a engineer` becomes `an engineer`."""
    return re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", text)
