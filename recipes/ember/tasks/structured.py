"""Structured work on short input: sort, count, pick, rewrite, repeat, compare."""

from __future__ import annotations

import re

from ..chat import Conversation
from .draw import ANIMALS, COLOURS, FIRST_NAMES, FRUITS, JOBS, PLACES, THINGS, TOPICS, Draw
from .facts import Facts

WORD_LISTS = [ANIMALS, COLOURS, FIRST_NAMES, FRUITS, JOBS, PLACES, THINGS, TOPICS]


def words(d: Draw, low: int, high: int) -> list[str]:
    if d.chance(0.3):
        return [d.word() for _ in range(d.number(low, high))]
    return d.some(d.rng.choice(WORD_LISTS), d.number(low, high))


def phrase_text(d: Draw) -> str:
    verb = d.of(
        [
            "carries",
            "paints",
            "sells",
            "likes",
            "repairs",
            "finds",
            "wants",
            "loses",
            "draws",
            "cleans",
        ]
    )
    tail = d.of(
        [
            "in the morning",
            "every day",
            "near the river",
            "after lunch",
            "with great care",
            "for a friend",
            "at night",
            "in " + d.place(),
        ]
    )
    return f"{d.name()} {verb} the {d.of(COLOURS)} {d.thing()} {tail}."


def answer(user: str, reply: str, thinking: str | None = None, **check: object) -> Conversation:
    final = {"role": "assistant", "content": reply}
    if thinking is not None:
        final["reasoning_content"] = thinking
    return Conversation(
        [{"role": "user", "content": user}, final],
        thinking=thinking is not None,
        check=check or {"equals": reply},
    )


def sorting(d: Draw, facts: Facts) -> Conversation:
    down = d.chance(0.4)
    if d.chance(0.5):
        numbers = d.rng.sample(range(1, 10 ** d.number(2, 4)), d.number(3, 7))
        given, result = [str(n) for n in numbers], [str(n) for n in sorted(numbers, reverse=down)]
        order = d.rng.choice(
            ("from largest to smallest", "in descending order", "downwards")
            if down
            else ("from smallest to largest", "in ascending order", "upwards")
        )
    else:
        given = words(d, 3, 7)
        result = sorted(given, key=str.lower, reverse=down)
        order = d.rng.choice(
            ("in reverse alphabetical order", "from Z to A")
            if down
            else ("alphabetically", "in alphabetical order", "from A to Z")
        )
    request = d.of(
        [
            "Sort {o}: {g}",
            "Sort these {o}: {g}",
            "Put {g} {o}.",
            "Please sort {o}.\n{g}",
            "{g}\n\nSort them {o}.",
            "Order the list {o}: {g}",
        ]
    )
    return answer(request.format(o=order, g=", ".join(given)), ", ".join(result))


def counting(d: Draw, facts: Facts) -> Conversation:
    thinking = None
    if d.chance(0.5):
        kinds = words(d, 2, 4)
        given = [d.rng.choice(kinds) for _ in range(d.number(3, 14))]
        target = d.rng.choice(kinds)
        places = [i + 1 for i, w in enumerate(given) if w == target]
        count = len(places)
        request = d.of(
            [
                "How many times does {t} occur in: {g}",
                "Count {t} in this list: {g}",
                "In the list {g}, how often is {t}?",
                "{g}\n\nHow often does {t} appear?",
                "How many {t} entries are in {g}?",
            ]
        ).format(t=target, g=", ".join(given))
        if d.chance(0.5):
            running, steps = 0, []
            for word in given:
                running += word == target
                steps.append(f"{word} {running}")
            thinking = ", ".join(steps)
    else:
        given = words(d, 2, 12)
        count = len(given)
        request = d.of(
            [
                "How many words are in this list: {g}",
                "Count the entries: {g}",
                "{g}\n\nHow many items are these?",
                "How long is the list {g}?",
                "Number of entries in: {g}",
            ]
        ).format(g=", ".join(given))
        if d.chance(0.5):
            thinking = ", ".join(f"{i + 1} {w}" for i, w in enumerate(given))
    return answer(request, str(count), thinking)


