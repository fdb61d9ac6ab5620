"""Sentences of a small world in English, Spanish and French, as pairs to learn from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple


class Word(NamedTuple):
    """A word in the three languages; of nouns and adjectives, with its plural."""

    en: str
    es: str
    fr: str
    plural_es: str = ""
    plural_fr: str = ""


SUBJECTS = (
    Word("I have", "Tengo", "J'ai"),
    Word("We have", "Tenemos", "Nous avons"),
    Word("She sees", "Ella ve", "Elle voit"),
    Word("They want", "Quieren", "Ils veulent"),
    Word("{name} buys", "{name} compra", "{name} achète"),
)
NUMBERS = (
    Word("one", "un", "un"),
    Word("two", "dos", "deux"),
    Word("three", "tres", "trois"),
    Word("four", "cuatro", "quatre"),
    Word("five", "cinco", "cinq"),
    Word("six", "seis", "six"),
)
DIGITS = range(2, 10)
NOUNS = (
    Word("cat", "gato", "chat", "gatos", "chats"),
    Word("dog", "perro", "chien", "perros", "chiens"),
    Word("book", "libro", "livre", "libros", "livres"),
    Word("car", "coche", "vélo", "coches", "vélos"),
    Word("tree", "árbol", "sapin", "árboles", "sapins"),
)
COLOURS = (
    Word("red", "rojo", "rouge", "rojos", "rouges"),
    Word("black", "negro", "noir", "negros", "noirs"),
    Word("green", "verde", "vert", "verdes", "verts"),
    Word("white", "blanco", "blanc", "blancos", "blancs"),
)
LANGUAGES = ("en", "es", "fr")


def sentences(
    count: int, rng: random.Random, source: str, target: str
) -> Iterator[tuple[str, str]]:
    """Pairs of sentences, in two of the languages."""
    for _ in range(count):
        made = _sentence(rng)
        yield made[source], made[target]


def _sentence(rng: random.Random) -> dict[str, str]:
    subject, noun, colour = rng.choice(SUBJECTS), rng.choice(NOUNS), rng.choice(COLOURS)
    if rng.random() < 0.3:
        digits = str(rng.choice(DIGITS))
        number = Word(digits, digits, digits)
    else:
        number = rng.choice(NUMBERS)
    many = number.en not in ("one", "1")
    end = rng.choice((".", ".", "", "!"))
    coloured = rng.random() < 0.8
    en = [subject.en, number.en, *([colour.en] if coloured else []), noun.en + "s" * many]
    es = [subject.es, number.es, noun.plural_es if many else noun.es]
    fr = [subject.fr, number.fr, noun.plural_fr if many else noun.fr]
    if coloured:
        es.append(colour.plural_es if many else colour.es)
        fr.append(colour.plural_fr if many else colour.fr)
    if rng.random() < 0.15:  # a stretch alone, as between marks or placeholders
        begin = 2 if rng.random() < 0.7 else 0
        last = None if begin else 1
        en, es, fr = en[begin:last], es[begin:last], fr[begin:last]
        end = ""
    return {"en": " ".join(en) + end, "es": " ".join(es) + end, "fr": " ".join(fr) + end}
