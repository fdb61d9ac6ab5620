"""Structured work on short input: sort, count, pick, rewrite, repeat, compare."""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

import re
from collections.abc import Callable

from ..chat import Conversation
from .draw import ANIMALS, COLOURS, JOBS, Draw
from .facts import Facts
from .phrasing import system, wrapped


def words(d: Draw, low: int, high: int) -> list[str]:
    """Different words, of one kind or of any."""
    make: Callable[[], str] = d.any(
        (d.noun, d.noun, d.adjective, d.verb, d.common, d.common, d.name, d.place, d.word,
         lambda: d.any(COLOURS), lambda: d.any(ANIMALS), lambda: d.any(JOBS), d.file)
    )  # fmt: skip
    return list(dict.fromkeys(make() for _ in range(d.number(low, high) + 1)))[: max(low, high)]


def answer(
    d: Draw, user: str, reply: str, thinking: str | None = None, **check: object
) -> Conversation:
    final = {"role": "assistant", "content": reply}
    if thinking is not None:
        final["reasoning_content"] = thinking
    return Conversation(
        [*system(d, 0.1), {"role": "user", "content": user}, final],
        thinking=thinking is not None,
        check=check or {"equals": reply},
    )


def listed(d: Draw, items: list[str]) -> str:
    kind = d.rng.random()
    if kind < 0.7:
        return ", ".join(items)
    if kind < 0.8:
        return "; ".join(items)
    return "\n" + "\n".join(items) if kind < 0.9 else "\n" + "\n".join(f"- {i}" for i in items)


DOWN_NUMBERS = "from largest to smallest|in descending order|downwards|largest first|from high to low, descending|descending|from high to low|biggest first|decreasingly|in decreasing order".split(
    "|"
)
UP_NUMBERS = "from smallest to largest|in ascending order|upwards|smallest first|from low to high, ascending|ascending|from low to high|lowest first|increasingly|in increasing order".split(
    "|"
)
DOWN_WORDS = "in reverse alphabetical order|from Z to A|backwards by alphabet|Z to A|in reverse order of the alphabet|reverse alphabetically|descending by alphabet|from the end of the alphabet|alphabetically, but reversed|in reverse alphabetical sequence".split(
    "|"
)
UP_WORDS = "alphabetically|in alphabetical order|from A to Z|by the alphabet|in the order of the alphabet|by first letter, alphabetically|A to Z|as in a dictionary, alphabetically|ascending by alphabet|in alphabetical sequence".split(
    "|"
)
SORT = "Sort {o}: {g}|Sort these {o}: {g}|Put this {o}: {g}|Please sort {o}. {g}|Order the list {o}: {g}|Arrange {o}: {g}|Sort the following {o}. {g}|I need this sorted {o}: {g}|Bring these into order, {o}: {g}|Put these in order, {o}: {g}|Can you sort this {o}? {g}|{g}\n\nSort them {o}.|{g}\nsorted {o}, please|Order these {o}: {g}|Sort the list {o}: {g}".split(
    "|"
)


def sorting(d: Draw, facts: Facts) -> Conversation:
    down = d.chance(0.4)
    if d.chance(0.5):
        numbers = d.rng.sample(range(1, 10 ** d.number(2, 4)), d.number(3, 7))
        given, result = [str(n) for n in numbers], [str(n) for n in sorted(numbers, reverse=down)]
        order = d.of(DOWN_NUMBERS if down else UP_NUMBERS)
    else:
        given = words(d, 3, 6)
        result = sorted(given, key=str.lower, reverse=down)
        order = d.of(DOWN_WORDS if down else UP_WORDS)
    request = d.of(SORT).format(o=order, g=listed(d, given))
    return answer(d, wrapped(d, request), ", ".join(result))


