"""The manual: what commands and their options do, from memory of the pages.

The pages are all in training, what is held out is the phrasing of the question; so the figure
says how much of them the model keeps.
"""

from __future__ import annotations

from .. import tables
from ..chat import Conversation
from .draw import Draw
from .facts import Command, Facts
from .paraphrase import lowered
from .phrasing import exchange, system, typed

LISTS = tables.lists("manual")
PLAINEST = "What does {c} {f} do?"
NO_SUCH = "I don't know an option {f} of {c}."
NO_COMMAND = "I don't know a command called {c}."


def plain_name(command: Command) -> str:
    """git-commit is asked for as `git commit`."""
    git = command.name.startswith("git-")
    return command.name.replace("-", " ", 1) if git else command.name


def option_answer(name: str, flags: list[str], flag: str, text: str) -> str:
    others = [f for f in flags if f != flag]
    same = f" (the same as {', '.join(others)})" if others else ""
    return f"`{name} {flag}`{same}: {lowered(text)}."


def first_option(d: Draw, facts: Facts) -> Conversation:
    """What newcomers ask, half of the time in the plainest words."""
    command, flags, flag, text = d.any(facts.first)
    name = plain_name(command)
    plan = PLAINEST if d.chance(0.5) else d.of(LISTS.option)
    asked = typed(d, plan.format(c=name, f=flag))
    return exchange(system(d), asked, option_answer(name, flags, flag, text))


def plainest(facts: Facts) -> list[Conversation]:
    """Each of these options once, for the evaluation: the phrasing is one of training's."""
    found = []
    for command, flags, flag, text in facts.first:
        name = plain_name(command)
        reply = option_answer(name, flags, flag, text)
        found.append(exchange([], PLAINEST.format(c=name, f=flag), reply))
    return found


def purpose(d: Draw, facts: Facts) -> Conversation:
    if d.chance(0.08) or not facts.known:
        name = d.fill([0.5, "{word:1,3}", "{common}"])
        if name in facts.names:
            return purpose(d, facts)
        asked = typed(d, d.of(LISTS.what).format(c=name))
        return exchange(system(d), asked, NO_COMMAND.format(c=name), unknown=True)
    command = d.any(facts.common if facts.common and d.chance(0.5) else facts.known)
    name = plain_name(command)
    if d.chance(0.15):
        asked = d.of(LISTS.find).format(t=lowered(command.summary))
        return exchange(system(d), asked, f"`{name}`.")
    if command.synopsis and d.chance(0.15):
        asked = typed(d, d.of(LISTS.synopsis).format(c=name))
        return exchange(system(d), asked, f"`{command.synopsis}`")
    asked = typed(d, d.of(LISTS.what).format(c=name))
    return exchange(system(d), asked, f"`{name}`: {lowered(command.summary)}.")


def option(d: Draw, facts: Facts) -> Conversation:
    if d.split == "train" and facts.first and d.chance(0.4):
        return first_option(d, facts)
    if facts.common and d.chance(0.6):
        command = d.any(facts.common)
    elif facts.with_options:
        command = d.any(facts.with_options)
    else:
        return purpose(d, facts)
    name = plain_name(command)
    if d.chance(0.03):
        flag = d.any(("-", "--")) + d.word(2)
        asked = d.of(LISTS.option).format(c=name, f=flag)
        return exchange(system(d), asked, NO_SUCH.format(f=flag, c=name), unknown=True)
    letters = [(f[1], text) for flags, text in command.options for f in flags if len(f) == 2]
    if len(letters) > 2 and d.chance(0.1):  # ls -la: each letter in turn
        chosen = d.rng.sample(letters, d.any((2, 2, 3)))
        flag = "-" + "".join(letter for letter, _ in chosen)
        reply = "\n".join(f"`-{letter}`: {lowered(text)}." for letter, text in chosen)
        asked = d.of(LISTS.option).format(c=name, f=flag)
        return exchange(system(d), asked, reply)
    # One-letter options are what people ask about.
    weights = [3 if any(len(f) == 2 for f in flags) else 1 for flags, _ in command.options]
    flags, text = d.rng.choices(command.options, weights)[0]
    if d.chance(0.2):
        asked = d.of(LISTS.which).format(c=name, t=lowered(text))
        return exchange(system(d), asked, f"`{name} {flags[0]}`")
    flag = d.any(flags)
    question = d.of(LISTS.option).format(c=name, f=flag)
    asked = question.rstrip("?") if d.chance(0.1) else question
    return exchange(system(d), asked, option_answer(name, flags, flag, text))
