"""Structured work on short input: sort, count, pick, rewrite, look up and copy."""

from __future__ import annotations

import re

from .. import tables
from ..chat import Conversation
from .draw import NAMES, Draw
from .facts import Facts
from .phrasing import exchange, system, wrapped

LISTS = tables.lists("structured")


def words(d: Draw, low: int, high: int) -> list[str]:
    """Different words of one kind."""
    kind = d.any(LISTS.kinds_of_word)
    made = [d.fill(kind) for _ in range(d.number(low, high) + 1)]
    return list(dict.fromkeys(made))[:high]


def answer(
    d: Draw, user: str, reply: str, thinking: str | None = None, **check: object
) -> Conversation:
    return exchange(system(d, 0.1), user, reply, thinking, **check)


def listed(d: Draw, items: list[str]) -> str:
    mark: str = d.fill([0.7, ", ", 0.8, "; ", 0.9, "\n", "\n- "])
    return (mark if mark[0] == "\n" else "") + mark.join(items)


def sorting(d: Draw, facts: Facts) -> Conversation:
    down, numeric = d.chance(0.4), d.chance(0.5)
    if numeric:
        given = [str(n) for n in d.rng.sample(range(1, 10 ** d.number(2, 4)), d.number(3, 7))]
    else:
        given = words(d, 3, 6)
    result = sorted(given, key=int if numeric else str.lower, reverse=down)
    kind = f"{'numbers' if numeric else 'words'} {'down' if down else 'up'}"
    order = d.of(LISTS.sort[kind])
    request = d.of(LISTS.sort["request"]).format(o=order, g=listed(d, given))
    return answer(d, wrapped(d, request), ", ".join(result))


def counting(d: Draw, facts: Facts) -> Conversation:
    thinking = None
    if d.chance(0.5):
        kinds = words(d, 2, 4)
        given = [d.any(kinds) for _ in range(d.number(3, 14))]
        target = d.any(kinds)
        count = given.count(target)
        request = d.of(LISTS.how_often).format(t=target, g=", ".join(given))
        if d.chance(0.5):
            running = (given[: i + 1].count(target) for i in range(len(given)))
            thinking = ", ".join(f"{w} {n}" for w, n in zip(given, running, strict=True))
    else:
        given = words(d, 2, 12)
        count = len(given)
        request = d.of(LISTS.how_many).format(g=listed(d, given))
        if d.chance(0.5):
            thinking = ", ".join(f"{i + 1} {w}" for i, w in enumerate(given))
    return answer(d, wrapped(d, request), str(count), thinking)


def rewriting(d: Draw, facts: Facts) -> Conversation:
    text = d.aside() + "."
    passages = facts.by_split[d.split]
    if passages and d.chance(0.4):
        text = re.split(r"(?<=[.!?]) ", d.any(passages).text)[0][:160]
    kind = d.any(list(LISTS.rewrite))
    old, new = d.any(text.rstrip(".").split()), d.noun()
    items = words(d, 2, 6)
    results = {
        "upper": text.upper(),
        "lower": text.lower(),
        "copy": text,
        "replace": " ".join(re.sub(rf"^{re.escape(old)}(?=\W*$)", new, w) for w in text.split()),
        "bullets": "\n".join(f"- {w}" for w in items),
        "numbered": "\n".join(f"{i}. {w}" for i, w in enumerate(items, 1)),
        "reverse": ", ".join(items[::-1]),
        "snake": "_".join(w.lower() for w in items),
    }
    if kind in ("bullets", "numbered", "reverse", "snake"):
        text = (" " if kind == "snake" else ", ").join(items)
    return answer(d, d.of(LISTS.rewrite[kind]).format(t=text, o=old, n=new), results[kind])


def picking(d: Draw, facts: Facts) -> Conversation:
    items = words(d, 3, 7)
    numbers = d.rng.sample(range(1, 1000), d.number(2, 6))
    results = {"first": items[0], "last": items[-1], "largest": max(numbers)}
    kind, result = d.any(list({**results, "smallest": min(numbers)}.items()))
    if kind in ("largest", "smallest"):
        items = [str(n) for n in numbers]
    request = d.of(LISTS.pick[kind]).format(t=listed(d, items))
    return answer(d, wrapped(d, request), str(result))


def title_of(d: Draw, facts: Facts) -> Conversation:
    """What is a paragraph of documentation about? Its heading is the answer."""
    passages = facts.by_split[d.split]
    if not passages:
        return picking(d, facts)
    passage = d.any(passages)
    heading = passage.heading.strip(" .:") or passage.title
    return answer(d, d.of(LISTS.title).format(t=passage.text), heading, free=heading)


# Drills: look up, copy and point at things in a list. They bring copying heads about early.


def lookup(d: Draw, facts: Facts) -> Conversation:
    count, kinds = d.number(3, 16), LISTS.kinds_of_value
    if d.chance(0.55):
        of_key, of_value = d.any(kinds[:7]), d.any(kinds)
        table = {str(d.made(of_key)): str(d.made(of_value)) for _ in range(count)}
        mark = d.any((": ", " = ", " -> ", ", ", "\t", " | ", " is "))
        text = d.any(("\n", "\n", "\n", "; ")).join(f"{k}{mark}{v}" for k, v in table.items())
        backwards = d.chance(0.2) and len(set(table.values())) == len(table)
        key, value = d.any(list(table.items()))
        result = key if backwards else value
        request = d.of(LISTS.backwards if backwards else LISTS.look_up).format(k=key, v=value)
    else:
        of_line = d.any(kinds)
        lines = list(dict.fromkeys(str(d.made(of_line)) for _ in range(count)))
        text = "\n".join(lines)
        place = d.number(0, len(lines) - 1)
        kind = d.rng.random()
        if kind < 0.4 and place < 9:
            number = d.any((str(place + 1), NAMES.number_words[place + 1]))
            request = d.of(LISTS.nth).format(o=LISTS.ordinals[place + 1], n=number)
            result = lines[place]
        elif kind < 0.7 and place + 1 < len(lines):
            request, result = d.of(LISTS.next).format(v=lines[place]), lines[place + 1]
        elif len(lines) < 2:
            return lookup(d, facts)
        else:
            place = max(1, place)
            request, result = d.of(LISTS.before).format(v=lines[place]), lines[place - 1]
    shown = d.fill([0.7, "{text}\n\n{request}", "{request}\n\n{text}"], text=text, request=request)
    return answer(d, shown, result)


def recall(d: Draw, facts: Facts) -> Conversation:
    """A list that is told again: whole, or with the words given an assignment by examples."""
    items = words(d, 3, 9)
    if d.chance(0.5):
        pairs = [(item, d.common()) for item in items]
        shots = "\n".join(f"{a} => {b}" for a, b in pairs)
        wanted, result = d.any(pairs)
        return answer(d, f"{shots}\n{wanted} =>", result)
    text = d.any((" ", ", ", "\n")).join(items)
    asked = d.any(("Repeat:", "Once more:", "Copy:", "Say again:", "Write this again:"))
    return answer(d, f"{asked} {text}", text)
