"""Paraphrases: a sentence of a manual as somebody would ask for it, in its words or in others."""

from __future__ import annotations

import re

from .. import tables
from .draw import Draw
from .synonyms import Synonyms
from .words import participle, past, plural

# In the questions {x} is what is wanted; every fifth is for the test alone.
LISTS = tables.lists("paraphrase")
FUNCTION_WORDS = frozenset(LISTS.function_words)
# Words that keep their capitals where a sentence goes on.
KEEP = tuple(LISTS.keep)


def asked(d: Draw, kind: str, what: str) -> str:
    """A question: about, need or definition."""
    return str(d.of(getattr(LISTS, kind)).format(x=what))


def words_of(sentence: str) -> list[str]:
    return sentence.strip().rstrip(".;:,").split()


def part(d: Draw, words: list[str], least: int = 5, most: int = 14) -> list[str]:
    """Some words in a row."""
    if len(words) <= least + 3:
        return words
    length = d.number(least, min(most, len(words)))
    start = d.number(0, len(words) - length)
    return words[start : start + length]


def is_content(word: str) -> bool:
    return word.lower().strip(".,;:()'\"") not in FUNCTION_WORDS


def shortened(d: Draw, sentence: str) -> str:
    """A part of a sentence, perhaps only its content words, perhaps in another order."""
    words = part(d, words_of(sentence), most=16)
    if d.chance(0.5):
        words = [w for w in words if is_content(w)] or words
    if d.chance(0.2):
        d.rng.shuffle(words)
    return " ".join(words)


def reordered(d: Draw, words: list[str]) -> list[str]:
    """What comes after a comma or a conjunction first."""
    joining = ("if", "when", "for", "with", "by")
    places = [
        i
        for i, word in enumerate(words)
        if 2 < i < len(words) - 2 and (word in joining or words[i - 1][-1] in ",;")
    ]
    if not places:
        return words
    place = d.rng.choice(places)
    return [*words[place:], *words[:place]]


def paraphrased(
    d: Draw,
    sentence: str,
    synonyms: Synonyms,
    share: float = 0.85,
    forgotten: float = 0.1,
    loose: bool = False,
) -> str:
    """Other words for most that have any, in another order; some of the others left out."""
    words = part(d, words_of(sentence), least=7, most=20)
    if d.chance(0.5):
        words = reordered(d, words)
    out = []
    for word in words:
        bare = word.strip(".,;:()'\"`").lower()
        others = synonyms.of(bare, d.split, loose) if bare.isalpha() else []
        if others and d.chance(share):
            out.append(d.rng.choice(others))
        elif is_content(word):
            if not d.chance(forgotten):
                out.append(word.strip(',;:()"') or word)
        elif d.chance(0.55):
            out.append(word)
    return " ".join(out)


def misspoken(d: Draw, query: str) -> str:
    """As people type who know roughly what they want: other endings, another order, words left
    out. For training alone."""
    words = query.split()
    if d.chance(0.25):
        words = [bent(d, word) if d.chance(0.4) else word for word in words]
    if d.chance(0.2) and len(words) > 4:
        words = [word for word in words if not d.chance(0.25)] or words
    if d.chance(0.15):
        place = d.number(0, len(words))
        words = [*words[place:], *words[:place]]
    text = " ".join(words)
    return text.lower() if d.chance(0.2) else text


def bent(d: Draw, word: str) -> str:
    """A word with another ending: deletes, deleted, deleting."""
    if not (word.isalpha() and len(word) > 4 and word.islower() and is_content(word)):
        return word
    stem = re.sub(r"(?:ing|ed|es|s)$", "", word)
    if len(stem) < 3:
        return word
    return d.any((stem, plural(stem), past(stem), participle(stem)))


def needs(text: str) -> str:
    """`Deletes the file` becomes `delete the file`: what somebody needs, as a request says it."""
    first, _, rest = text.partition(" ")
    first = first if first.isupper() else first.lower()
    if re.search(r"[^s]s$", first) and rest.split()[:1] and len(first) > 4:
        first = re.sub(r"(?<=sh|ch|ss)es$|(?<=x)es$|s$", "", first)
    return f"{first} {rest}".strip()


def lowered(text: str) -> str:
    """As it is said within a sentence: `Deletes the file` becomes `deletes the file`."""
    word = text.split()[0]
    return text if word.isupper() or word.startswith(KEEP) else text[0].lower() + text[1:]
