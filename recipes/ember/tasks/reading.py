"""Reading: passages with questions: extractive, yes or no, unanswerable, and real documentation."""
# ruff: noqa: E501 (a table is read by rows)

from __future__ import annotations

import re

from ..chat import Conversation
from .checks import UNKNOWN
from .draw import Draw, articles
from .facts import Facts
from .phrasing import frame, loosened, system
from .scenes import layout, note
from .world import Story, story, subject_like

__all__ = ["Story", "documentation", "extractive", "story", "unanswerable", "yes_no"]


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
    messages = [*system(d, 0.15), {"role": "user", "content": question}]
    while d.chance(0.25) and len(messages) < 6:  # a second question about the same text
        messages.append({"role": "assistant", "content": str(value)})
        subject, a, value = d.any(told.known)
        messages.append({"role": "user", "content": a.question(d, subject)})
        if told.missing and d.chance(0.15):
            messages.append({"role": "assistant", "content": str(value)})
            subject, a = d.any(told.missing)
            messages.append({"role": "user", "content": a.question(d, subject)})
            messages.append({"role": "assistant", "content": UNKNOWN[0]})
            subject, a, value = d.any(told.known)
            messages.append({"role": "user", "content": a.question(d, subject)})
    messages.append({"role": "assistant", "content": str(value)})
    return Conversation(messages, check={"equals": str(value)})


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
        if a.plans and subject.lower() not in told.text.lower():
            break
    return Conversation(
        [
            *system(d, 0.15),
            {"role": "user", "content": frame(d, told.text, a.question(d, subject))},
            {"role": "assistant", "content": UNKNOWN[0]},
        ],
        check={"unknown": True},
    )


def yes_no(d: Draw, facts: Facts) -> Conversation:
    told = story(d, facts=facts)
    stated = [row for row in told.known if row[1].plans]
    if not stated:
        return yes_no(d, facts)
    subject, a, value = d.any(stated)
    answer = d.chance(0.5)
    asked = value
    if not answer:
        others = [v for _, b, v in told.known if b.kind == a.kind and v != value]
        asked = d.any(others) if others and d.chance(0.5) else a.value(d)
        answer = asked == value
    content = "Yes." if answer else "No."
    question = articles(a.yes_no(subject, asked))
    return Conversation(
        [
            *system(d, 0.15),
            {"role": "user", "content": frame(d, told.text, question[0].upper() + question[1:])},
            {"role": "assistant", "content": content},
        ],
        check={"equals": content},
    )


WHAT_OPTION = [
    "What does {f} do?",
    "What is {f} for?",
    "Explain {f}.",
    "What does the option {f} mean?",
    "What is the effect of {f}?",
    "What happens with {f}?",
    "When do I need {f}?",
    "Describe {f}.",
    "Tell me what {f} does.",
    "What is the option {f} for?",
]
WHICH_OPTION = [
    "Which option does this: {t}?",
    "Find the option: {t}",
    "What option should I use to {t}?",
    'Which flag stands for "{t}"?',
    "Name the option that means: {t}",
    "How do I {t}?",
    "I want to {t}. Which option?",
    "Option for this: {t}",
    "The flag to {t}?",
    "Which option means this: {t}?",
]
WHAT_IS = [
    "What {v} {s}?",
    "According to the text, what {v} {s}?",
    "Tell me what {s} {v}.",
    "How does the text describe {s}?",
    "What does the text say about {s}?",
    "How is {s} described?",
    "Explain what {s} {v}.",
    "What {v} {s}, according to this?",
    "Say what {s} {v}.",
    "What {v} {s} said to be?",
]
AFTER = [
    'What are the {n} words after "{a}"?',
    'Continue the quote: "{a}" ({n} words)',
    'Which {n} words follow "{a}"?',
    'Quote the {n} words that come after "{a}".',
    'After "{a}", which {n} words come next?',
    'What comes after "{a}"? Give {n} words.',
    'The text goes on after "{a}" with which {n} words?',
    'Find "{a}" and give the next {n} words.',
    'Give the {n} words that follow "{a}".',
    'Which {n} words come after "{a}"?',
]
CLOZE = [
    'Fill the gap: "{t}"',
    'Which words are missing here: "{t}"',
    'Complete from the text: "{t}"',
    'What belongs in the gap of "{t}"?',
    'What is missing in "{t}"?',
    "Find the missing words: {t}",
    "In the following, something of the text was left out. What? {t}",
    "{t}\nWhat stands for ___ in the text?",
    'Which words fill the gap in "{t}"?',
    'What is missing here: "{t}"',
]
COUNTED = ["zero", "one", "two", "three", "four", "five", "six"]


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
            question, answer = d.of(WHAT_OPTION).format(f=d.any(flags)), text + "."
        else:
            question = d.of(WHICH_OPTION).format(t=text[0].lower() + text[1:])
            answer = flags[0]
    elif not passages:
        return extractive(d, facts)
    else:
        passage = d.any(passages).text
        question, answer = about_passage(d, passage)
    return Conversation(
        [
            *system(d, 0.15),
            {"role": "user", "content": frame(d, passage, question)},
            {"role": "assistant", "content": answer},
        ],
        check={"equals": answer},
    )


def about_passage(d: Draw, passage: str) -> tuple[str, str]:
    match = re.search(
        r"(?:^|\. )((?:The|A|An) [\w\- ]{3,40}) (is|are) ([^.;,]{12,110})[.;,]", passage
    )
    if match and d.chance(0.5):
        verb = match.group(2)
        subject = match.group(1)[0].lower() + match.group(1)[1:]
        question = d.of(WHAT_IS).format(v=verb, s=subject)
        return question, f"{match.group(1)} {verb} {match.group(3)}."
    words = passage.split()
    if d.chance(0.5):
        count = d.number(1, 6)
        start = d.number(0, max(0, len(words) - 5 - count))
        question = d.of(AFTER).format(a=" ".join(words[start : start + 4]), n=COUNTED[count])
        return question, " ".join(words[start + 4 : start + 4 + count])
    sentence = d.any([s for s in re.split(r"(?<=[.!?]) ", passage) if len(s.split()) > 5] or [passage])  # fmt: skip
    words = sentence.split()
    count = d.number(1, 4)
    start = d.number(1, max(1, len(words) - count - 1))
    gap = " ".join([*words[:start], "___", *words[start + count :]])
    return d.of(CLOZE).format(t=gap), " ".join(words[start : start + count])
