"""Facts: what the corpus says, in a form that questions can be asked about.

Commands with a one-line summary and their options come from man pages; passages are paragraphs
that stand alone. Both keep the split of the document they come from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from .. import tables, workers
from ..corpus import Document
from . import words as vocabulary
from .documented import Documented, functions_of
from .words import FALLBACK, Words

MOST_PASSAGES = 100_000
# `common` are the commands that people ask about most, seen more often than the other thousands;
# `first` their one-letter options that newcomers ask about first, ten times as often.
LISTS = tables.lists("commands")


@dataclass
class Command:
    name: str
    summary: str
    split: str
    synopsis: str = ""
    options: list[tuple[list[str], str]] = field(default_factory=list)


@dataclass
class Passage:
    title: str
    heading: str
    text: str
    split: str


@dataclass
class Facts:
    commands: list[Command]
    passages: list[Passage]
    words: Words = FALLBACK

    def __post_init__(self) -> None:
        # What a command does can only be remembered, so questions are about training's pages.
        self.known = [c for c in self.commands if c.split == "train"]
        self.common = [c for c in self.known if c.name in LISTS.common and c.options]
        self.first = firsts(self.known)
        self.with_options = [c for c in self.known if c.options]
        self.names = {c.name for c in self.known}
        self.by_split: dict[str, list[Passage]] = {"train": [], "validation": [], "test": []}
        for passage in self.passages:
            self.by_split[passage.split].append(passage)

    @cached_property
    def documented(self) -> list[Documented]:
        """Training's commands as functions."""
        return functions_of(self.known)


def firsts(known: list[Command]) -> list[tuple[Command, list[str], str, str]]:
    """Of `first` what the pages tell: command, flags, the flag of one letter and its sentence."""
    by_name = {command.name: command for command in known}
    found = []
    for name, letters in LISTS.first.items():
        options = by_name[name].options if name in by_name else []
        for letter in letters:
            told = next(((f, text) for f, text in options if f"-{letter}" in f), None)
            if told is not None:
                found.append((by_name[name], told[0], f"-{letter}", told[1]))
    return found


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"(?m)^#{2,3} (.+)$", text)
    return {parts[i].strip(): parts[i + 1].strip() for i in range(1, len(parts) - 1, 2)}


def first_sentence(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    match = re.match(r"(.{8,200}?[^.\s]{2}[.;])(\s|$)", text)
    return (match.group(1) if match else text[:200]).rstrip(".;: ")


def read_options(body: str) -> list[tuple[list[str], str]]:
    """`-x, --extract, --get` and the first sentence under it, for every option of a section."""
    found = []
    for flags_line, description in re.findall(
        r"(?m)^\s*(-{1,2}[^\n]{0,80})\n\s{2,}(\S(?:[^\n]|\n(?!\n))+)", body
    ):
        flags = re.findall(r"(?:^|[\s,|])(-{1,2}[A-Za-z0-9?@][\w-]*)", flags_line)
        sentence = first_sentence(description)
        good = 3 <= len(sentence.split()) <= 34 and sentence.isascii() and sentence[0].isalpha()
        if flags and good and len(flags) <= 4:
            found.append((flags, sentence))
    return found


def read_command(document: Document) -> Command | None:
    by_heading = sections(document.text)
    line = re.sub(r"\s+", " ", by_heading.get("NAME", by_heading.get("Name", "")))
    match = re.match(r"(?:\S+, )*?([\w.+-]+)(?:, [^-]*)? [-–—]+ (.{8,140})$", line)
    if not match:
        return None
    name = document.title.rsplit(".", 1)[0]
    options: list[tuple[list[str], str]] = []
    for body in by_heading.values():
        options += read_options(body)
    synopsis = re.sub(r"\s+", " ", by_heading.get("SYNOPSIS", "").split("\n\n")[0]).strip()
    if not 5 < len(synopsis) < 120 or not synopsis.startswith(name):
        synopsis = ""
    summary = match.group(2).strip().rstrip(".")
    return Command(name, summary, document.split, synopsis, options[:160])


def read_passages(document: Document, limit: int) -> list[Passage]:
    found, heading = [], document.title
    for paragraph in document.text.split("\n\n"):
        if paragraph.startswith("#"):
            heading = paragraph.lstrip("# ").strip()[:80]
            continue
        text = re.sub(r"\s+", " ", paragraph).strip()
        letters = sum(c.isalpha() or c == " " for c in text)
        if not 180 <= len(text) <= 700 or letters < 0.88 * len(text) or text[-1] != ".":
            continue
        if text[0].isupper() and text.isascii():
            found.append(Passage(document.title, heading, text, document.split))
    step = max(1, len(found) // limit)
    return found[::step][:limit]


class Read(NamedTuple):
    commands: list[Command]
    passages: list[Passage]
    counted: vocabulary.Counted


def read(documents: list[Document], per_document: int = 12) -> Read:
    commands: list[Command] = []
    passages: list[Passage] = []
    for document in documents:
        if document.kind == "man" and re.search(r"\.(1|8)[a-z]*$", document.title):
            command = read_command(document)
            if command is not None:
                commands.append(command)
        if document.kind != "dictionary":
            passages += read_passages(document, per_document)
    return Read(commands, passages, vocabulary.counted(d for d in documents if d.split == "train"))


def thinned(passages: list[Passage]) -> list[Passage]:
    """No more of training's passages than are worth their memory, evenly; all of the others."""
    trained = [p for p in passages if p.split == "train"]
    step = max(1, -(-len(trained) // MOST_PASSAGES))
    return trained[::step] + [p for p in passages if p.split != "train"]


def extract(documents: Iterable[Document], folder: Path) -> Facts:
    """Write facts.json."""
    parts = list(workers.chunked(read, list(documents)))
    commands: dict[str, Command] = {}
    for command in (c for part in parts for c in part.commands):
        commands.setdefault(command.name, command)
    found = vocabulary.collect(part.counted for part in parts)
    passages = thinned([p for part in parts for p in part.passages])
    facts = Facts(list(commands.values()), passages, found)
    raw: dict[str, Any] = {
        "commands": [asdict(c) for c in facts.commands],
        "passages": [vars(p) for p in facts.passages],
        "words": {k: getattr(found, k) for k in ("nouns", "verbs", "adjectives", "every")},
    }
    (folder / "facts.json").write_text(json.dumps(raw), encoding="utf-8")
    return facts


def load(folder: Path) -> Facts:
    raw = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    commands = [Command(**c) for c in raw["commands"]]
    return Facts(commands, [Passage(**p) for p in raw["passages"]], Words(**raw["words"]))
