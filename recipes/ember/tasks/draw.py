"""Draws: one random source per conversation, and the names and values that tasks draw from it.

Phrases and words are split: of every list of five or more, validation and test see only each fifth
entry, and train only the others. So a figure on the test split is about phrasings and names that
training never showed.
"""
# ruff: noqa: SIM905 (word lists are read as words)

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Sequence
from typing import TypeVar

from . import words as vocabulary
from .words import FALLBACK, Words

T = TypeVar("T")

FIRST_NAMES = """Ada Ahmed Aiko Alice Amara Anders Anna Ben Bianca Boris Carla Chen Clara Daniel
David Diego Dina Elena Elif Emil Emma Erik Farah Felix Fiona Frank Grace Greta Hana Hassan Hugo
Ida Igor Ines Ivan Jana Jonas Julia Kai Karim Kofi Lara Lea Leon Lina Lucas Maja Marco Maria Mei
Mila Mona Nadia Nils Nina Noah Nora Olga Omar Oscar Paula Pedro Petra Priya Rachel Ravi Rosa Ruth
Samir Sara Sofia Stefan Tara Theo Tomas Uma Vera Viktor Wanda Yara Yusuf Zoe""".split()
PLACES = """Accra Amsterdam Ankara Athens Barcelona Bergen Berlin Bogota Boston Brussels Cairo
Calgary Chicago Copenhagen Dakar Delhi Dublin Florence Geneva Hamburg Hanoi Helsinki Istanbul
Jakarta Kyoto Lagos Lima Lisbon Ljubljana London Lyon Madrid Manila Marseille Melbourne Milan
Montreal Munich Nairobi Naples Osaka Oslo Paris Porto Prague Quito Riga Rome Seoul Seville Sofia
Stockholm Sydney Tallinn Tokyo Toronto Turin Valencia Vienna Vilnius Warsaw Zagreb Zurich""".split()
COLOURS = """red blue green yellow black white grey brown purple orange pink silver golden violet
beige turquoise crimson navy olive ivory""".split()
JOBS = """teacher nurse baker engineer gardener librarian painter plumber carpenter pilot lawyer
translator electrician journalist farmer architect dentist tailor musician chemist driver
accountant biologist photographer welder surgeon clerk sailor miner butcher judge editor barber
mechanic geologist weaver potter economist fisherman locksmith""".split()
ANIMALS = """cat dog horse parrot goat rabbit turtle hamster owl duck pony sheep goose donkey
hedgehog lizard canary ferret pigeon snake mouse rooster cow llama bee""".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = """January February March April May June July August September October November
December""".split()
LANGUAGES = """French German Spanish Italian Polish Dutch Swedish Turkish Greek Czech Finnish
Portuguese Danish Hindi Arabic Korean Hungarian Welsh Thai Swahili""".split()
NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
ONSETS = "b br c cl d dr f fl g gr h j k kr l m n p pr qu r s sk st t tr v w z sh ch th".split()
VOWELS = "a e i o u a e i o ai ea io ou".split()
CODAS = "n r l s t m k x nd rt lm sk   ".split(" ")
DOMAINS = "org com net io eu dev example edu info de".split()
SUFFIXES = "txt csv md json log py png pdf html xml toml yaml sh jpg tar.gz zip c conf".split()
SIZES = "kg grams km metres litres seconds minutes hours days euros dollars MB GB percent watts degrees miles tonnes volts points pages".split()  # noqa: E501


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

    def some(self, options: Sequence[T], count: int) -> list[T]:
        chosen: list[T] = []
        for _ in range(count * 20):
            option = self.of(options)
            if option not in chosen:
                chosen.append(option)
            if len(chosen) == count:
                break
        return chosen

    def number(self, low: int, high: int) -> int:
        return low + int(self.rng.random() * (high - low + 1))

    def any(self, options: Sequence[T]) -> T:
        """One of the options, whatever the split."""
        return options[int(self.rng.random() * len(options))]

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    # words

    def word(self, syllables: int = 2) -> str:
        """An invented word: what cannot be remembered must be read."""
        pick = self.any
        return "".join(pick(ONSETS) + pick(VOWELS) + pick(CODAS) for _ in range(syllables))

    def noun(self) -> str:
        return self.any(self.words.nouns)

    def verb(self) -> str:
        return self.any(self.words.verbs)

    def adjective(self) -> str:
        return self.any(self.words.adjectives)

    def common(self) -> str:
        """Any word, sometimes an invented one."""
        return self.any(self.words.every) if self.chance(0.8) else self.word(self.number(1, 3))

    def thing(self) -> str:
        """A noun phrase without an article."""
        kind = self.rng.random()
        if kind < 0.4:
            return self.noun()
        if kind < 0.75:
            return f"{self.adjective()} {self.noun()}"
        return f"{self.noun()} {self.noun()}"

    def phrase(self, low: int = 1, high: int = 4) -> str:
        return " ".join(self.common() for _ in range(self.number(low, high)))

    def sentence(self) -> str:
        """A short message, without a capital or a final mark."""
        kind = self.number(0, 7)
        noun, verb = self.noun, self.verb
        match kind:
            case 0:
                return f"the {self.thing()} {self.any(('is', 'was', 'looks', 'seems'))} {self.adjective()}"  # noqa: E501
            case 1:
                return f"{verb()} the {self.thing()} before {self.any(WEEKDAYS)}"
            case 2:
                return f"we need {self.number(2, 40)} {vocabulary.plural(noun())}"
            case 3:
                return f"{self.name()} {vocabulary.past(verb())} the {noun()} {self.any(('today', 'again', 'yesterday', 'in ' + self.place()))}"  # noqa: E501
            case 4:
                return f"please {verb()} the {noun()} and the {noun()}"
            case 5:
                return f"I {self.any(('will', 'must', 'cannot', 'would like to'))} {verb()} your {self.thing()}"  # noqa: E501
            case 6:
                return f"{noun()} {noun()} {self.any(('at', 'until', 'from'))} {self.clock()}"
            case _:
                return self.phrase(3, 7)

    # names

    def name(self) -> str:
        if self.chance(0.45):
            return self.of(FIRST_NAMES)
        return self.word(self.number(1, 3)).capitalize()

    def family_name(self) -> str:
        if self.chance(0.3):
            return self.noun().capitalize()
        return self.word(self.number(1, 3)).capitalize()

    def full_name(self) -> str:
        return f"{self.name()} {self.family_name()}"

    def place(self) -> str:
        kind = self.rng.random()
        if kind < 0.4:
            return self.of(PLACES)
        if kind < 0.85:
            return self.word(self.number(2, 3)).capitalize()
        head = self.any(("New", "Port", "San", "Upper", "East", "Saint", "Lake", "North"))
        return f"{head} {self.word(2).capitalize()}"

    # values

    def date(self) -> datetime.date:
        return datetime.date(2000, 1, 1) + datetime.timedelta(days=self.number(0, 14000))

    def clock(self) -> str:
        return f"{self.number(0, 23):02d}:{self.number(0, 11) * 5:02d}"

    def code(self) -> str:
        pick, kind = self.any, self.number(0, 4)
        letters, digits = "ABCDEFGHJKLMNPRSTUVWXYZ", "0123456789"
        if kind == 0:
            return "".join(pick(letters + digits) for _ in range(self.number(4, 9)))
        if kind == 1:
            return f"{''.join(pick(letters) for _ in range(self.number(1, 3)))}-{self.number(10, 99999)}"  # noqa: E501
        if kind == 2:
            return "".join(pick("0123456789abcdef") for _ in range(self.number(6, 10)))
        if kind == 3:
            return f"{self.word(1)}{pick('-_.')}{self.number(1, 999)}"
        return f"{pick(letters)}{self.number(100, 9999)}{pick(letters)}"

    def email(self) -> str:
        first = self.name().lower()
        if self.chance(0.4):
            first += self.any("._-") + self.word(self.number(1, 2))
        return f"{first}@{self.word()}.{self.any(DOMAINS)}"

    def folder(self) -> str:
        root = self.any(("/home/" + self.name().lower(), "/srv", "/tmp", "docs", "src", "/var/lib", "~", "/etc", "data", "/opt/" + self.word(1)))  # noqa: E501  # fmt: skip
        parts = [self.common() for _ in range(self.any((0, 0, 1, 1, 2)))]
        return "/".join([root, *parts])

    def file(self) -> str:
        stem = self.common() if self.chance(0.6) else f"{self.common()}{self.any('_-')}{self.any((self.common(), str(self.number(1, 2030))))}"  # noqa: E501  # fmt: skip
        return f"{stem}.{self.any(SUFFIXES)}"

    def path(self) -> str:
        return f"{self.folder()}/{self.file()}"

    def host(self) -> str:
        return f"{self.common()}{self.any(('', str(self.number(1, 40)), '-' + self.word(1)))}.{self.word(2)}.{self.any(DOMAINS)}"  # noqa: E501

    def url(self) -> str:
        return f"https://{self.host()}/{self.common()}"

    def version(self) -> str:
        return ".".join(str(self.number(0, 20)) for _ in range(self.any((2, 3, 3))))

    def measure(self) -> str:
        return f"{self.quantity()} {self.any(SIZES)}"

    def quantity(self) -> int:
        return self.number(1, 10 ** self.number(1, 4))

    def decimal(self) -> float:
        return round(self.number(1, 9999) / self.any((10, 10, 100)), 2)

    def phone(self) -> str:
        return f"{self.any(('+', '0'))}{self.number(10, 99)} {self.number(100, 9999)} {self.number(1000, 99999)}"  # noqa: E501


def long_date(date: datetime.date) -> str:
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}"


def articles(text: str) -> str:
    """`a engineer` becomes `an engineer`."""
    return re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", text)
