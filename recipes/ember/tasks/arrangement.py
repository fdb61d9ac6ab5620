"""Arrangement: a request of what is wanted and its details, in the ways in which people put them together."""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

from typing import NamedTuple

from . import heads
from .draw import Draw
from .signatures import Function

JOINTS = (" ", " ", " ", ", ", ", ", " and ", ", and ", "; ", " - ", " plus ", " also ", ", also ", ", plus ", " as well as ", "\n", " / ")  # fmt: skip
LINKS = ("and", "also", "plus", "as well as")
FIRST_JOINTS = (" ", " ", " ", " ", ", ", ": ", " - ", "\n", ", namely ", " ... ")
BREAKS = (", ", ". ", ". ", ". ", "; ", " - ", ", and ", "\n", ": ", " (")
AFTERTHOUGHTS = """Oh, and {m}|Oh and {m}|Also {m}|Also, {m}|And {m}|I almost forgot: {m}|One more thing: {m}|By the way, {m}|Forgot to say: {m}|PS: {m}|Ah, {m}|Wait, {m}|Important: {m}|Just so you know: {m}|Oh yes, {m}|Yes, and {m}|And one more thing, {m}|Ah right, {m}|Right, {m}|What else? {m}|Only {m}|But {m}|If possible {m}|Please note: {m}|Note: {m}|Mind you, {m}|Well, {m}|... {m}|Let me add: {m}|To be clear: {m}|That is, {m}|And of course {m}|And please, {m}|Don't forget: {m}|Last thing: {m}|Nearly forgot, {m}""".split(
    "|"
)
CHATTER = """, thanks|, thank you|, please| please|, if you can|, if that's OK|, it's urgent|, I'm in a hurry|, my boss is waiting|, that would be great|, as always|, as usual|, like last time|, that's all|, no rush|, when you get to it|, will you|, OK|, right|, you know|, I think|, if I remember right|, as we said|, it's for a friend|, it's for work|, cheers|, and that's it|, nothing else|, so that we can go on|, before I forget|, and be quick|, I don't care about the rest|, the rest is up to you|, everything else as it is|, and let me know|. Thanks|. Thanks a lot!|. Thank you so much|. That's it.|. That's all I need.|. I can't do it myself.|. The old one is broken.|. It is really important.|. My boss asked for it.|. We talked about it yesterday.|. I'll be waiting.|. Let me know when it's done.|. You are a great help.|. I hope that's possible.|. Tell me if something is missing.|. I have no time for it today.|. The others are waiting.|. It can't wait.|. No questions, please.|. We have done it often.|. I was busy all day.|. Sorry for the trouble.|. Sorry to ask again.|. I'm new here.|. It is the last one today.|. Hope this helps.|. See you later.|. Nobody else can do it.""".split(
    "|"
)
REASONS = """I'm in a hurry|my boss is waiting|we talked about it|it's my turn today|the others are busy|I have no time|I'm not at my desk|my hands are full|it was on my list|a customer called|we are late|I'm new here|it did not work yesterday|nobody did it last week|everybody asks for it|I can't do it myself|the old one is broken|we have visitors|I'm on the phone|it's that time again""".split(
    "|"
)
BECAUSE = ("{r}, so {b}", "{r}. {B}", "Since {r}, {b}", "As {r}, {b}", "{r} - {b}", "Because {r}, {b}", "{r}; {b}")  # fmt: skip
FRONT = (", ", ", ", ": ", " - ", "; ", ". ", "\n", " ... ")


class Told(NamedTuple):
    """A mention: its text, whether it is a clause of its own, whether it begins with the value (whose
    capitals must stay), whether it ends with words that could go on: 1 a phrase, 2 a sentence."""

    text: str
    clause: bool = False
    fixed: bool = False
    open_end: int = 0


def upper(told: Told) -> str:
    return told.text if told.fixed else told.text[0].upper() + told.text[1:]


def begun(begin: str) -> str:
    """A head in the middle of a sentence."""
    if begin[:2] in ("I ", "I'") or begin.startswith("Ember"):
        return begin
    return begin[0].lower() + begin[1:]


def joined(d: Draw, begin: str, question: bool, items: list[Told], joints: tuple[str, ...]) -> tuple[str, bool]:  # fmt: skip
    """Mentions one after the other, and whether a question mark is still to come."""
    text, uncertain = begin, 0
    for item in items:
        mark = d.any(BREAKS) if item.clause else d.any(joints)
        loose = uncertain == 2 or (uncertain == 1 and d.chance(0.5))
        if loose and mark in (" ", " and ", " also ", " plus ", " - ", " as well as "):
            mark = d.any((", ", ". ", "; ", "\n"))
        joints = JOINTS
        if mark.strip(" ,") in LINKS and item.text.startswith(("and ", "also ", "plus ", "but ")):
            mark = d.any((" ", ", "))
        if mark == " (":
            text += f" ({item.text})"
        elif mark == ". ":
            text += ("?" if question else ".") + " " + upper(item)
            question = False
        else:
            text += mark + item.text
        uncertain = item.open_end
    return text, question


