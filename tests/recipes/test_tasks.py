"""The generated tasks: their answers pass their own checks, and the splits share no words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from recipes.ember import chat, tasks  # noqa: E402
from recipes.ember.tasks import (  # noqa: E402
    catalogue,
    checks,
    records,
    scenes,
    tools,
    wording,
    words,
    world,
)
from recipes.ember.tasks.draw import Draw  # noqa: E402
from recipes.ember.tasks.facts import Command, Facts, Passage  # noqa: E402

pytestmark = pytest.mark.extras

TEXT = "The archive is a single file that holds other files. It can be read from a tape. " * 3
FACTS = Facts(
    [Command("tar", "an archiving utility", "train", "", [(["-x"], "Extract files from it")])],
    [Passage("tar", "Archives", TEXT, split) for split in ("train", "validation", "test")],
)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", tasks.TASKS)
def test_the_answer_of_a_task_passes_its_check(name: str, split: str) -> None:
    for index in range(60):
        conversation = tasks.one(FACTS, name, split, index)
        _, answer = chat.render(conversation)
        assert checks.is_right(conversation.check, chat.parse(answer)), answer


def test_a_wrong_answer_does_not() -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    for check in ({"equals": "x"}, {"unknown": True}, {"calls": [call]}, {"json": {"a": 1}}):
        assert not checks.is_right(check, {"content": "y"})
    assert not checks.is_right({"equals": "x"}, {"content": "x", "tool_calls": [call]})
    assert not checks.is_right({"no_call": True}, {"content": "", "tool_calls": [call]})


def test_what_a_model_writes_is_read_back() -> None:
    made = chat.parse(
        '<think>\na plan\n</think>\n\n<tool_call>\n{"name": "f", "arguments": {"a": "b"}}\n'
        "</tool_call><|im_end|>\nmore"
    )
    assert made["reasoning_content"] == "a plan"
    assert made["content"] == ""
    assert checks.calls_of(made) == [("f", {"a": "b"})]
    assert checks.calls_of(chat.parse("<tool_call>\n{broken\n</tool_call>")) is None


def offered_and_called(conversation: chat.Conversation) -> tuple[dict[str, Any], list[Any]]:
    tools = {t["function"]["name"]: t["function"]["parameters"] for t in conversation.tools}
    return tools, [c["function"] for c in conversation.check["calls"]]


def test_calls_satisfy_the_signatures_that_were_offered() -> None:
    types = {"string": str, "integer": int, "number": int | float, "boolean": bool, "array": list}
    for index in range(300):
        tools, calls = offered_and_called(tasks.one(FACTS, "tool_call", "train", index))
        for made in calls:
            signature = tools[made["name"]]
            assert set(signature.get("required", [])) <= set(made["arguments"])
            for key, value in made["arguments"].items():
                schema = signature["properties"][key]
                assert isinstance(value, types[schema["type"]])
                assert value in schema.get("enum", [value])


def test_functions_are_hardly_ever_the_same() -> None:
    names = [
        name
        for index in range(300)
        for name in offered_and_called(tasks.one(FACTS, "tool_call", "train", index))[0]
    ]
    assert len(set(names)) > 0.6 * len(names)


def test_no_function_that_can_do_it_is_offered_where_none_is_needed() -> None:
    for index in range(200):
        conversation = tasks.one(FACTS, "tool_none", "train", index)
        assert conversation.tools or conversation.messages[-1]["content"]
        assert not conversation.messages[-1].get("tool_calls")


def test_what_a_scene_answers_is_in_its_sentence_and_what_it_leaves_open_is_not() -> None:
    for index in range(300):
        told = scenes.told(Draw("train", str(index)))
        assert told.values
        assert all(str(value).lower() in told.text.lower() for value in told.values.values())
        assert {slot for slot, _ in told.answered} <= set(told.values)
        assert not {slot for slot, _ in told.open} & set(told.values)


def test_no_phrasing_that_is_held_out_is_composed_for_training() -> None:
    attributes = [a for table in (world.PERSON, world.ITEM, world.EVENT) for a in table]
    for a in attributes:
        d, row = Draw("train", a.key), wording.TABLE[a.key]
        asked = {row.question(d, "{s}", world.HELD_ASKED) for _ in range(400)}
        said = {row.statement(d, "{s}", "{v}", world.HELD_SAID) for _ in range(400)}
        assert not asked & {q[0].upper() + q[1:] for q in a.asking[4::5]}
        assert not said & set(a.statements[4::5])
        assert len(asked) > 100
    d = Draw("train", "json")
    assert not {records.by_keys(d) for _ in range(3000)} & set(records.LISTS.by_keys[4::5])


def test_every_request_of_a_service_names_what_it_needs() -> None:
    for function in catalogue.SERVICES:
        needed = {p.name for p in function.parameters if p.required}
        assert function.requests
        assert any(all(f"{{{name}}}" in r for name in needed) for r in function.requests)
        for request in function.requests:
            request.format(**{p.name: "x" for p in function.parameters})
    held_out = {f.name for f in catalogue.FUNCTIONS}
    assert not held_out & {f.name for f in catalogue.SERVICES}


def test_training_and_test_share_no_words() -> None:
    every = words.FALLBACK
    train, test = every.of_split("train"), every.of_split("test")
    assert not set(train.nouns) & set(test.nouns)
    assert set(train.nouns) | set(test.nouns) == set(every.nouns)


@pytest.mark.parametrize(
    ("verb", "past", "participle"),
    [("plan", "planned", "planning"), ("carry", "carried", "carrying"), ("use", "used", "using")],
)
def test_verbs_are_inflected(verb: str, past: str, participle: str) -> None:
    assert (words.past(verb), words.participle(verb)) == (past, participle)


def test_a_conversation_is_the_same_in_another_process() -> None:
    program = (
        "import json; from tests.recipes.test_tasks import FACTS; from recipes.ember import tasks\n"
        "print(json.dumps([tasks.generate(FACTS, 'train', i).messages for i in range(80)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    here = [tasks.generate(FACTS, "train", i).messages for i in range(80)]
    assert json.loads(done.stdout) == json.loads(json.dumps(here))


def test_numbers_and_names_come_from_the_seed() -> None:
    assert Draw("train", "x").code() == Draw("train", "x").code()
    assert Draw("train", "x").path() != Draw("train", "y").path()


def bare(request: str) -> str:
    """A request without what its slots are called, capitals and marks."""
    slots = re.sub(r"\{[^}]*\}", "{}", request.lower())
    return " ".join(re.sub(r"[^a-z{} ]", "", slots).split())


def test_no_service_is_asked_for_as_the_test_asks() -> None:
    every = catalogue.FUNCTIONS
    held_out = {bare(r) for f in every for r in f.requests[4::5]}
    held_out |= {bare(r) for f in every[4::5] for r in f.requests}
    assert not held_out & {bare(r) for f in catalogue.SERVICES for r in f.requests}


def test_a_varied_function_keeps_what_a_request_names() -> None:
    for index in range(300):
        d = Draw("train", f"varied:{index}")
        function = tools.varied(d, d.any(catalogue.SERVICES))
        _, arguments = tools.ask(d, function)
        assert set(arguments) <= {p.name for p in function.parameters}
        assert {p.name for p in function.parameters if p.required} <= set(arguments)
