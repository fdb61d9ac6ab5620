"""Facts: what the corpus says, in a form that questions can be asked about.

Commands with a one-line summary and their options come from man pages; passages are paragraphs
that stand alone. Both keep the split of the document they come from.
"""
# ruff: noqa: SIM905 (word lists are read as words)

from __future__ import annotations

import json
import multiprocessing
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ..corpus import Document
from . import words as vocabulary
from .documented import Documented, functions_of
from .words import FALLBACK, Words

MOST_PASSAGES = 100_000
CHUNK = 400  # documents that a process reads at a time
# The commands that people ask about most are seen more often than the other thousands.
COMMON = frozenset(
    """tar ls cp mv rm mkdir rmdir cat head tail less grep sed gawk awk find xargs sort uniq wc cut
    tr tee diff patch chmod chown ln df du ps kill top free uptime who id date touch stat file echo
    printf ssh scp rsync curl wget ping ip ss gzip gunzip xz zstd zip unzip bash sudo mount umount
    systemctl journalctl crontab git git-commit git-clone git-log git-status git-push git-pull
    git-branch git-checkout git-diff git-merge git-rebase git-stash git-add git-reset make gcc gpg
    openssl apt apt-get dpkg man nano vim tmux screen jq split basename dirname realpath readlink
    seq sleep env nohup nice watch lsof strace cmake docker podman git""".split()
)


# The one-letter options that newcomers ask about first; they are asked for ten times as often.
FIRST = """ls a l h r R S d 1 t i F A|grep i v r n l c E w o x A B C e f q F L|tar x c t v f z j
J C r u p k|cp a r R i f u v n l s p|mv f i n u v b|rm r f i v d I|mkdir p m v|ps e f
A u a p C|df h T i a t l H|du h s a c d k x|chmod R v c f|ssh p i v L R D N f A X l J
q|scp r P p i v q C l|cat n b s v A E T|head n c q v|tail f n c F q|sort n r u k t h f
o c b M R|uniq c d u i f s w|wc l c w m L|less N S R i X F|ping c i s t w W q|kill
l|rsync a v r u b q n z|gzip d c k r l t v 9 1 f|unzip l o p t u v n q a|man k f a w
K|ln s f v n i b|diff u r q y N i w b B a|xargs n I P 0 r t d|cut d f c b s|top b d n
p u H i|free h b k m g s t w|git-commit m a v s q p n|git-log p n S|git-diff p w U
b|git-add p A u n f i|git-push u f d n q|git-branch d D m a r v|git-checkout b f q
B|git-clone b o n|sudo u i s k l E b H|uname a s n r v m p|touch a c d m r t|curl C K
G g|date d u R r f s|find L H P|stat c f t L|echo n e E|id u g G n|file b i z L|tee a
i|tr d s c t|patch p R i b|watch n d t|crontab e l r u i|dpkg i l L r P s|wget c O q r"""


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
        self.common = [c for c in self.known if c.name in COMMON and c.options]
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
    """Of FIRST what the pages tell: command, flags, the flag of one letter and its sentence."""
    by_name = {command.name: command for command in known}
    found = []
    for row in FIRST.replace("\n", " ").split("|"):
        name, *letters = row.split()
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
    synopsis = by_heading.get("SYNOPSIS", "").split("\n\n")[0].replace("\n", " ").strip()
    synopsis = re.sub(r"\s+", " ", synopsis)
    return Command(
        name,
        match.group(2).strip().rstrip("."),
        document.split,
        synopsis if 5 < len(synopsis) < 120 and synopsis.startswith(name) else "",
        options[:160],
    )


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
    """Write facts.json. Many documents are read by all cores."""
    global inherited
    inherited = list(documents)
    starts = range(0, len(inherited), CHUNK)
    if len(starts) > 1:
        with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
            parts = pool.map(read_chunk, starts, chunksize=1)
    else:
        parts = [read(inherited)]
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


inherited: list[Document] = []


def read_chunk(start: int) -> Read:
    return read(inherited[start : start + CHUNK])


def load(folder: Path) -> Facts:
    raw = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    return Facts(
        [Command(**c) for c in raw["commands"]],
        [Passage(**p) for p in raw["passages"]],
        Words(**raw["words"]),
    )
