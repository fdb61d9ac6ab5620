"""Synonyms: other words for a word, from the dictionary in the corpus and a short list.

They are split by pair: of all pairs of words each fourth is only for the test, in both directions,
so that a question in other words is in words whose equality training never showed.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .. import tables
from ..corpus import Document
from . import words

# What people and manuals call the same thing, and no dictionary of English says so.
GROUPS: list[list[str]] = tables.read("synonyms")
SENSE = re.compile(
    r"(?ms)^ {3,8}(?:(n|v|adj|adv)\b)? ?(\d+)?: (.*?)(?=^ {3,8}(?:n|v|adj|adv|\d+)\b|\Z)"
)
LISTED = re.compile(r"\[syn: ([^\]]*)\]")


def held_out(word: str, other: str) -> bool:
    return zlib.crc32(" ".join(sorted((word, other))).encode()) % 4 == 3


class Entry(NamedTuple):
    word: str
    part: str  # of speech: n, v, adj, adv
    definition: str
    others: list[str]


def entries(documents: Iterable[Document]) -> Iterator[Entry]:
    """The first two senses of every word in the dictionary."""
    for document in documents:
        if document.package != "dict-wn":
            continue
        for text in document.text.split("\n\n"):
            head, _, body = text.partition("\n")
            if not re.fullmatch(r"[a-z][a-z -]{2,30}", head):
                continue
            part = ""
            for match in SENSE.finditer(body):
                part = match.group(1) or part
                if int(match.group(2) or 1) > 2:
                    continue
                sense = re.sub(r"\s+", " ", match.group(3))
                listed = LISTED.search(sense)
                others = re.findall(r"\{([^}]+)\}", listed.group(1)) if listed else []
                yield Entry(head, part, re.split(r"[;\[]", sense)[0].strip(), others)


Table = dict[str, list[tuple[str, str]]]


class Synonyms:
    """Args:
    pairs: (word, other word, part of speech); a part of `` may be any.
    loose: pairs of which the words mean nearly the same, or the same now and then. They are for
        training alone, where they tell what the strict ones of the test leave to be concluded.
    """

    def __init__(
        self, pairs: Iterable[tuple[str, str, str]], loose: Iterable[tuple[str, str, str]] = ()
    ) -> None:
        self.of_split: dict[str, Table] = {"train": defaultdict(list)}
        self.of_split["test"] = self.of_split["validation"] = defaultdict(list)
        for word, other, part in pairs:
            if word != other:
                split = "test" if held_out(word, other) else "train"
                self.of_split[split][word].append((other, part))
        self.loose: Table = defaultdict(
            list, {w: list(o) for w, o in self.of_split["train"].items()}
        )
        for word, other, part in loose:
            if word != other and not held_out(word, other):
                self.loose[word].append((other, part))

    @classmethod
    def read(cls, documents: Iterable[Document], known: frozenset[str] = frozenset()) -> Synonyms:
        """Of the dictionary the words that mainly mean the same (to each the other is among its
        first senses) and that the documents use too (`known`), or nobody would ask so."""
        pairs: set[tuple[str, str, str]] = set()
        for members in GROUPS:
            pairs |= {(a, b, "") for a in members for b in members}
        listed = {
            (entry.word, other, entry.part)
            for entry in entries(documents)
            if entry.word in known
            for other in entry.others
            if other in known
        }
        strict = pairs | {(a, b, p) for a, b, p in listed if (b, a, p) in listed}
        near = {(b, a, p) for a, b, p in listed} | listed
        return cls(sorted(strict), sorted(near - strict))

    def of(self, word: str, split: str, loose: bool = False) -> list[str]:
        """Other words for a word as it stands, with its ending."""
        assert not loose or split == "train", "what is loose is for training alone"
        table = self.loose if loose else self.of_split[split]
        if word in table:
            return [other for other, _ in table[word]]
        for ending, bare, part, inflect in (
            ("s", word[:-1], "n", words.plural),
            ("es", word[:-2], "n", words.plural),
            ("ies", word[:-3] + "y", "n", words.plural),
            ("s", word[:-1], "v", words.third),
            ("ed", word[:-2], "v", words.past),
            ("ed", word[:-1], "v", words.past),
            ("ing", word[:-3], "v", words.participle),
            ("ing", word[:-3] + "e", "v", words.participle),
        ):
            if word.endswith(ending) and bare in table:
                others = [other for other, of in table[bare] if of in (part, "")]
                if others:
                    return [inflect(other) for other in others if other not in words.IRREGULAR]
        return []