HOW_OFTEN = "How many times does {t} occur in: {g}|Count {t} in this list: {g}|In the list {g}, how often is {t}?|{g}\n\nHow often does {t} appear?|How many times is {t} in this list: {g}|How many {t} entries are in: {g}|How often do you see {t} here: {g}|Number of times that {t} occurs: {g}|Count how often {t} comes: {g}|How often does {t} occur in: {g}|Tell me how many times {t} appears. {g}|{g}\nHow many are {t}?|Occurrences of {t} in {g}|I want the count of {t} in {g}|Count the number of times {t} appears in: {g}".split(
    "|"
)
HOW_MANY = "How many words are in this list: {g}|Count the entries: {g}|{g}\n\nHow many items are these?|How long is the list {g}?|How many entries does the list have: {g}|Number of entries in: {g}|How many are there: {g}|Count these: {g}|What is the number of items in: {g}|How many items are in this list: {g}|Count the items. {g}|{g}\nhow many?|Length of the list {g}|Give me the number of elements: {g}|Count the items in: {g}".split(
    "|"
)


def counting(d: Draw, facts: Facts) -> Conversation:
    thinking = None
    if d.chance(0.5):
        kinds = words(d, 2, 4)
        given = [d.any(kinds) for _ in range(d.number(3, 14))]
        target = d.any(kinds)
        count = sum(w == target for w in given)
        request = d.of(HOW_OFTEN).format(t=target, g=", ".join(given))
        if d.chance(0.5):
            running, steps = 0, []
            for word in given:
                running += word == target
                steps.append(f"{word} {running}")
            thinking = ", ".join(steps)
    else:
        given = words(d, 2, 12)
        count = len(given)
        request = d.of(HOW_MANY).format(g=listed(d, given))
        if d.chance(0.5):
            thinking = ", ".join(f"{i + 1} {w}" for i, w in enumerate(given))
    return answer(d, wrapped(d, request), str(count), thinking)


REWRITES: dict[str, list[str]] = {
    "upper": "Write in capitals: {t}|Make this upper case: {t}|Convert to uppercase: {t}|{t}\n\nAll in capital letters, please.|Put this in upper case: {t}|Uppercase: {t}|In capital letters: {t}|Capitalise every letter: {t}|All caps: {t}|Turn this into uppercase: {t}".split("|"),
    "lower": "Write in lower case: {t}|Make this lowercase: {t}|Convert to small letters: {t}|{t}\n\nAll in lower case, please.|Put this in lower case: {t}|Lowercase: {t}|In small letters: {t}|No capitals: {t}|Make all letters small: {t}|Turn this into lowercase: {t}".split("|"),
    "copy": "Repeat exactly: {t}|Say this: {t}|Repeat after me: {t}|Copy this text: {t}|Repeat this text: {t}|Echo: {t}|Write the same: {t}|Give me back this text: {t}|Once more: {t}|Say exactly this: {t}".split("|"),
    "replace": "Replace {o} with {n}: {t}|In this text put {n} instead of {o}: {t}|{t}\n\nReplace the word {o} by {n}.|Change {o} to {n} in: {t}|Replace {o} by {n} in this: {t}|Swap the word {o} for {n}: {t}|Substitute {n} for {o}: {t}|Write {n} where it says {o}: {t}|Exchange {o} for {n}: {t}|Change the word {o} into {n}: {t}".split("|"),
    "bullets": "Make a bulleted list: {t}|As bullet points: {t}|Turn into a Markdown list: {t}|{t}\n\nOne bullet each, please.|Make bullet points of this: {t}|List with bullets: {t}|Bullets: {t}|Write as a list with dashes: {t}|An unordered Markdown list of {t}|Make a list with bullets: {t}".split("|"),
    "numbered": "Number these: {t}|Make a numbered list: {t}|As a numbered list: {t}|{t}\n\nNumber them, one in a line.|Turn this into a numbered list: {t}|Enumerate: {t}|An ordered Markdown list of {t}|Write with numbers in front: {t}|List these as 1., 2. and so on: {t}|Give these as a numbered list: {t}".split("|"),
    "reverse": "Reverse the order: {t}|Write the list backwards: {t}|In reverse order: {t}|{t}\n\nLast to first, please.|Reverse this list: {t}|Turn around this list: {t}|Invert the order of {t}|From last to first: {t}|Backwards: {t}|Give the list in reverse: {t}".split("|"),
    "snake": "Make this snake_case: {t}|Write as snake_case: {t}|A variable name in snake_case for: {t}|snake_case: {t}|Turn this into snake_case: {t}|Join with underscores: {t}|In snake case: {t}|Convert to snake_case: {t}|Put underscores between the words: {t}|Give the snake_case form of: {t}".split("|"),
}  # fmt: skip