def ended(d: Draw, text: str, question: bool, open_end: int) -> str:
    if text[-1] in ".?!":
        return text
    if d.chance(0.12):
        tail = d.any(CHATTER)
        if question and tail[0] == ".":
            return f"{text}?{tail[1:]}"
        if not (open_end and tail[0] == " "):
            return f"{text}{tail}{'?' if question else ''}"
    return text + ("?" if question else d.any((".", ".", ".", "", "", "!")))


def with_article(noun: str) -> str:
    first, *rest = noun.split()
    return noun if len(rest) > 1 or first in ("a", "an", "the", "all", "any") else f"the {noun}"


def arranged(d: Draw, function: Function, begin: str, items: list[Told]) -> str:
    """A request of its head and its mentions."""
    question = begin.endswith("?")
    begin = begin.rstrip("?")
    kind = d.rng.random()
    if kind < 0.05:
        reason = d.any(REASONS)
        begin = d.any(BECAUSE).format(r=reason, b=begun(begin), B=begin)
        begin = begin[0].upper() + begin[1:]
    if not items:
        return ended(d, begin, question, 0)
    last = items[-1].open_end
    kind = d.rng.random()
    if kind < 0.16 and not items[0].open_end:  # some or all before what is wanted
        count = len(items) if d.chance(0.6) else d.number(1, len(items))
        front, rest = items[:count], items[count:]
        text, _ = joined(d, upper(front[0]), False, front[1:], JOINTS)
        mark = d.any(FRONT)
        if front[0].clause or front[-1].open_end:
            mark = d.any((". ", ". ", "; ", ", so ", "\n"))
        text += mark + (begin[0].upper() + begin[1:] if mark in (". ", "\n") else begun(begin))
        text, question = joined(d, text, question, rest, FIRST_JOINTS)
        return ended(d, text, question, last if rest else 0)
    if kind < 0.22 and not any(i.clause for i in items):
        inner = d.any((", ", "; ", ", ", " / ")).join(i.text.strip("()") for i in items)
        return ended(d, f"{begin} {d.any(('({})', '({})', '[{}]', '- {} -')).format(inner)}", question, 0)  # fmt: skip
    if kind < 0.32:  # each a sentence
        text = begin + ("?" if question else d.any((".", ".", ".", ":", "!")))
        for item in items:
            text += d.any((" ", " ", " ", "\n")) + upper(item) + d.any((".", ".", ".", "!"))
        return text
    if kind < 0.45 and len(items) > 1:
        text, question = joined(d, begin, question, items[:-1], FIRST_JOINTS)
        text = ended(d, text, question, items[-2].open_end)
        if text[-1] not in ".?!":
            text += "."
        return (
            text
            + " "
            + d.any(AFTERTHOUGHTS).replace("{m}", items[-1].text)
            + d.any((".", ".", "", "!"))
        )
    if kind < 0.5:  # said twice, wanted once
        text, question = joined(d, begin, question, items, FIRST_JOINTS)
        before = d.any(heads.ORDERS_ALLOWED[:60]).format(verb=d.any(function.verbs), Verb=d.any(function.verbs).capitalize(), noun=with_article(function.noun)).rstrip("?")  # fmt: skip
        return f"{before}. {d.any(('I mean: ', 'That is: ', 'In short: ', 'Again: ', 'So: ', 'Or rather: ', 'As I said: '))}{begun(text)}{'?' if question else '.'}"  # fmt: skip
    text, question = joined(d, begin, question, items, FIRST_JOINTS)
    return ended(d, text, question, last)


def added(d: Draw, text: str, question: bool, items: list[Told]) -> str:
    """What a whole sentence leaves out, told after it."""
    if d.chance(0.35):
        text = text + ("?" if question else ".")
        for item in items:
            plan = d.any(AFTERTHOUGHTS) if d.chance(0.5) else "{m}"
            text += " " + (plan.replace("{m}", item.text) if plan != "{m}" else upper(item)) + "."
        return text
    text, question = joined(
        d, text, question, items, (", ", ", ", " ", " - ", "; ", ", and ", " and ")
    )
    return ended(d, text, question, items[-1].open_end)
