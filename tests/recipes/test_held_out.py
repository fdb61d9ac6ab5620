"""What the test draws stays what it is, or a figure of one version says nothing of another's."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from recipes.ember import tasks

from .test_ember import FACTS

pytestmark = pytest.mark.extras

DRAWN = {
    "extractive": "50e06392368aaa9b",
    "unanswerable": "45391e6620861e90",
    "yes_no": "10a9017033abcb39",
    "documentation": "3761b118cfe75e5b",
    "json_by_schema": "855384fb34cf2dbb",
    "json_array": "38386011124fb744",
    "tool_call": "7ad62fd377674807",
    "tool_calls": "0f089679fde544fb",
    "tool_none": "8a3c5bdc88918f53",
    "tool_result": "78bee47312d36372",
    "lookup": "3e4f87e3c1ef43f4",
    "recall": "c4f2abfc568c4edc",
    "sorting": "300c74894776a256",
    "counting": "0469fd0854f8dfc6",
    "rewriting": "4fddd1094ebda0cc",
    "picking": "789ec290575b33bc",
    "title": "a6ea0062daff4366",
    "arithmetic": "581d846d1d36110a",
    "small_talk": "a18794090df6e8f6",
    "ingle": "04c654bbb987fa18",
    "unknowable": "5dc805ea011bc7e3",
    "noise": "84b703d7e37c1dcc",
    "manual_purpose": "e75756be3e1e1e3e",
    "manual_option": "a4811f438cab7c76",
}


def digest(name: str) -> str:
    drawn = [tasks.one(FACTS, name, "test", index) for index in range(40)]
    shown = json.dumps([[c.messages, c.tools, c.thinking, c.check] for c in drawn])
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", DRAWN)
def test_the_test_draws_what_it_drew(name: str) -> None:
    assert digest(name) == DRAWN[name]