def rewriting(d: Draw, facts: Facts) -> Conversation:
    text = phrase_text(d)
    if d.split == "train" and facts.passages and d.chance(0.3):
        text = re.split(r"(?<=[.!?]) ", d.rng.choice(facts.by_split["train"]).text)[0][:160]
    kind = d.number(0, 7)
    old = d.rng.choice(text.rstrip(".").split())
    new = d.thing()
    if kind == 0:
        request, result = (
            [
                "Write in capitals: {t}",
                "Make this upper case: {t}",
                "Convert to uppercase: {t}",
                "{t}\n\nAll in capital letters, please.",
                "Uppercase: {t}",
            ],
            text.upper(),
        )
    elif kind == 1:
        request, result = (
            [
                "Write in lower case: {t}",
                "Make this lowercase: {t}",
                "Convert to small letters: {t}",
                "{t}\n\nAll in lower case, please.",
                "Lowercase: {t}",
            ],
            text.lower(),
        )
    elif kind == 2:
        request, result = (
            [
                "Repeat exactly: {t}",
                "Say this: {t}",
                "Repeat after me: {t}",
                "Copy this text: {t}",
                "Echo: {t}",
            ],
            text,
        )
    elif kind == 3:
        request = [
            "Replace {o} with {n}: {t}",
            "In this text put {n} instead of {o}: {t}",
            "{t}\n\nReplace the word {o} by {n}.",
            "Change {o} to {n} in: {t}",
            "Swap the word {o} for {n}: {t}",
        ]
        result = " ".join(re.sub(rf"^{re.escape(old)}(?=\W*$)", new, w) for w in text.split())
    elif kind == 4:
        items = words(d, 2, 6)
        text = ", ".join(items)
        request, result = (
            [
                "Make a bulleted list: {t}",
                "As bullet points: {t}",
                "Turn into a Markdown list: {t}",
                "{t}\n\nOne bullet each, please.",
                "List with bullets: {t}",
            ],
            "\n".join(f"- {w}" for w in items),
        )
    elif kind == 5:
        items = words(d, 2, 6)
        text = ", ".join(items)
        request, result = (
            [
                "Number these: {t}",
                "Make a numbered list: {t}",
                "As a numbered list: {t}",
                "{t}\n\nNumber them, one in a line.",
                "Enumerate: {t}",
            ],
            "\n".join(f"{i}. {w}" for i, w in enumerate(items, 1)),
        )
    elif kind == 6:
        items = words(d, 3, 6)
        text = ", ".join(items)
        request, result = (
            [
                "Reverse the order: {t}",
                "Write the list backwards: {t}",
                "In reverse order: {t}",
                "{t}\n\nLast to first, please.",
                "Turn around this list: {t}",
            ],
            ", ".join(items[::-1]),
        )
    else:
        items = words(d, 2, 5)
        text = " ".join(items)
        request, result = (
            [
                "Make this snake_case: {t}",
                "Write as snake_case: {t}",
                "A variable name in snake_case for: {t}",
                "snake_case: {t}",
                "Join with underscores: {t}",
            ],
            "_".join(w.lower() for w in items),
        )
    return answer(d.of(request).format(t=text, o=old, n=new), result)


def picking(d: Draw, facts: Facts) -> Conversation:
    items = words(d, 3, 7)
    kind = d.number(0, 3)
    if kind == 0:
        request, result = (
            [
                "What is the first item of: {t}",
                "First entry of this list: {t}",
                "{t}\n\nWhich comes first?",
                "Give me the first of {t}.",
                "Name the first in: {t}",
            ],
            items[0],
        )
    elif kind == 1:
        request, result = (
            [
                "What is the last item of: {t}",
                "Last entry of this list: {t}",
                "{t}\n\nWhich comes last?",
                "Give me the last of {t}.",
                "Name the last in: {t}",
            ],
            items[-1],
        )
    elif kind == 2:
        numbers = d.rng.sample(range(1, 1000), d.number(2, 6))
        items = [str(n) for n in numbers]
        request, result = (
            [
                "Which is the largest: {t}",
                "What is the maximum of {t}?",
                "Find the biggest number: {t}",
                "Largest of {t}?",
                "{t}\n\nWhich number is the greatest?",
            ],
            str(max(numbers)),
        )
    else:
        numbers = d.rng.sample(range(1, 1000), d.number(2, 6))
        items = [str(n) for n in numbers]
        request, result = (
            [
                "Which is the smallest: {t}",
                "What is the minimum of {t}?",
                "Find the least number: {t}",
                "Smallest of {t}?",
                "{t}\n\nWhich number is the lowest?",
            ],
            str(min(numbers)),
        )
    return answer(d.of(request).format(t=", ".join(items)), result)


def title_of(d: Draw, facts: Facts) -> Conversation:
    """What is a paragraph of documentation about? Its heading is the answer."""
    passages = facts.by_split[d.split]
    if not passages:
        return picking(d, facts)
    passage = d.rng.choice(passages)
    heading = passage.heading.strip(" .:")
    request = d.of(
        [
            "Give this text a title:\n{t}",
            "A heading for this paragraph, please.\n\n{t}",
            "What is this about, in a few words?\n\n{t}",
            "Title:\n{t}",
            "{t}\n\nFind a short title.",
        ]
    )
    return answer(request.format(t=passage.text), heading, free=heading)
