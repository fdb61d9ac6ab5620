"""The data: what people say at a counter, and the slip that it becomes.

A slip is of the form ``RYE x3 | TUE | LANE 4``. The words of customers are put together from
parts; a share of the customers' phrasings, goods and streets is held out whole, so that a test
slip is never one of training's with another number.
"""

from __future__ import annotations

import random
from typing import NamedTuple

GOODS = {
    "rye loaf": "RYE", "white loaf": "WHT", "seed roll": "SDR", "plum cake": "PLM",
    "salt pretzel": "SLT", "nut bun": "NUT", "honey cake": "HNY", "corn bread": "CRN",
    "apple pie": "APL", "spelt roll": "SPL", "cheese stick": "CHS", "poppy bun": "PPY",
}  # fmt: skip
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
STREETS = ["Lane", "Market", "Mill", "Harbour", "Church", "Garden", "Bridge", "Station"]
OPENINGS = [
    "I would like {what} for {day}, please, to {where}.",
    "Please bring {what} to {where} on {day}.",
    "Can I have {what} on {day}? The address is {where}.",
    "{what} for {day}, {where}.",
    "On {day} we need {what}, delivered to {where}.",
    "My order: {what}. Day: {day}. Place: {where}.",
    "For {day}: {what}. Send it to {where}.",
    "Could you deliver {what} to {where} this {day}?",
]
HELD_OUT = ["We are at {where} and want {what} on {day}.", "Hello, {what} please; {day}, {where}."]


class Slip(NamedTuple):
    """One example."""

    prompt: str
    completion: str


def slip(chance: random.Random, openings: list[str]) -> Slip:
    """A random order."""
    name, code = chance.choice(list(GOODS.items()))
    count = chance.randint(1, 10)
    said = chance.choice([str(count), NUMBERS[count - 1]])
    what = f"{said} {name if count == 1 else name + 's'}"
    day, street, number = chance.choice(DAYS), chance.choice(STREETS), chance.randint(1, 40)
    sentence = chance.choice(openings).format(what=what, day=day, where=f"{street} Street {number}")
    sentence = sentence[0].upper() + sentence[1:]
    return Slip(
        f"Write the order slip. {sentence}",
        f"{code} x{count} | {day[:3].upper()} | {street.upper()} {number}",
    )


def slips(count: int, *, seed: int, held_out: bool = False) -> list[Slip]:
    """Orders, each once; those held out are phrased as no order of training is."""
    chance, found = random.Random(seed), dict[str, Slip]()
    while len(found) < count:
        one = slip(chance, HELD_OUT if held_out else OPENINGS)
        found.setdefault(one.prompt, one)
    return list(found.values())
