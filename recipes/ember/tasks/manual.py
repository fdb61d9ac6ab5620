"""The manual: what commands and their options do, from memory of the pages.

The pages are all in training, what is held out is the phrasing of the question; so the figure
says how much of them the model keeps.
"""
# ruff: noqa: E501 (tables are read by rows)

from __future__ import annotations

from ..chat import Conversation
from .about import turn
from .draw import Draw
from .facts import Command, Facts
from .paraphrase import lowered
from .phrasing import typed

WHAT = """What does {c} do?|What is {c}?|What is {c} for?|Explain {c}.|What does the command {c} do?|What's {c}?|
Describe the {c} command.|{c}: what does it do?|What is the {c} command used for?|Tell me what {c} does.|what's {c} for|
Can you explain {c}?|Tell me about {c}.|Purpose of {c}?|What is the command {c} for?|When do I use {c}?|Describe {c}.|
What can I do with {c}?|Why would I use {c}?|Explain the command {c}.""".replace("\n", "").split(
    "|"
)
OPTION = """What does {c} {f} do?|What does {f} do in {c}?|What does the {f} option of {c} mean?|What is {c} {f}?|
What does {f} mean for {c}?|Explain {c} {f}.|What is the option {f} of {c} for?|In {c}, what does {f} mean?|{c} {f}?|
What is the effect of {f} in {c}?|What does `{c} {f}` do?|Tell me about the {f} flag of {c}.|Explain the option {f} of {c}.|
What happens with {c} {f}?|What does the option {f} do in {c}?|meaning of {f} in {c}|What's {f} in {c}?|
Describe {c} {f}.|With {c}, what is {f}?|Can you explain {f} of {c}?""".replace("\n", "").split("|")
WHICH = """Which option of {c} does this: {t}?|Which {c} option is it: {t}?|How do I tell {c} this: {t}?|
What option of {c} should I use to {t}?|Which flag of {c} does this: {t}?|With {c}, which flag means: {t}?|
How do I {t} with {c}?|{c}: how to {t}?|How can {c} {t}?|Which option of {c} means: {t}?|Option of {c} to {t}|
Name the option of {c} that does this: {t}|Find the {c} flag: {t}|{c} option for: {t}|What flag of {c} means: {t}?""".replace(
    "\n", ""
).split("|")
FIND = """Which command does this: {t}?|What command is described as: {t}?|I need a command: {t}|
Which program is it: {t}?|What is the command for: {t}?|Name the command: {t}|Find a program: {t}|
Which tool does this: {t}?|Command for: {t}|Which command is it: {t}?""".replace("\n", "").split(
    "|"
)
SYNOPSIS = """How do I call {c}?|What is the syntax of {c}?|What is the usage of {c}?|Show me the synopsis of {c}.|
What is the synopsis of {c}?|How is {c} used?|Usage of {c}?|Syntax of {c}, please.|How do I run {c}?|
Show me the usage of {c}.""".replace("\n", "").split("|")
PLAINEST = "What does {c} {f} do?"
NO_SUCH = "I don't know an option {f} of {c}."
NO_COMMAND = "I don't know a command called {c}."


def plain_name(d: Draw, command: Command) -> str:
    """git-commit is asked for as `git commit`."""
    if command.name.startswith("git-"):
        return command.name.replace("-", " ", 1)
    return command.name


def known_command(d: Draw, facts: Facts) -> Command | None:
    if facts.common and d.chance(0.6):
        return d.any(facts.common)
    return d.any(facts.with_options) if facts.with_options else None


def option_answer(name: str, flags: list[str], flag: str, text: str) -> str:
    others = [f for f in flags if f != flag]
    same = f" (the same as {', '.join(others)})" if others else ""
    return f"`{name} {flag}`{same}: {lowered(text)}."


def first_option(d: Draw, command: Command, flags: list[str], flag: str, text: str) -> Conversation:
    """What newcomers ask, half of the time in the plainest words."""
    name = plain_name(d, command)
    reply = option_answer(name, flags, flag, text)
    plan = PLAINEST if d.chance(0.5) else d.of(OPTION)
    return turn(d, typed(d, plan.format(c=name, f=flag)), reply, equals=reply)


def plainest(facts: Facts) -> list[Conversation]:
    """Each of these options once, for the evaluation: the phrasing is one of training's."""
    found = []
    for command, flags, flag, text in facts.first:
        d = Draw("train", f"plainest:{command.name} {flag}", facts.words)
        name = plain_name(d, command)
        reply = option_answer(name, flags, flag, text)
        messages = [
            {"role": "user", "content": PLAINEST.format(c=name, f=flag)},
            {"role": "assistant", "content": reply},
        ]
        found.append(Conversation(messages, check={"equals": reply}))
    return found


def purpose(d: Draw, facts: Facts) -> Conversation:
    if d.chance(0.08) or not facts.known:
        name = d.word(d.number(1, 3)) if d.chance(0.5) else d.common()
        if name in facts.names:
            return purpose(d, facts)
        return turn(d, typed(d, d.of(WHAT).format(c=name)), NO_COMMAND.format(c=name), unknown=True)
    command = d.any(facts.common if facts.common and d.chance(0.5) else facts.known)
    name = plain_name(d, command)
    if d.chance(0.15):
        return turn(
            d, d.of(FIND).format(t=lowered(command.summary)), f"`{name}`.", equals=f"`{name}`."
        )
    if command.synopsis and d.chance(0.15):
        reply = f"`{command.synopsis}`"
        return turn(d, typed(d, d.of(SYNOPSIS).format(c=name)), reply, equals=reply)
    reply = f"`{name}`: {lowered(command.summary)}."
    return turn(d, typed(d, d.of(WHAT).format(c=name)), reply, equals=reply)


def option(d: Draw, facts: Facts) -> Conversation:
    if d.split == "train" and facts.first and d.chance(0.4):
        command, flags, flag, text = d.any(facts.first)
        return first_option(d, command, flags, flag, text)
    command = known_command(d, facts)
    if command is None:
        return purpose(d, facts)
    name = plain_name(d, command)
    if d.chance(0.03):
        flag = d.any(("-", "--")) + d.word(2)
        reply = NO_SUCH.format(f=flag, c=name)
        return turn(d, d.of(OPTION).format(c=name, f=flag), reply, unknown=True)
    letters = [(f[1], text) for flags, text in command.options for f in flags if len(f) == 2]
    if len(letters) > 2 and d.chance(0.1):  # ls -la: each letter in turn
        chosen = d.rng.sample(letters, d.any((2, 2, 3)))
        flag = "-" + "".join(letter for letter, _ in chosen)
        reply = "\n".join(f"`-{letter}`: {lowered(text)}." for letter, text in chosen)
        return turn(d, d.of(OPTION).format(c=name, f=flag), reply, equals=reply)
    # One-letter options are what people ask about.
    weights = [3 if any(len(f) == 2 for f in flags) else 1 for flags, _ in command.options]
    flags, text = d.rng.choices(command.options, weights)[0]
    if d.chance(0.2):
        reply = f"`{name} {flags[0]}`"
        return turn(d, d.of(WHICH).format(c=name, t=lowered(text)), reply, equals=reply)
    flag = d.any(flags)
    reply = option_answer(name, flags, flag, text)
    question = d.of(OPTION).format(c=name, f=flag)
    return turn(d, question.rstrip("?") if d.chance(0.1) else question, reply, equals=reply)
