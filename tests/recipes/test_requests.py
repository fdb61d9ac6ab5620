"""Requests of training: every argument can be read in them, and none is worded as the test's."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from recipes.ember import tasks
from recipes.ember.tasks import asking, documented, functions, heads, phrasing, roles, wording
from recipes.ember.tasks.catalogue import LISTS as CATALOGUE
from recipes.ember.tasks.draw import Draw
from recipes.ember.tasks.facts import Command

from .test_tasks import FACTS

pytestmark = pytest.mark.extras

DRAWS = 1000
OTHERWISE = {
    choice: said for words in CATALOGUE.said.values() for choice, said in words.items()
}  # a choice as people say it


def asked(name: str, index: int) -> tuple[str, list[dict[str, Any]]]:
    conversation = tasks.one(FACTS, name, "train", index)
    text = [m for m in conversation.messages if m["role"] == "user"][-1]["content"]
    return text, [c["function"]["arguments"] for c in conversation.check["calls"]]


def is_told(text: str, value: Any) -> bool:
    if isinstance(value, bool):
        return True  # said in many ways
    if isinstance(value, list):
        return all(is_told(text, each) for each in value)
    if isinstance(value, int) and 0 <= value < 100 and asking.count_word(value) in text:
        return True
    if re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
        return value in text or value[:4] in text
    if re.fullmatch(r"\d\d:\d\d", str(value)):
        return value in text or bool(re.search(r"\d ?[ap]m", text))
    return str(value) in text or any(other in text for other in OTHERWISE.get(value, ()))


@pytest.mark.parametrize("name", ["tool_call", "tool_calls"])
def test_every_argument_of_a_call_is_in_the_request(name: str) -> None:
    lost = []
    for index in range(DRAWS):
        text, calls = asked(name, index)
        lost += [
            (index, key, value, text)
            for arguments in calls
            for key, value in arguments.items()
            if not is_told(text, value)
        ]
    # A word may begin a sentence with a capital of its own.
    assert not [row for row in lost if not is_told(row[3].lower(), str(row[2]).lower())]
    assert len(lost) < DRAWS / 50


def test_no_mention_of_training_is_one_that_is_held_out() -> None:
    for role in roles.ROLES:
        held_out = {wording.plainly(plan) for plan in role.mentions[4::5]}
        found = roles.MENTIONS[role.key]
        told = {wording.plainly(plan) for plan in (*found.plans, *found.composed)}
        assert not told & held_out
        assert len(found.plans) >= 25
    by_name = {wording.plainly(plan) for plan in roles.PLANS_BY_NAME}
    assert not by_name & {wording.plainly(plan) for plan in roles.HELD_BY_NAME}
    assert not set(roles.PLANS[True]) & set(roles.LISTS.true[4::5])
    assert not set(roles.PLANS[False]) & set(roles.LISTS.false[4::5])


@pytest.mark.parametrize(
    ("trained", "listed"),
    [
        (heads.ORDERS, heads.LISTS.asked_of_all["orders"]),
        (heads.QUESTIONS, heads.LISTS.asked_of_all["questions"]),
        (heads.PASSIVES, heads.LISTS.asked_of_all["passives"]),
        (phrasing.GREETED, phrasing.LISTS.greetings),
        (phrasing.LED, phrasing.LISTS.leads),
        (phrasing.TAILED, phrasing.LISTS.tails),
    ],
)
def test_nothing_is_begun_or_ended_as_the_test_does(trained: list[str], listed: list[str]) -> None:
    assert not {wording.plainly(t) for t in trained} & {wording.plainly(h) for h in listed[4::5]}


def test_no_verb_asks_for_an_action_that_is_held_out() -> None:
    held_out = {(n, v) for names, verbs in heads.LISTED[4::5] for n in names for v in verbs}
    held_out |= {(n, v) for names, verbs in heads.LISTED for n in names for v in verbs[4::5]}
    for index in range(DRAWS):
        name, verbs = heads.action(Draw("train", f"action:{index}"))
        assert not held_out & {(name, verb) for verb in verbs}


def test_opposites_are_told_in_either_order() -> None:
    first = set()
    for index in range(DRAWS):
        d = Draw("train", f"opposites:{index}")
        function = functions.invented(d, widely=True)
        sides = [p for p in function.parameters if "/" in p.role]
        if len(sides) == 2:
            text, arguments = asking.ask(d, function)
            ends = sorted(sides, key=lambda p: p.role)
            places = [text.find(str(arguments.get(p.name))) for p in ends]
            if min(places) >= 0:
                first.add(places[0] < places[1])
    assert first == {True, False}


def test_a_documented_command_becomes_a_function() -> None:
    options = [
        (["-o", "--output"], "Write the result to FILE instead of the screen"),
        (["-r", "--reverse"], "Reverse the order of the lines"),
        (["-v", "--verbose"], "Explain what is being done"),
        (["--level"], "Set the level of compression to the given number"),
    ]
    command = Command("pack", "compress files", "train", "pack [OPTION] FILE", options)
    (made,) = documented.functions_of([command])
    kinds = {p.name: p.kind for p in made.parameters}
    assert kinds == {"output": "path", "reverse": "bool", "level": "small"}
    for index in range(DRAWS // 10):
        d = Draw("train", f"documented:{index}")
        function, text, arguments = documented.draw(d, [made])
        assert {p.name for p in function.parameters if p.required} <= set(arguments)
        assert all(is_told(text, value) for value in arguments.values())
