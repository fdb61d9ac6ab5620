"""An invented world, told in sentences: subjects with attributes, and events.

Some attributes have words of their own (who owns it), most are an arbitrary noun (the throughput of
it is 40 km); an event is an arbitrary verb with a doer, an object, a place and a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .. import tables
from .draw import KINDS, Draw, articles
from .facts import Facts
from .phrasing import loosened
from .wording import LISTS as WORDING
from .wording import TABLE, bare, refusing
from .words import past

LISTS = tables.lists("world")


@dataclass(frozen=True)
class Attribute:
    """In its sentences {s} is the subject and {v} the value; each fifth one is held out."""

    key: str
    kind: str
    statements: list[str]
    asking: list[str]
    asked: str = LISTS.asked
    more: list[str] | None = None  # questions that only training asks
    arbitrary: bool = False

    @property
    def questions(self) -> list[str]:
        return [q.replace("{a}", self.key) for q in self.asking]

    def statement(self, d: Draw, subject: str, value: Any) -> str:
        trained = d.split == "train" and d.chance(0.5)
        if trained and not self.arbitrary:
            return TABLE[self.key].statement(d, subject, value, HELD_SAID)
        plan = d.of(self.statements)
        if self.arbitrary and d.chance(0.5):
            plan = d.of(LISTS.shapes).replace("{l}", link(d))
        text = plan.format(s=subject, v=value, a=self.key)
        if trained and d.chance(0.3):
            return d.any(WORDING["order"]).format(x=text.rstrip(".")) + "."
        return f"{d.of(LISTS.claims)} {text}" if d.chance(0.08) else text

    def question(self, d: Draw, subject: str) -> str:
        if d.split != "train":
            return self.plain_question(d, subject)
        text = self.trained_question(d, subject)
        said = loosened(d, text)
        held_out = (q.format(s=subject, a=self.key) for q in self.asking[4::5])
        return text if said != text and bare(said) in refusing(held_out) else said

    def trained_question(self, d: Draw, subject: str) -> str:
        if self.more and d.chance(0.4):
            return d.any(self.more)
        if self.statements and not self.arbitrary and d.chance(0.6):
            return TABLE[self.key].question(d, subject, HELD_ASKED)
        return self.plain_question(d, subject)

    def plain_question(self, d: Draw, subject: str) -> str:
        text = d.of(self.asking).format(s=subject, a=self.key)
        if self.arbitrary and d.chance(0.35):
            lead = d.of(LISTS.leads)
            asking = lead.startswith(("Do", "Can", "Could", "Would"))
            core = d.of(LISTS.cores).format(s=subject, a=self.key)
            text = f"{lead} {core}{'?' if asking else '.'}"
        elif d.chance(0.06):
            text = f"{d.of(LISTS.leads)}: {text}"
        return text[0].upper() + text[1:]

    def yes_no(self, subject: str, value: Any) -> str:
        return self.asked.format(s=subject, v=value, a=self.key)

    def value(self, d: Draw) -> Any:
        return d.fill(KINDS.world[self.kind])


PERSON, ITEM, EVENT = (
    [Attribute(k, a["kind"], a["statements"], a["questions"], a["yes_no"]) for k, a in rows.items()]
    for rows in tables.read("attributes").values()
)
HELD_SAID = refusing(p for t in (PERSON, ITEM, EVENT) for a in t for p in a.statements[4::5])
HELD_ASKED = refusing(q for t in (PERSON, ITEM, EVENT) for a in t for q in a.asking[4::5])
Known = tuple[str, Attribute, Any]  # a subject, what is said of it, and its value


def link(d: Draw) -> str:
    """What stands between a name and its value: a phrase of the list, or any verb at all."""
    if d.chance(0.7):
        return d.of(LISTS.links)
    verb = d.past()
    if d.chance(0.3):
        return f"{verb} {d.any(LISTS.prepositions)}"
    auxiliary = d.any(("was", "is", "has been", "got", "will be", "gets", "had been", "can be"))
    return f"{auxiliary} {verb} {d.any((*LISTS.prepositions, 'to be', 'to be'))}"


def arbitrary(d: Draw) -> Attribute:
    key, kind = d.fill([0.35, "{thing}", "{noun}"]), d.any(LISTS.arbitrary)
    return Attribute(key, kind, LISTS.statements, LISTS.questions, arbitrary=True)


def subject_and_schema(d: Draw) -> tuple[str, list[Attribute]]:
    """Who or what it is about, as it stands in a sentence, and what may be said of it."""
    kind = d.rng.random()
    if kind < 0.35:
        name = d.fill([0.5, "{fullname}", "{name}"])
        return name, [*d.rng.sample(PERSON, d.number(3, 6)), arbitrary(d)]
    if kind < 0.65:
        subject = d.one(KINDS.subjects["item"])
        schema = d.rng.sample(ITEM, d.number(1, 4))
        return subject, [*schema, *(arbitrary(d) for _ in range(d.number(1, 4)))]
    if kind < 0.85:
        subject = f"the {d.noun()} {d.any(LISTS.occasions)}"
        return subject, [*d.rng.sample(EVENT, d.number(3, 6)), arbitrary(d)]
    subject = d.one(KINDS.subjects["other"])
    return subject, [arbitrary(d) for _ in range(d.number(3, 6))]


@dataclass
class Story:
    text: str
    known: list[Known] = field(default_factory=list)
    missing: list[tuple[str, Attribute]] = field(default_factory=list)


def deed(d: Draw) -> Story:
    """An event in one sentence: what can be asked about it, and what it leaves open."""
    verb, who = d.verb(), d.fill([0.5, "{fullname}", "{name}"])
    thing = d.fill([0.6, "{thing}", "{number:2,90} {plural}"])
    several = thing[0].isdigit()
    what = thing if several else f"the {thing}"
    wheres, times, deeds = (
        LISTS.more[part] if d.split == "train" and d.chance(0.4) else getattr(LISTS, part)
        for part in ("wheres", "times", "deeds")
    )
    where = d.said(d.of(wheres), LISTS.slots["where"]) if d.chance(0.6) else ""
    when = d.said(d.of(times), LISTS.slots["when"]) if d.chance(0.6) else ""
    slots = {"w": who, "p": past(verb), "b": verb, "o": what}
    sentence = d.of(deeds).format(**slots).rstrip(".")
    sentence = sentence.replace(f"{what} was", f"{what} {'were' if several else 'was'}")
    extra = [part for part in (where, when) if part]
    d.rng.shuffle(extra)
    if extra and d.chance(0.25):
        sentence, *extra = f"{extra[0]}, {sentence}", *extra[1:]
    told = Story(" ".join([sentence, *extra]) + ".")
    values = {"who": who, "what": what, "where": where, "when": when}
    for key, plans in LISTS.deed_questions.items():
        asked, more = ([articles(p.format(**slots)) for p in plans[k]] for k in ("asked", "more"))
        attribute = Attribute(key, "word", [], asked, LISTS.deed_asked.format(**slots), more)
        if values[key]:
            told.known.append((who, attribute, values[key]))
        else:
            told.missing.append((who, attribute))
    return told


def filler(d: Draw, facts: Facts | None) -> str:
    """A sentence that says something else: invented, or from a page of the documentation."""
    passages = facts.by_split[d.split] if facts is not None else []
    if passages and d.chance(0.4):
        return d.any(passages).text.split(". ")[0].rstrip(".") + "."
    return deed(d).text if d.chance(0.5) else d.aside() + "."


def story(d: Draw, subjects: int | None = None, facts: Facts | None = None) -> Story:
    """A few subjects with some of their attributes told, and some left out, and a few events."""
    whole = Story("")
    blocks: list[list[str]] = []  # sentences that stay together
    names: set[str] = set()
    first: tuple[str, list[Attribute]] | None = None
    loose = d.chance(0.3)  # sentences in any order, so each must name its subject
    for _ in range(subjects or d.any((1, 1, 2, 2, 3, 4))):
        subject, schema = subject_and_schema(d)
        if first is not None and d.chance(0.5):  # the same kind of thing: a rival
            subject, schema = subject_like(d, first[0]), first[1]
        first = first or (subject, schema)
        if subject in names:
            continue
        names.add(subject)
        schema = list({a.key: a for a in schema}.values())
        told = d.rng.sample(schema, d.number(1, max(1, len(schema) - 1)))
        whole.missing += [(subject, a) for a in schema if a not in told]
        lines = []
        for place, a in enumerate(told):
            value = a.value(d)
            again = place and not loose and d.chance(0.4)
            lines.append(a.statement(d, short(subject) if again else subject, value))
            whole.known.append((subject, a, value))
        blocks += [[line] for line in lines] if loose else [lines]
    if subjects is None:
        for _ in range(d.any((0, 0, 0, 1, 2, 3))):
            event = deed(d)
            if event.known[0][0] not in names:
                names.add(event.known[0][0])
                blocks.append([event.text])
                whole.known += event.known
                whole.missing += event.missing
    if loose:
        d.rng.shuffle(blocks)
    for _ in range(d.any((0, 0, 1, 2, 3))):
        blocks.insert(d.number(0, len(blocks)), [filler(d, facts)])
    joiner = d.any((" ", " ", " ", " ", "\n"))
    sentences = (line[0].upper() + line[1:] for block in blocks for line in block)
    whole.text = articles(joiner.join(sentences))
    return whole


def short(subject: str) -> str:
    """How a subject is named again."""
    if subject.startswith("the "):
        return "it"
    words = subject.split()
    return words[0] if len(words) == 2 and words[1].isalpha() else subject


def subject_like(d: Draw, subject: str) -> str:
    """Another one of the same kind."""
    words = subject.split()
    if subject.startswith("the "):
        return " ".join([*words[:-2], d.noun(), words[-1]]) if len(words) > 2 else f"the {d.noun()}"
    if subject[0].isupper() and subject.replace(" ", "").isalpha():
        return str(d.fullname() if " " in subject else d.name())
    return str(d.code()) if any(c.isdigit() for c in subject) else d.word(2).capitalize()
