"""Words in alphabetical order: the answer is known, so a reward can tell right from wrong."""

from __future__ import annotations

import random

WORDS = [
    "bread", "river", "copper", "lantern", "violin", "orchard", "pepper", "anchor", "button",
    "candle", "ladder", "marble", "needle", "pencil", "ribbon", "saddle", "timber", "velvet",
    "walnut", "whistle",
]  # fmt: skip
HELD_OUT = [
    "basket", "bridge", "castle", "garden", "hammer", "island", "jacket", "kettle", "market",
    "pillow", "meadow", "feather", "tunnel", "cherry", "dragon", "rocket",
]  # fmt: skip
ASKED = [
    "Put these words in alphabetical order, separated by commas: {words}.",
    "Sort alphabetically, with commas between: {words}.",
]
ASKED_HELD_OUT = ["Put these words from A to Z, separated by commas: {words}."]


def lists(count: int, *, seed: int, held_out: bool = False) -> list[tuple[str, str]]:
    """Questions and answers; those held out have other words, and are asked in other words."""
    chance, found = random.Random(seed), dict[str, str]()
    while len(found) < count:
        words = chance.sample(HELD_OUT if held_out else WORDS, chance.randint(3, 5))
        asked = chance.choice(ASKED_HELD_OUT if held_out else ASKED)
        found[asked.format(words=", ".join(words))] = ", ".join(sorted(words))
    return list(found.items())
