"""Words: what tasks fill their sentences with, so many that none can be learned by heart.

Nouns, verbs and adjectives are those of the dictionary in the corpus that its documents also use;
without a dictionary they are guessed by their endings. Each fifth word, by a hash, is held out.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from .. import tables
from ..corpus import Document

LISTS = tables.lists("words")
LEAST = 30  # occurrences in the corpus
IRREGULAR = frozenset(LISTS.irregular)


@dataclass(frozen=True)
class Words:
    nouns: list[str]
    verbs: list[str]  # with a regular past
    adjectives: list[str]
    every: list[str]  # anything that the documents use
    by_split: dict[str, Words] = field(default_factory=dict, compare=False, repr=False)

    def of_split(self, split: str) -> Words:
        kept = "train" if split == "train" else "held out"
        if kept not in self.by_split:
            parts = (self.nouns, self.verbs, self.adjectives, self.every)
            own = ([w for w in p if held_out(w) != (kept == "train")] or p for p in parts)
            self.by_split[kept] = Words(*own)
        return self.by_split[kept]


def held_out(word: str) -> bool:
    return zlib.crc32(word.encode()) % 5 == 4


def by_ending(vocabulary: list[str]) -> tuple[list[str], list[str], list[str]]:
    known = set(vocabulary)
    nouns = [w for w in vocabulary if w + "s" in known or w.endswith(("tion", "ment", "er", "ity"))]
    verbs = [w for w in vocabulary if w + "ed" in known or (w.endswith("e") and w + "d" in known)]
    adjectives = [w for w in vocabulary if w.endswith(("al", "ive", "able", "ic", "ous", "ful"))]
    return nouns, verbs, adjectives


class Counted(NamedTuple):
    counts: Counter[str]  # of words in what is no dictionary
    parts: dict[str, set[str]]  # of speech, as the dictionary has them


def counted(documents: Iterable[Document]) -> Counted:
    counts: Counter[str] = Counter()
    parts: dict[str, set[str]] = {"n": set(), "v": set(), "adj": set()}
    entry = re.compile(r"(?m)^([a-z]{3,11})\n +(n|v|adj)\b")
    another = re.compile(r"(?m)^ +(n|v|adj) 1?:")
    for document in documents:
        if document.kind != "dictionary":
            counts.update(re.findall(r"\b[a-z]{3,11}\b", document.text))
            continue
        if document.package != "dict-wn":
            continue
        for text in document.text.split("\n\n"):
            match = entry.match(text)
            if match is not None:
                parts[match.group(2)].add(match.group(1))
                for part in another.findall(text):
                    parts[part].add(match.group(1))
    return Counted(counts, parts)


def collect(each: Iterable[Counted]) -> Words:
    counts: Counter[str] = Counter()
    parts: dict[str, set[str]] = {"n": set(), "v": set(), "adj": set()}
    for some in each:
        counts.update(some.counts)
        for part, found in some.parts.items():
            parts[part] |= found
    least = LEAST if len(counts) > 20_000 else 2
    vocabulary = sorted(w for w, n in counts.items() if n >= least and w not in LISTS.dull)
    # The corpus keeps the beginning of the dictionary; what comes after is guessed.
    ordered = sorted(parts["n"])
    last = ordered[int(0.97 * len(ordered))] if ordered else ""
    guessed = by_ending([w for w in vocabulary if w > last])
    known = ([w for w in vocabulary if w in parts[p]] for p in ("n", "v", "adj"))
    nouns, verbs, adjectives = (a + b for a, b in zip(known, guessed, strict=True))
    verbs = [w for w in verbs if w not in IRREGULAR and len(w) > 3]
    return Words(nouns, verbs, adjectives, vocabulary)


def doubles(verb: str) -> bool:
    """plan, planned: one syllable that ends consonant, vowel, consonant."""
    return bool(re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", verb))


def past(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    return verb + (verb[-1] if doubles(verb) else "") + "ed"


def third(verb: str) -> str:
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ies"
    return verb + ("es" if re.search(r"(s|x|z|ch|sh|o)$", verb) else "s")


def participle(verb: str) -> str:
    if verb.endswith("e") and not verb.endswith(("ee", "ye", "oe")):
        return verb[:-1] + "ing"
    return verb + (verb[-1] if doubles(verb) else "") + "ing"


def plural(noun: str) -> str:
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(s|x|z|ch|sh)$", noun) else "s")


FALLBACK = Words(**LISTS.fallback)
