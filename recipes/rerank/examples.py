"""Groups to learn from: a query, the passage that answers it, and passages that do not.

Passages are paragraphs of the man pages of this machine and of Python's docstrings; queries are
made of them as for ember-embed (`recipes.ember.tasks.pairs`). The wrong passages of a group are
neighbours of the right one, most of them from the same page.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from recipes.ember import corpus, debian
from recipes.ember.readers import read_roff
from recipes.ember.tasks.draw import Draw
from recipes.ember.tasks.facts import Passage
from recipes.ember.tasks.pairs import query_of, read_passages
from recipes.ember.tasks.synonyms import Synonyms

MANUALS = Path("/usr/share/man")
SECTIONS = ("man1", "man2", "man3", "man5", "man7", "man8")
DICTIONARY = "dict-wn"
MOST_OF_A_FAMILY = 60
"""Pages of programs whose names begin alike: some bring ten thousand, all of one form."""
WRONG = 7
"""Wrong passages of a group."""
AROUND = 24
"""Passages before and after the right one from which they are drawn."""


class Group(NamedTuple):
    query: str
    passages: list[str]
    """The first one is right."""


def manuals() -> Iterator[debian.Read]:
    """The man pages of this machine, some of each family."""
    families: dict[str, int] = {}
    for section in SECTIONS:
        for path in sorted((MANUALS / section).glob("*.gz")):
            title = path.name.removesuffix(".gz")
            family = corpus.page_family(title)
            families[family] = families.get(family, 0) + 1
            if families[family] > MOST_OF_A_FAMILY:
                continue
            text = gzip.decompress(path.read_bytes()).decode(errors="replace")
            if not text.startswith(".so "):
                yield debian.Read(title, "man", read_roff(text))


def held_out(title: str) -> bool:
    """A page of a work that questions are asked about (`bench/held_out`), or of ember's own."""
    works = {"varnish", *(work for works in corpus.WORKS.held_out.values() for work in works)}
    return any(title.lower().startswith(work) for work in works)


def passages() -> list[Passage]:
    """All there are to learn from, page by page."""
    found = list[Passage]()
    for read in [*manuals(), *corpus.docstrings()]:
        if held_out(read.path) or not corpus.is_prose(read.text):
            continue
        title = re.sub(r"\.gz$", "", read.path)
        document = corpus.Document(read.path, "", read.kind, title, title, "train", read.text)
        found += read_passages(document)
    return found


def synonyms(folder: Path, every: list[Passage]) -> Synonyms:
    """Words that mean the same, by WordNet (Debian's ``dict-wn``), of those that passages use."""
    debian.fetch([DICTIONARY], folder)
    _, _, read = corpus.read_package(folder, DICTIONARY)
    documents = [corpus.Document(r.path, "", r.kind, "", "", "train", r.text) for r in read]
    counts = Counter(word for p in every for word in set(re.findall(r"[a-z]{3,14}", p.text)))
    return Synonyms.read(documents, frozenset(word for word, n in counts.items() if n >= 5))


def shown(passage: Passage, text: str) -> str:
    """As a search shows a passage to a reranker: its headings above it."""
    return f"{passage.title} > {passage.heading}\n{text}"


def group(every: list[Passage], others: Synonyms, number: int) -> Group:
    """The same for a number each time."""
    d = Draw("train", f"rerank:{number}")
    at = d.number(0, len(every) - 1)
    query, text = query_of(d, every[at], others)
    near = [
        other
        for other in range(max(0, at - AROUND), min(len(every), at + AROUND + 1))
        if every[other].text != every[at].text
    ]
    wrong = d.rng.sample(near, WRONG - 2) + [d.number(0, len(every) - 1) for _ in range(2)]
    return Group(query, [shown(every[at], text), *(shown(every[w], every[w].text) for w in wrong)])
