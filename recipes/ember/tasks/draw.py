"""Draws: one random source per conversation, and the vocabularies that tasks draw from.

Templates and words are split too: of every list of five or more, validation and test see only
each fifth entry, and train only the others. So a figure on the test split is about phrasings
and names that training never showed.
"""
# ruff: noqa: SIM905 (word lists are read as words)

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Sequence
from typing import TypeVar

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
THINGS = """lamp kettle bicycle notebook violin camera teapot ladder carpet mirror guitar printer
backpack blanket compass telescope drum hammer basket clock vase umbrella radio toaster scarf
painting microscope tent helmet saddle piano candle jacket laptop chair table keyboard suitcase
kite statue map lantern rug bench anchor wheelbarrow sewing-machine router monitor""".split()
COLOURS = "red blue green yellow black white grey brown purple orange pink silver golden".split()
FRUITS = """apples pears plums cherries grapes lemons oranges bananas figs dates melons peaches
apricots carrots onions potatoes tomatoes peppers beans pumpkins walnuts almonds olives""".split()
JOBS = """teacher nurse baker engineer gardener librarian painter plumber carpenter pilot lawyer
translator electrician journalist farmer architect dentist tailor musician chemist driver
accountant biologist photographer welder""".split()
TOPICS = """budget website garden kitchen library server newsletter roof exhibition concert
warehouse survey contract training museum workshop conference translation database festival
laboratory playground bridge archive podcast""".split()
ANIMALS = """cat dog horse parrot goat rabbit turtle hamster owl duck pony sheep goose donkey
hedgehog lizard""".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = """January February March April May June July August September October November
December""".split()
NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
ONSETS = "b br c cl d dr f fl g gr h j k kr l m n p pr qu r s sk st t tr v w z sh ch th".split()
VOWELS = "a e i o u a e i o ai ea io ou".split()
CODAS = "n r l s t m k x nd rt lm sk   ".split(" ")


class Draw:
    def __init__(self, split: str, seed: str) -> None:
        self.split = split
        self.rng = random.Random(f"{split}:{seed}")

    def of(self, options: Sequence[T]) -> T:
        """One of the options that this split may see."""
        if len(options) < 5:
            return self.rng.choice(options)
        place = self.rng.randrange(len(options))
        if self.split == "train":
            return options[place if place % 5 != 4 else place - 1 - self.rng.randrange(4)]
        held_out = len(options) // 5
        return options[self.rng.randrange(held_out) * 5 + 4]

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
        return self.rng.randint(low, high)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def word(self, syllables: int = 2) -> str:
        """An invented word: what cannot be remembered must be read."""
        pick = self.rng.choice
        return "".join(pick(ONSETS) + pick(VOWELS) + pick(CODAS) for _ in range(syllables))

    def name(self) -> str:
        return self.of(FIRST_NAMES) if self.chance(0.7) else self.word().capitalize()

    def full_name(self) -> str:
        return f"{self.name()} {self.word(self.number(1, 3)).capitalize()}"

    def place(self) -> str:
        return self.of(PLACES) if self.chance(0.6) else self.word(2).capitalize()

    def thing(self) -> str:
        return self.of(THINGS)

    def date(self) -> datetime.date:
        return datetime.date(2000, 1, 1) + datetime.timedelta(days=self.number(0, 14000))

    def clock(self) -> str:
        return f"{self.number(0, 23):02d}:{self.rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50)):02d}"

    def email(self) -> str:
        return f"{self.name().lower()}@{self.word()}.{self.rng.choice(('org', 'com', 'net'))}"

    def path(self) -> str:
        folder = self.rng.choice(("/home/" + self.name().lower(), "/srv", "/tmp", "docs", "src"))
        kind = self.rng.choice(("txt", "csv", "md", "json", "log", "py", "png"))
        return f"{folder}/{self.word()}.{kind}"


def long_date(date: datetime.date) -> str:
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}"


def articles(text: str) -> str:
    """`a engineer` becomes `an engineer`."""
    return re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", text)
