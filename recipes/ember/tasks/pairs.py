"""Pairs: a query and the passage that answers it, for the embedding model.

Pairs come in blocks of neighbours (of one page, of one command, of one page of the dictionary):
in a batch they are each other's negatives, and hard ones.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from .. import workers
from ..corpus import Document
from . import paraphrase
from .draw import Draw
from .facts import Command, Facts, Passage
from .synonyms import Entry, Synonyms, entries
from .words import FALLBACK, Words
from .world import story

SPLITS = ("train", "validation", "test")
BLOCK = 16  # pairs
SHORTEST, LONGEST = 160, 720  # characters of a passage; the longest is about 220 tokens
DEFINED = re.compile(
    r"(?:The|A|An|This) ([\w\- ]{3,40}?) (?:is|are|can|returns|specifies|allows|contains) "
)
GENERIC = frozenset(paraphrase.LISTS.headings)  # that tell nothing


class Pair(NamedTuple):
    query: str
    passage: str
    key: int  # the same for pairs whose passages say the same


class Question(NamedTuple):
    """A passage and two questions that it answers: in its own words, and in others."""

    passage: str
    plain: str
    paraphrased: str


@dataclass
class Material:
    passages: dict[str, list[Passage]]
    commands: dict[str, list[Command]]
    defined: list[Entry]
    synonyms: Synonyms
    words: Words = FALLBACK

    def __post_init__(self) -> None:
        self.kinds = {  # of blocks, with their weights
            split: {
                "passages": 68 if len(self.passages[split]) > BLOCK else 0,
                "command": 12 if self.commands.get(split) else 0,
                "dictionary": 15 if split == "train" and len(self.defined) > BLOCK else 0,
                "stories": 5,
            }
            for split in self.passages
        }

    def sizes(self) -> str:
        passages, commands = self.passages["train"], self.commands.get("train", [])
        return f"{len(passages)} passages, {len(commands)} commands, {len(self.defined)} words"


def key_of(text: str) -> int:
    return zlib.crc32(text.encode()) & 0x7FFFFFFF


def read_passages(document: Document) -> list[Passage]:
    """Paragraphs of a section, joined until they are long enough to be found by."""
    found: list[Passage] = []
    heading, held = document.title, ""

    def put() -> None:
        text = re.sub(r"\s+", " ", held).strip()
        letters = sum(c.isalpha() or c == " " for c in text)
        if len(text) >= SHORTEST and letters > 0.75 * len(text):
            found.append(Passage(document.title, heading, text[:LONGEST], document.split))

    for paragraph in document.text.split("\n\n"):
        if paragraph.startswith("#"):
            put()
            heading, held = paragraph.split("\n")[0].lstrip("# ").strip()[:80], ""
            continue
        held += f" {paragraph}"
        if len(held) > 420:
            put()
            held = ""
    put()
    return found


class Read(NamedTuple):
    passages: list[Passage]
    words: Counter[str]  # of training, once for each document
    dictionary: list[Document]


def read(documents: list[Document], splits: tuple[str, ...]) -> Read:
    passages: list[Passage] = []
    dictionary: list[Document] = []
    counts: Counter[str] = Counter()
    for document in documents:
        if document.kind == "dictionary":
            dictionary.append(document)
            continue
        if document.split in splits:
            passages += read_passages(document)
        if document.split == "train":
            counts.update(set(re.findall(r"\b[a-z]{3,14}\b", document.text)))
    return Read(passages, counts, dictionary)


def gather(
    documents: Iterable[Document], facts: Facts, splits: tuple[str, ...] = SPLITS
) -> Material:
    """One reading of the corpus, in whatever order its documents come; passages of `splits`."""
    parts = workers.chunked(read, list(documents), splits)
    passages: dict[str, list[Passage]] = {split: [] for split in SPLITS}
    dictionary: list[Document] = []
    counts: Counter[str] = Counter()
    for part in parts:
        for passage in part.passages:
            passages[passage.split].append(passage)
        dictionary += part.dictionary
        counts.update(part.words)
    known = frozenset(w for w, n in counts.items() if n >= 5)
    commands: dict[str, list[Command]] = defaultdict(list)
    for command in facts.commands:
        if len(command.options) > 2:
            commands[command.split].append(command)
    defined = [e for e in entries(dictionary) if len(e.definition.split()) > 3]
    return Material(passages, commands, defined, Synonyms.read(dictionary, known), facts.words)


def heading_of(passage: Passage) -> str:
    """What the page calls the passage, if that tells more than `Options` does."""
    heading = re.sub(r"^[\d.]+ ", "", passage.heading)
    title = re.sub(r"\.(\d\w*|md|pod)$", "", passage.title).replace("_", " ").replace("-", " ")
    if set(heading.lower().split()) <= GENERIC:
        return ""
    return heading if title.lower() in heading.lower() else f"{title} {heading}"


def of_passage(d: Draw, passage: Passage, synonyms: Synonyms) -> Pair:
    query, text = query_of(d, passage, synonyms)
    shown = f"{passage.heading}. {text}" if d.chance(0.4) else text
    return Pair(query, shown, key_of(passage.text))


def query_of(d: Draw, passage: Passage, synonyms: Synonyms) -> tuple[str, str]:
    """And the text that it is for: the passage, or what it says beside the query."""
    text, heading = passage.text, heading_of(passage)
    sentences = [s for s in sentences_of(text) if 5 <= len(s.split()) <= 60] or [text[:200]]
    kind, sentence = d.rng.random(), d.rng.choice(sentences)
    if kind < 0.07 and heading:
        more = f" {paraphrase.shortened(d, sentence)}" if d.chance(0.6) else ""
        return paraphrase.asked(d, "about", heading + more), text
    if kind < 0.15 and len(sentences) > 2:
        # The passage without the sentence: what they are about, not their words.
        return paraphrase.shortened(d, sentence), text.replace(sentence, "").strip()
    match = DEFINED.match(sentence)
    if kind < 0.2 and match and len(match.group(1).split()) > 1:
        return paraphrase.asked(d, "definition", match.group(1)), text
    if kind < 0.5:
        query = otherwise(d, text, sentences, synonyms)
    elif kind < 0.72:
        forgotten, share = d.rng.choice((0.1, 0.3, 0.6, 0.6)), d.rng.choice((0.6, 1.0, 1.0))
        query = paraphrase.paraphrased(d, sentence, synonyms, share, forgotten, d.chance(0.5))
    else:
        query = paraphrase.shortened(d, sentence)
    query = paraphrase.misspoken(d, query) or sentence
    if d.chance(0.12) and heading:
        query = f"{heading} {query}" if d.chance(0.5) else f"{query} {heading}"
    return paraphrase.asked(d, "about", query) if d.chance(0.4) else query, text


def otherwise(d: Draw, text: str, sentences: list[str], synonyms: Synonyms) -> str:
    """Of some paraphrases the one that has the fewest words of the passage and still says
    something: most of what tells them apart is in other words."""
    held = content(text)
    least, found = 2.0, ""
    for _ in range(4):
        sentence, loose = d.rng.choice(sentences), d.chance(0.5)
        query = paraphrase.paraphrased(d, sentence, synonyms, 1.0, 0.6, loose)
        words = content(query)
        shared = len(words & held) / len(words) if len(words) > 2 else 1.5
        if shared < least:
            least, found = shared, query
        if least <= 1 / 3:
            break
    return found


def of_option(d: Draw, command: Command, number: int, synonyms: Synonyms) -> Pair:
    flags, text = command.options[number % len(command.options)]
    passage = f"{command.name} {', '.join(flags)}: {text}."
    kind = d.rng.random()
    if kind < 0.2:
        return Pair(f"{command.name} {d.rng.choice(flags)}", passage, key_of(passage))
    plan = d.of(paraphrase.LISTS.need)
    plain = kind < 0.6
    said = paraphrase.shortened(d, text) if plain else paraphrase.paraphrased(d, text, synonyms)
    query = plan.format(x=paraphrase.needs(said))
    if d.chance(0.6):
        query += f" {command.name}" if d.chance(0.6) else f" with {command.name}"
    return Pair(query, passage, key_of(passage))


def of_word(d: Draw, entry: Entry, synonyms: Synonyms) -> Pair:
    kind = d.rng.random()
    others = [other for other, _ in synonyms.loose.get(entry.word, ())]
    passage = entry.word if kind > 0.85 else f"{entry.word}: {entry.definition}"
    if kind < 0.5:  # what it means is all that is common to the two
        passage = entry.definition
        query = d.rng.choice(others) if others and d.chance(0.5) else entry.word
        query = paraphrase.asked(d, "definition", query) if d.chance(0.6) else query
    elif kind < 0.65 and others:
        query = d.rng.choice(others)
    else:
        query = paraphrase.paraphrased(d, entry.definition, synonyms, loose=d.chance(0.5))
        query = paraphrase.asked(d, "definition", query)
    return Pair(query, passage, key_of(entry.definition))


def of_story(d: Draw) -> Pair:
    told = story(d)
    subject, attribute, _ = d.rng.choice(told.known)
    return Pair(d.of(attribute.questions).format(s=subject), told.text, key_of(told.text))


def block(material: Material, split: str, number: int) -> list[Pair]:
    """Neighbours, each with a query of its own."""
    d = Draw(split, f"pairs:{number}", material.words)
    weights = material.kinds[split]
    kind = d.rng.choices(list(weights), list(weights.values()))[0]
    if kind == "passages":
        passages = material.passages[split]
        start = d.number(0, len(passages) - BLOCK)
        return [of_passage(d, p, material.synonyms) for p in passages[start : start + BLOCK]]
    if kind == "command":
        command = d.rng.choice(material.commands[split])
        start = d.number(0, len(command.options))
        count = min(BLOCK, len(command.options))
        return [of_option(d, command, start + i, material.synonyms) for i in range(count)]
    if kind == "dictionary":
        start = d.number(0, len(material.defined) - BLOCK)
        chosen = material.defined[start : start + BLOCK]
        return [of_word(d, entry, material.synonyms) for entry in chosen]
    return [of_story(d) for _ in range(4)]


def sentences_of(text: str) -> list[str]:
    return re.split(r"(?<=[.;:!?]) ", text)


def is_prose(sentence: str) -> bool:
    letters = sum(c.isalpha() or c == " " for c in sentence)
    return 7 <= len(sentence.split()) <= 45 and letters > 0.9 * len(sentence)


def content(text: str) -> set[str]:
    return {w for w in re.findall(r"[a-z]{3,}", text.lower()) if paraphrase.is_content(w)}


def asked(d: Draw, passage: str, sentence: str, synonyms: Synonyms) -> tuple[str, str] | None:
    """A plain and a paraphrased question; None if the sentence can't be said in other words.

    Of the words that tell something the paraphrase shares at most a third with the passage.
    """
    held = content(passage)
    for _ in range(20):
        other = paraphrase.paraphrased(d, sentence, synonyms, share=1.0, forgotten=0.6)
        words = content(other)
        if len(words) >= 4 and 3 * len(words & held) <= len(words):
            break
    else:
        return None
    attempts = (paraphrase.shortened(d, sentence) for _ in range(12))
    plain = next((p for p in attempts if 3 <= len(content(p)) <= 6), sentence)
    return paraphrase.asked(d, "about", plain), paraphrase.asked(d, "about", other)


def questions(material: Material, split: str, count: int) -> tuple[list[Question], list[str]]:
    """Up to `count` passages with questions, spread over the split's documents, and as many
    passages again with none, which are there to be mistaken for them."""
    unique = list({key_of(p.text): p for p in material.passages[split]}.values())
    Draw(split, "questions").rng.shuffle(unique)
    found: list[Question] = []
    others: list[str] = []
    for number, passage in enumerate(unique):
        d = Draw(split, f"question:{number}")
        sentences = [s for s in sentences_of(passage.text) if is_prose(s)]
        d.rng.shuffle(sentences)
        wanted = len(found) < count
        pairs = (asked(d, passage.text, s, material.synonyms) for s in sentences)
        made = next(filter(None, pairs), None)
        if made and wanted:
            found.append(Question(passage.text, *made))
        elif len(others) < count:
            others.append(passage.text)
        if not wanted and len(others) == count:
            break
    return found, others