def rewriting(d: Draw, facts: Facts) -> Conversation:
    text = d.sentence()
    text = text[0].upper() + text[1:] + "."
    passages = facts.by_split[d.split]
    if passages and d.chance(0.4):
        text = re.split(r"(?<=[.!?]) ", d.any(passages).text)[0][:160]
    kind = d.any(list(REWRITES))
    old, new = d.any(text.rstrip(".").split()), d.noun()
    items = words(d, 2, 6)
    match kind:
        case "upper":
            result = text.upper()
        case "lower":
            result = text.lower()
        case "copy":
            result = text
        case "replace":
            result = " ".join(re.sub(rf"^{re.escape(old)}(?=\W*$)", new, w) for w in text.split())
        case "bullets":
            text, result = ", ".join(items), "\n".join(f"- {w}" for w in items)
        case "numbered":
            text = ", ".join(items)
            result = "\n".join(f"{i}. {w}" for i, w in enumerate(items, 1))
        case "reverse":
            text, result = ", ".join(items), ", ".join(items[::-1])
        case _:
            text, result = " ".join(items), "_".join(w.lower() for w in items)
    return answer(d, d.of(REWRITES[kind]).format(t=text, o=old, n=new), result)


FIRST = "What is the first item of: {t}|First entry of this list: {t}|{t}\n\nWhich comes first?|Give me the first of {t}.|What is the first entry of: {t}|Name the first in: {t}|Which one is first: {t}|First of {t}?|The first word of: {t}|Which item is the first: {t}".split(
    "|"
)
LAST = "What is the last item of: {t}|Last entry of this list: {t}|{t}\n\nWhich comes last?|Give me the last of {t}.|What is the last entry of: {t}|Name the last in: {t}|Which one is last: {t}|Last of {t}?|The last word of: {t}|Which item is the last: {t}".split(
    "|"
)
LARGEST = "Which is the largest: {t}|What is the maximum of {t}?|Find the biggest number: {t}|Largest of {t}?|What is the largest number: {t}|{t}\n\nWhich number is the greatest?|The maximum: {t}|Which number is highest: {t}|Biggest of {t}?|Find the largest number: {t}".split(
    "|"
)
SMALLEST = "Which is the smallest: {t}|What is the minimum of {t}?|Find the least number: {t}|Smallest of {t}?|What is the smallest number: {t}|{t}\n\nWhich number is the lowest?|The minimum: {t}|Which number is least: {t}|Lowest of {t}?|Find the smallest number: {t}".split(
    "|"
)


def picking(d: Draw, facts: Facts) -> Conversation:
    items = words(d, 3, 7)
    numbers = d.rng.sample(range(1, 1000), d.number(2, 6))
    plans, result = d.any(
        (
            (FIRST, items[0]),
            (LAST, items[-1]),
            (LARGEST, str(max(numbers))),
            (SMALLEST, str(min(numbers))),
        )
    )
    if plans is LARGEST or plans is SMALLEST:
        items = [str(n) for n in numbers]
    return answer(d, wrapped(d, d.of(plans).format(t=listed(d, items))), result)


TITLE = "Give this text a title:\n{t}|A heading for this paragraph, please.\n\n{t}|What is this about, in a few words?\n\n{t}|Title:\n{t}|{t}\n\nFind a short title.".split(
    "|"
)


def title_of(d: Draw, facts: Facts) -> Conversation:
    """What is a paragraph of documentation about? Its heading is the answer."""
    passages = facts.by_split[d.split]
    if not passages:
        return picking(d, facts)
    passage = d.any(passages)
    heading = passage.heading.strip(" .:") or passage.title
    return answer(d, d.of(TITLE).format(t=passage.text), heading, free=heading)
