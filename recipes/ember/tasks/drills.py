"""Drills: look up, copy and point at things in a list. They bring copying heads about early."""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

from ..chat import Conversation
from .draw import NUMBER_WORDS, Draw
from .facts import Facts
from .functions import KINDS
from .structured import answer, words

ORDINALS = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth".split()
LOOK_UP = "{k}?|What is {k}?|Value of {k}?|Look up {k}.|{k} =|Which value has {k}?|Give me {k}.|What stands beside {k}?|Find {k}.|And {k}?|{k}:|What belongs to {k}?|The value for {k}, please.|Tell me {k}.|What is the value of {k}?".split(
    "|"
)
BACKWARDS = "Which key has the value {v}?|What has the value {v}?|{v} belongs to what?|Find the key of {v}.|Which entry says {v}?|Where does {v} stand?|Whose value is {v}?|What stands before {v}?|{v}: which key?|Which key belongs to {v}?".split(
    "|"
)
NTH = "What is the {o} line?|Give me line {n}.|Line {n}?|Repeat the {o} line.|Which line is the {o}?|Show line number {n}.|{o} line, please|Copy line {n}.|Quote the {o} line.|Give me the {o} line.".split(
    "|"
)
NEXT = 'Which line follows "{v}"?|What comes after {v}?|The line after {v}?|Next after {v}?|What follows {v}?|Give the line that comes after {v}.|After {v} comes what?|And after {v}?|Which is next after {v}?|Which line comes after {v}?'.split(
    "|"
)
BEFORE = 'Which line is before "{v}"?|What comes before {v}?|The line before {v}?|What precedes {v}?|Just before {v}?|Give the line that comes before {v}.|Before {v} comes what?|And before {v}?|Which one precedes {v}?|Which line comes before {v}?'.split(
    "|"
)
KINDS_OF_VALUE = "word number code place name phrase path thing date email".split()


def lookup(d: Draw, facts: Facts) -> Conversation:
    count = d.number(3, 16)
    if d.chance(0.55):
        of_key, of_value = KINDS[d.any(KINDS_OF_VALUE[:7])], KINDS[d.any(KINDS_OF_VALUE)]
        table = {str(of_key(d)): str(of_value(d)) for _ in range(count)}
        mark = d.any((": ", " = ", " -> ", ", ", "\t", " | ", " is "))
        text = d.any(("\n", "\n", "\n", "; ")).join(f"{k}{mark}{v}" for k, v in table.items())
        if d.chance(0.2) and len(set(table.values())) == len(table):
            result, wanted = d.any(list(table.items()))
            request = d.of(BACKWARDS).format(v=wanted)
        else:
            wanted, result = d.any(list(table.items()))
            request = d.of(LOOK_UP).format(k=wanted)
    else:
        make = KINDS[d.any(KINDS_OF_VALUE)]
        lines = list(dict.fromkeys(str(make(d)) for _ in range(count)))
        text = "\n".join(lines)
        place = d.number(0, len(lines) - 1)
        kind = d.rng.random()
        if kind < 0.4 and place < 9:
            number = d.any((str(place + 1), NUMBER_WORDS[place + 1]))
            request, result = d.of(NTH).format(o=ORDINALS[place + 1], n=number), lines[place]
        elif kind < 0.7 and place + 1 < len(lines):
            request, result = d.of(NEXT).format(v=lines[place]), lines[place + 1]
        else:
            place = max(1, place)
            if len(lines) < 2:
                return lookup(d, facts)
            request, result = d.of(BEFORE).format(v=lines[place]), lines[place - 1]
    shown = f"{text}\n\n{request}" if d.chance(0.7) else f"{request}\n\n{text}"
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
    return answer(d, f"{d.any(('Repeat:', 'Once more:', 'Copy:', 'Say again:', 'Write this again:'))} {text}", text)  # fmt: skip
