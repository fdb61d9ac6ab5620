"""Reading: passages with questions: extractive, yes or no, unanswerable, and onto JSON.

A passage is a few records of an invented world put into sentences, between sentences that say
something else, or a paragraph of the documentation.
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..chat import Conversation
from .draw import ANIMALS, COLOURS, FRUITS, JOBS, TOPICS, WEEKDAYS, Draw, articles, long_date
from .facts import Facts


@dataclass(frozen=True)
class Attribute:
    key: str
    value: Callable[[Draw], str | int]
    sentences: tuple[str, ...]  # {s} the subject, {v} the value
    questions: tuple[str, ...]
    yes_no: str


def attribute(
    key: str, value: Callable[[Draw], str | int], sentences: str, questions: str, yes_no: str
) -> Attribute:
    return Attribute(key, value, tuple(sentences.split("|")), tuple(questions.split("|")), yes_no)


PERSON = [
    attribute("job", lambda d: d.of(JOBS), "{s} works as a {v}.|{s} is a {v} by profession.|For years {s} has been a {v}.|{s} earns a living as a {v}.|By trade, {s} is a {v}.",
              "What does {s} do for a living?|What is the job of {s}?|What is {s}'s profession?|What does {s} work as?|Which profession does {s} have?", "Is {s} a {v}?"),
    attribute("city", Draw.place, "{s} lives in {v}.|The home of {s} is in {v}.|{s} moved to {v} some years ago.|{s} has a flat in {v}.|You will find {s} in {v}.",
              "Where does {s} live?|In which city does {s} live?|What is the home town of {s}?|Which place is {s}'s home?|Where is {s}'s home?", "Does {s} live in {v}?"),
    attribute("age", lambda d: d.number(18, 90), "{s} is {v} years old.|{s} turned {v} this year.|At {v}, {s} still rides a bicycle.|{s}, aged {v}, likes long walks.|The age of {s} is {v}.",
              "How old is {s}?|What is the age of {s}?|What age is {s}?|How many years old is {s}?|Tell me the age of {s}.", "Is {s} {v} years old?"),
    attribute("pet", lambda d: d.of(ANIMALS), "{s} has a {v}.|{s} keeps a {v} at home.|A {v} shares the house with {s}.|{s} bought a {v} last spring.|The pet of {s} is a {v}.",
              "What pet does {s} have?|Which animal does {s} keep?|What animal lives with {s}?|What kind of pet does {s} own?|Which pet belongs to {s}?", "Does {s} have a {v}?"),
    attribute("email", Draw.email, "{s} can be reached at {v}.|Write to {s} at {v}.|The address of {s} is {v}.|Mail for {s} goes to {v}.|Contact {s} under {v}.",
              "What is the email address of {s}?|How can I reach {s} by email?|Where do I write to {s}?|Which email does {s} use?|Give me {s}'s email address.", "Is {v} the address of {s}?"),
    attribute("team", lambda d: d.of(TOPICS), "{s} belongs to the {v} team.|In the company, {s} is part of the {v} team.|{s} joined the {v} team in spring.|The {v} team counts on {s}.|{s} leads the {v} team.",
              "Which team does {s} belong to?|What team is {s} in?|In which team does {s} work?|What is the team of {s}?|Which team has {s} as a member?", "Is {s} in the {v} team?"),
]  # fmt: skip
ITEM = [
    attribute("colour", lambda d: d.of(COLOURS), "The {s} is {v}.|The {s} was painted {v}.|Everyone notices the {s} because it is {v}.|They ordered the {s} in {v}.|In colour the {s} is {v}.",
              "What colour is the {s}?|Which colour does the {s} have?|What is the colour of the {s}?|In which colour is the {s}?|Tell me the colour of the {s}.", "Is the {s} {v}?"),
    attribute("price", lambda d: d.number(3, 990), "The {s} costs {v} euros.|The price of the {s} is {v} euros.|They ask {v} euros for the {s}.|For {v} euros you can have the {s}.|A buyer paid {v} euros for the {s}.",
              "How much does the {s} cost?|What is the price of the {s}?|How many euros is the {s}?|What do they ask for the {s}?|What does one pay for the {s}?", "Does the {s} cost {v} euros?"),
    attribute("owner", Draw.full_name, "The {s} belongs to {v}.|{v} owns the {s}.|The owner of the {s} is {v}.|The {s} was left to {v}.|The {s} is the property of {v}.",
              "Who owns the {s}?|Whose is the {s}?|Who is the owner of the {s}?|To whom does the {s} belong?|Whose property is the {s}?", "Does the {s} belong to {v}?"),
    attribute("room", lambda d: f"room {d.number(1, 60)}", "The {s} stands in {v}.|You find the {s} in {v}.|The {s} was moved to {v}.|They keep the {s} in {v}.|In {v} there is the {s}.",
              "Where is the {s}?|In which room is the {s}?|Where can I find the {s}?|Which room holds the {s}?|Where do they keep the {s}?", "Is the {s} in {v}?"),
    attribute("year", lambda d: d.number(1820, 2025), "The {s} was made in {v}.|The {s} dates from {v}.|It was in {v} that the {s} was built.|The {s} left the factory in {v}.|A label on the {s} says {v}.",
              "When was the {s} made?|In which year was the {s} made?|From which year is the {s}?|What year does the {s} date from?|How old a make is the {s}, by its year?", "Was the {s} made in {v}?"),
    attribute("weight", lambda d: f"{d.number(1, 80)} kg", "The {s} weighs {v}.|On the scales the {s} shows {v}.|The weight of the {s} is {v}.|With {v} the {s} is not light.|The {s} comes to {v}.",
              "How heavy is the {s}?|What does the {s} weigh?|What is the weight of the {s}?|How much does the {s} weigh?|Tell me how heavy the {s} is.", "Does the {s} weigh {v}?"),
]  # fmt: skip
EVENT = [
    attribute("date", lambda d: long_date(d.date()), "The {s} takes place on {v}.|The {s} is planned for {v}.|On {v} the {s} will open.|Keep {v} free for the {s}.|The date of the {s} is {v}.",
              "When is the {s}?|On which date is the {s}?|What is the date of the {s}?|When does the {s} take place?|What day is planned for the {s}?", "Is the {s} on {v}?"),
    attribute("time", Draw.clock, "The {s} begins at {v}.|Doors for the {s} open at {v}.|At {v} the {s} starts.|Be there at {v} for the {s}.|The start of the {s} is at {v}.",
              "At what time does the {s} begin?|When do I have to be at the {s}?|What time does the {s} start?|At which hour does the {s} open?|What is the starting time of the {s}?", "Does the {s} begin at {v}?"),
    attribute("place", Draw.place, "The {s} is held in {v}.|{v} hosts the {s}.|This time the {s} happens in {v}.|Travel to {v} for the {s}.|The {s} moves to {v} this year.",
              "Where is the {s} held?|Which city hosts the {s}?|Where does the {s} take place?|In which town is the {s}?|What is the place of the {s}?", "Is the {s} held in {v}?"),
    attribute("organiser", Draw.full_name, "{v} organises the {s}.|The {s} is run by {v}.|Behind the {s} stands {v}.|Questions about the {s} go to {v}.|The {s} was the idea of {v}.",
              "Who organises the {s}?|Who runs the {s}?|Who is behind the {s}?|Whom do I ask about the {s}?|Who is responsible for the {s}?", "Does {v} organise the {s}?"),
    attribute("guests", lambda d: d.number(8, 900), "{v} people will come to the {s}.|The {s} expects {v} guests.|There are {v} seats at the {s}.|For the {s}, {v} guests have signed up.|About the {s}: {v} people are invited.",
              "How many people come to the {s}?|How many guests does the {s} have?|What number of people is expected at the {s}?|How many seats are there at the {s}?|How large is the {s}, in people?", "Do {v} people come to the {s}?"),
    attribute("day", lambda d: d.of(WEEKDAYS), "The {s} falls on a {v}.|As always the {s} is on a {v}.|The {s} was put on a {v}.|People meet for the {s} on {v}.|{v} is the day of the {s}.",
              "On which day of the week is the {s}?|Which weekday is the {s}?|What weekday does the {s} fall on?|On what day of the week do people meet for the {s}?|Which day of the week is the {s} on?", "Is the {s} on a {v}?"),
]  # fmt: skip
FILLER = """It rained for most of the afternoon.|Nobody had expected so many letters.|The old map on
the wall is still wrong.|There was coffee for everyone.|A neighbour took some photographs.|The door
sticks a little in winter.|Some of the details may change.|The report was written in a hurry.|More
will be said next week.|The garden behind the house is large.|Several people asked about parking.|The
minutes are kept in a blue folder.|Lunch was simple but good.|The train was late again.|It was a
quiet week otherwise.""".replace("\n", " ").split("|")
UNKNOWN = [
    "The text does not say.",
    "The passage doesn't say.",
    "That is not in the text.",
]
EVENT_KINDS = "meeting workshop concert market fair lecture race picnic auction hearing".split()
FRAMES = [
    "{p}\n\n{q}", "{p}\n\nQuestion: {q}", "Read this:\n{p}\n\n{q}", "{q}\n\n{p}",
    "Text: {p}\nQuestion: {q}", "Here is a note.\n\n{p}\n\nAnswer from the note: {q}",
    "Passage:\n{p}\n\n{q} Answer in a few words.", "Context: {p}\n\nQ: {q}", "\"{p}\"\n\n{q}",
    "Use the text to answer. {q}\n\nText:\n{p}", "{p}\n\nUsing only the text above, {q}",
    "Answer the question from the passage.\n\nPassage: {p}\n\nQuestion: {q}\nAnswer:",
]  # fmt: skip


def subject_and_schema(d: Draw) -> tuple[str, list[Attribute]]:
    kind = d.number(0, 2)
    if kind == 0:
        return (d.full_name() if d.chance(0.5) else d.name()), PERSON
    if kind == 1:
        return f"{d.of([*COLOURS, 'old', 'small'])} {d.thing()}", ITEM[1:]
    if d.chance(0.3):
        return d.thing(), ITEM
    return f"{d.of(TOPICS)} {d.of(EVENT_KINDS)}", EVENT


@dataclass
class Story:
    text: str
    known: list[tuple[str, Attribute, str | int]]
    missing: list[tuple[str, Attribute]]


def story(d: Draw, subjects: int | None = None) -> Story:
    """A few subjects with some of their attributes told, and some left out."""
    known: list[tuple[str, Attribute, str | int]] = []
    missing: list[tuple[str, Attribute]] = []
    blocks: list[list[str]] = []
    names: set[str] = set()
    for _ in range(subjects or d.number(1, 3)):
        subject, schema = subject_and_schema(d)
        if subject in names:
            continue
        names.add(subject)
        attributes = d.rng.sample(schema, d.number(2, len(schema) - 1))
        lines = []
        for a in schema:
            if a not in attributes:
                missing.append((subject, a))
        for a in attributes:
            value = a.value(d)
            lines.append(d.of(a.sentences).format(s=subject, v=value))
            known.append((subject, a, value))
        blocks.append(lines)
    sentences = [line for block in blocks for line in block]
    if d.chance(0.3):
        d.rng.shuffle(sentences)
    for _ in range(d.rng.choice((0, 0, 1, 2, 3))):
        sentences.insert(d.number(0, len(sentences)), d.of(FILLER))
    text = " ".join(s[0].upper() + s[1:] for s in sentences)
    return Story(articles(text), known, missing)


def frame(d: Draw, passage: str, question: str) -> str:
    pattern = d.of(FRAMES)
    if ", {q}" in pattern:
        question = question[0].lower() + question[1:]
    return pattern.format(p=passage, q=question)


def extractive(d: Draw, facts: Facts) -> Conversation:
    told = story(d)
    subject, a, value = d.rng.choice(told.known)
    messages = [
        {"role": "user", "content": frame(d, told.text, d.of(a.questions).format(s=subject))}
    ]
    while d.chance(0.25) and len(messages) < 6:  # a second question about the same text
        messages.append({"role": "assistant", "content": str(value)})
        subject, a, value = d.rng.choice(told.known)
        messages.append({"role": "user", "content": d.of(a.questions).format(s=subject)})
    messages.append({"role": "assistant", "content": str(value)})
    return Conversation(messages, check={"equals": str(value)})


def unanswerable(d: Draw, facts: Facts) -> Conversation:
    told = story(d)
    if told.missing and d.chance(0.7):
        subject, a = d.rng.choice(told.missing)
    else:  # somebody the passage never mentions
        subject, schema = subject_and_schema(d)
        a = d.rng.choice(schema)
        if subject in told.text:
            return unanswerable(d, facts)
    question = d.of(a.questions).format(s=subject)
    return Conversation(
        [
            {"role": "user", "content": frame(d, told.text, question)},
            {"role": "assistant", "content": d.rng.choice(UNKNOWN)},
        ],
        check={"unknown": True},
    )


def yes_no(d: Draw, facts: Facts) -> Conversation:
    told = story(d)
    subject, a, value = d.rng.choice(told.known)
    answer = d.chance(0.5)
    asked = value
    if not answer:
        others = [v for _, b, v in told.known if b.key == a.key and v != value]
        asked = d.rng.choice(others) if others and d.chance(0.5) else a.value(d)
        answer = asked == value
    question = articles(a.yes_no.format(s=subject, v=asked))
    content = "Yes." if answer else "No."
    return Conversation(
        [
            {"role": "user", "content": frame(d, told.text, question)},
            {"role": "assistant", "content": content},
        ],
        check={"equals": content},
    )


def documentation(d: Draw, facts: Facts) -> Conversation:
    """A paragraph of real documentation; the question is about a sentence or an option of it."""
    if d.chance(0.5) and facts.with_options:
        command = d.rng.choice(facts.with_options)
        options = d.rng.sample(command.options, min(len(command.options), d.number(2, 5)))
        passage = "\n".join(f"{', '.join(flags)}  {text}." for flags, text in options)
        flags, text = d.rng.choice(options)
        if d.chance(0.5):
            question = d.of(["What does {f} do?", "What is {f} for?", "Explain {f}.", "What does the option {f} mean?", "What is the effect of {f}?"]).format(f=d.rng.choice(flags))  # fmt: skip
            answer = text + "."
        else:
            question = d.of(["Which option does this: {t}?", "Find the option: {t}", "What option should I use to {t}?", "Which flag stands for \"{t}\"?", "Name the option that means: {t}"]).format(t=text[0].lower() + text[1:])  # fmt: skip
            answer = flags[0]
    else:
        passages = facts.by_split[d.split] or facts.passages
        if not passages:
            return extractive(d, facts)
        passage = d.rng.choice(passages).text
        match = re.search(
            r"(?:^|\. )((?:The|A|An) [\w\- ]{3,40}) (is|are) ([^.;,]{12,110})[.;,]", passage
        )
        if match:
            verb = match.group(2)
            subject = match.group(1)[0].lower() + match.group(1)[1:]
            question = d.of(["What {v} {s}?", "According to the text, what {v} {s}?", "Tell me what {s} {v}.", "How does the text describe {s}?", "What does the text say about {s}?"]).format(v=verb, s=subject)  # fmt: skip
            answer = f"{match.group(1)} {verb} {match.group(3)}."
        else:
            words = passage.split()
            start = d.number(0, max(0, len(words) - 14))
            question = d.of(["What are the six words after \"{a}\"?", "Continue the quote: \"{a}\" (six words)", "Which six words follow \"{a}\"?", "Quote the six words that come after \"{a}\".", "After \"{a}\", which six words come next?"]).format(a=" ".join(words[start : start + 4]))  # fmt: skip
            answer = " ".join(words[start + 4 : start + 10])
    return Conversation(
        [
            {"role": "user", "content": frame(d, passage, question)},
            {"role": "assistant", "content": answer},
        ],
        check={"equals": answer},
    )


def to_json(d: Draw, facts: Facts) -> Conversation:
    """The attributes of one subject as an object, by schema, by example or by a list of keys."""
    told = story(d, subjects=d.rng.choice((1, 1, 2)))
    subject = told.known[0][0]
    mine = [(a, v) for s, a, v in told.known if s == subject]
    names = {a.key: a.key if d.chance(0.8) else f"{a.key}_{d.rng.choice(('value', 'field', 'info'))}" for a, _ in mine}  # fmt: skip
    value: dict[str, Any] = {"name": subject} if d.chance(0.5) else {}
    value.update({names[a.key]: v for a, v in mine})
    for s, a in told.missing:
        if s == subject and d.chance(0.25):
            value[a.key] = None  # asked for, but the text does not say
    items = list(value.items())
    d.rng.shuffle(items)
    value = dict(items)
    if d.chance(0.4):
        types = {str: "string", int: "integer", type(None): ["string", "null"]}
        properties = {k: {"type": types[type(v)]} for k, v in value.items()}
        schema = {"type": "object", "properties": properties, "required": list(value)}
        request = d.of(["Answer with JSON that matches this schema:\n{k}", "Fill this JSON schema from the text:\n{k}", "Return one JSON object for this schema:\n{k}", "JSON schema:\n{k}\nAnswer with JSON only.", "Give me JSON by the schema {k}"]).format(k=json.dumps(schema))  # fmt: skip
    else:
        keys = ", ".join(value)
        request = d.of(["Give me a JSON object with the keys {k}.", "Extract as JSON: {k}", "Answer in JSON with these fields: {k}.", "Give me JSON with {k}.", "JSON with {k}", "As JSON with the keys {k}", "Write JSON: {k}", "What are {k}? Answer as a JSON object.", "Turn this into JSON ({k}).", "I need {k} as a JSON object."]).format(k=keys)  # fmt: skip
    if len({s for s, _, _ in told.known}) > 1:
        request = f"About {subject}. " + request
    shown = f"{told.text}\n\n{request}" if d.chance(0.6) else f"{request}\n\n{told.text}"
    return Conversation(
        [
            {"role": "user", "content": shown},
            {"role": "assistant", "content": json.dumps(value, ensure_ascii=False)},
        ],
        check={"json": value},
    )


def shopping(d: Draw, facts: Facts) -> Conversation:
    """An array of objects from a list in prose."""
    rows = [{"item": f, "count": d.number(1, 40)} for f in d.some(FRUITS, d.number(2, 5))]
    prose = ", ".join(f"{r['count']} {r['item']}" for r in rows)
    request = d.of(["Write this order as a JSON array with item and count: {p}", "JSON list of item and count, please: {p}", "Make a JSON array (item, count) from: {p}", "Turn the shopping list into JSON with item and count.\n{p}", "{p}\n\nAs a JSON array of objects with item and count."]).format(p=prose)  # fmt: skip
    return Conversation(
        [
            {"role": "user", "content": request},
            {"role": "assistant", "content": json.dumps(rows)},
        ],
        check={"json": rows},
    )
