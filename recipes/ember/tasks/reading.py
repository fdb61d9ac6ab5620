"""Reading: passages with questions: extractive, yes or no, unanswerable, and real documentation."""

from __future__ import annotations

import re

from .. import tables
from ..chat import Conversation
from .checks import UNKNOWN
from .draw import NAMES, Draw, articles
from .facts import Facts
from .phrasing import exchange, frame, loosened, system
from .scenes import layout, note
from .world import story, subject_like

LISTS = tables.lists("reading")


def everyday(d: Draw, *, answered: bool) -> Conversation:
    """A question about what people write in a sentence or two, which the text answers or not."""
    while True:
        told = note(d)
        if told.answered if answered else told.open:
            break
    messages = system(d, 0.15)
    earlier = d.any((0, 0, 0, 0, 1, 2))  # questions about the same text
    for turn in range(earlier + 1):
        known = answered if turn == earlier else bool(told.answered) and d.chance(0.7)
        if not known and not told.open:
            continue
        question, answer = d.any(told.answered) if known else (d.any(told.open), UNKNOWN[0])
        question = loosened(d, question)
        first = not messages or messages[-1]["role"] == "system"
        asked = layout(d, told.text, question) if first else question
        messages.append({"role": "user", "content": asked})
        messages.append({"role": "assistant", "content": str(answer)})
    return Conversation(messages, check={"equals": str(answer)} if answered else {"unknown": True})


def extractive(d: Draw, facts: Facts) -> Conversation:
    if d.split == "train" and d.chance(0.35):
        return everyday(d, answered=True)
    told = story(d, facts=facts)
    subject, a, value = d.any(told.known)
    question = frame(d, told.text, a.question(d, subject))
    messages = system(d, 0.15)
    while d.chance(0.25) and len(messages) + 1 < 6:  # a second question about the same text
        messages += exchange([], question, str(value)).messages
        subject, a, value = d.any(told.known)
        question = a.question(d, subject)
        if told.missing and d.chance(0.15):
            messages += exchange([], question, str(value)).messages
            subject, a = d.any(told.missing)
            messages += exchange([], a.question(d, subject), UNKNOWN[0]).messages
            subject, a, value = d.any(told.known)
            question = a.question(d, subject)
    return exchange(messages, question, str(value))


def unanswerable(d: Draw, facts: Facts) -> Conversation:
    """What the passage leaves open, or somebody whom it never mentions: else the same passage."""
    if d.split == "train" and d.chance(0.3):
        return everyday(d, answered=False)
    for _ in range(50):
        told = story(d, facts=facts)
        if told.missing and d.chance(0.65):
            subject, a = d.any(told.missing)
            break
        subject, a, _ = d.any(told.known)
        subject = subject_like(d, subject)
        if a.statements and subject.lower() not in told.text.lower():
            break
    before = system(d, 0.15)
    asked = frame(d, told.text, a.question(d, subject))
    return exchange(before, asked, UNKNOWN[0], unknown=True)


def yes_no(d: Draw, facts: Facts) -> Conversation:
    told = story(d, facts=facts)
    stated = [row for row in told.known if row[1].statements]
    if not stated:
        return yes_no(d, facts)
    subject, a, value = d.any(stated)
    answer = d.chance(0.5)
    asked = value
    if not answer:
        others = [v for _, b, v in told.known if b.kind == a.kind and v != value]
        asked = d.any(others) if others and d.chance(0.5) else a.value(d)
        answer = asked == value
    question = articles(a.yes_no(subject, asked))
    before = system(d, 0.15)
    shown = frame(d, told.text, question[0].upper() + question[1:])
    return exchange(before, shown, "Yes." if answer else "No.")


def documentation(d: Draw, facts: Facts) -> Conversation:
    """A paragraph of real documentation; the question is about a sentence or an option of it."""
    passages = facts.by_split[d.split] or facts.passages
    if (d.chance(0.35) or not passages) and facts.with_options:
        command = d.any(facts.with_options)
        options = d.rng.sample(command.options, min(len(command.options), d.number(2, 7)))
        layout = d.any(("{f}  {t}.", "{f}: {t}.", "{f}\n    {t}.", "- {f} ({t})", "{f}\t{t}"))
        passage = "\n".join(layout.format(f=", ".join(flags), t=text) for flags, text in options)
        flags, text = d.any(options)
        if d.chance(0.5):
            question, answer = d.of(LISTS.what_option).format(f=d.any(flags)), text + "."
        else:
            question = d.of(LISTS.which_option).format(t=text[0].lower() + text[1:])
            answer = flags[0]
    elif not passages:
        return extractive(d, facts)
    else:
        passage = d.any(passages).text
        question, answer = about_passage(d, passage)
    before = system(d, 0.15)
    return exchange(before, frame(d, passage, question), answer)


def about_passage(d: Draw, passage: str) -> tuple[str, str]:
    match = re.search(
        r"(?:^|\. )((?:The|A|An) [\w\- ]{3,40}) (is|are) ([^.;,]{12,110})[.;,]", passage
    )
    if match and d.chance(0.5):
        subject, verb, rest = match.groups()
        question = d.of(LISTS.what_is).format(v=verb, s=subject[0].lower() + subject[1:])
        return question, f"{subject} {verb} {rest}."
    words = passage.split()
    if d.chance(0.5):
        count = d.number(1, 6)
        start = d.number(0, max(0, len(words) - 5 - count))
        begin = " ".join(words[start : start + 4])
        question = d.of(LISTS.after).format(a=begin, n=NAMES.number_words[count])
        return question, " ".join(words[start + 4 : start + 4 + count])
    sentences = [s for s in re.split(r"(?<=[.!?]) ", passage) if len(s.split()) > 5]
    words = d.any(sentences or [passage]).split()
    count = d.number(1, 4)
    start = d.number(1, max(1, len(words) - count - 1))
    gap = " ".join([*words[:start], "___", *words[start + count :]])
    return d.of(LISTS.cloze).format(t=gap), " ".join(words[start : start + count])
