"""Pairs: a query and the passage that answers it, for the embedding model."""
# ruff: noqa: E501 (a table is read by rows)

from __future__ import annotations

import re

from .draw import Draw
from .facts import Facts, Passage
from .manual import lowered
from .reading import story

DROPPED = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "to",
        "and",
        "is",
        "are",
        "in",
        "on",
        "for",
        "it",
        "this",
        "that",
        "be",
        "as",
        "with",
        "by",
        "or",
        "if",
        "not",
        "can",
        "will",
        "may",
    ]
)
ABOUT = [
    "{h}",
    "{t} {h}",
    "{t}: {h}",
    "How does {h} work in {t}?",
    "Documentation of {h}",
    "What does {t} say about {h}?",
    "{h} in {t}",
    "explain {h} ({t})",
    "where is {h} described",
    "help with {t} {h}",
]
NEED = [
    "How do I {x}?",
    "{x}",
    "command to {x}",
    "I want to {x}",
    "Which option is there to {x}?",
    "how can I {x} from the shell",
    "a way to {x}",
    "is it possible to {x}",
    "need to {x}",
    "{x} on the command line",
]


def shortened(d: Draw, sentence: str) -> str:
    """A sentence as somebody would search for it: a part of it, perhaps only its content words."""
    words = sentence.strip().rstrip(".").split()
    if len(words) > 8:
        start = d.number(0, len(words) // 3)
        words = words[start : start + d.number(6, 16)]
    if d.chance(0.5):
        words = [w for w in words if w.lower() not in DROPPED] or words
    if d.chance(0.25):
        d.rng.shuffle(words)
    return " ".join(words)


def of_passage(d: Draw, passage: Passage) -> tuple[str, str]:
    sentences = [s for s in re.split(r"(?<=[.;:]) ", passage.text) if len(s.split()) > 4]
    shown = f"{passage.heading}. {passage.text}" if d.chance(0.3) else passage.text
    kind = d.rng.random()
    title = re.sub(r"[_.-]+", " ", passage.title)
    if kind < 0.3 and len(passage.heading) > 3:
        query = d.of(ABOUT).format(h=passage.heading, t=title)
        if d.chance(0.5) and sentences:
            query += " " + shortened(d, d.rng.choice(sentences))
        return query, shown
    if not sentences:
        return passage.heading, shown
    sentence = d.rng.choice(sentences)
    if len(sentences) > 1 and d.chance(0.5):  # the passage without it: meaning, not words
        shown = shown.replace(sentence, "").strip()
    match = re.match(
        r"(The|A|An|This) ([\w\- ]{3,40}?) (is|are|can|returns|specifies|allows|contains) ",
        sentence,
    )
    if match and d.chance(0.6):
        return (
            f"{d.rng.choice(('What is', 'What about', 'Explain', 'Purpose of'))} the {match.group(2)}",
            shown,
        )
    return shortened(d, sentence), shown


def of_command(d: Draw, facts: Facts) -> tuple[str, str]:
    command = d.rng.choice(facts.with_options)
    if d.chance(0.3):
        return d.of(NEED).format(x=lowered(command.summary)), f"{command.name} - {command.summary}"
    flags, text = d.rng.choice(command.options)
    passage = f"{command.name} {', '.join(flags)}: {text}."
    if d.chance(0.5):
        return f"{command.name} {d.rng.choice(flags)}", passage
    words = shortened(d, lowered(text))
    return d.of(NEED).format(x=words) + (f" {command.name}" if d.chance(0.5) else ""), passage


def of_story(d: Draw) -> tuple[str, str]:
    told = story(d)
    subject, attribute, _ = d.rng.choice(told.known)
    return d.of(attribute.questions).format(s=subject), told.text


def pair(facts: Facts, split: str, index: int) -> list[tuple[str, str]]:
    """One pair, or two from the same document, which are each other's hard negatives."""
    d = Draw(split, f"pair:{index}")
    passages = facts.by_split[split]
    kind = d.rng.random()
    if kind < 0.7 and len(passages) > 4:
        place = d.number(0, len(passages) - 2)
        first, second = passages[place], passages[place + 1]
        found = [of_passage(d, first)]
        if first.title == second.title:
            found.append(of_passage(d, second))
        return found
    if kind < 0.88 and facts.with_options:
        return [of_command(d, facts)]
    return [of_story(d)]
