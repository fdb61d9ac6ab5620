"""``ingle.open()``: the blocking face on a real node."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

import ingle
from ingle import Home, Message
from ingle.capabilities.node.operation import NodeStatus, StatusReport
from ingle.errors import (
    CapabilityMissing,
    ConfigError,
    ContextLengthExceeded,
    EngineFault,
    InvalidRequest,
    ModelNotFound,
    NodeUnreachable,
    StorageError,
)
from ingle.operations import Finish, Text, Timing, Tool
from tests.waiting import eventually

GREEDY = {"temperature": 0.0, "max_tokens": 12}
ENDLESS = {"temperature": 0.0, "ignore_eos": True, "max_tokens": 900}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 8}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    place = tmp_path_factory.mktemp("home")
    with ingle.open(
        state_dir=str(place / "state"), models_dir=str(place / "models"), context=1024, slots=2
    ) as home:
        yield home


def idle(home: Home) -> bool:
    return not any(worker.active for worker in home.status().workers)


def test_a_conversation_remembers(home: Home) -> None:
    chat = home.chat(system="Be short.", **GREEDY)
    first = chat.send("Hello there")
    assert first.text
    assert first.parsed is None
    assert first.timing.total_s > 0
    second = chat.send("And now?")
    assert second.usage.prompt_tokens > first.usage.prompt_tokens
    assert [message.role for message in chat.messages] == [
        *("system", "user", "assistant", "user", "assistant"),
    ]
    assert chat.messages[2].content == first.text
    assert chat.model == "ember"
    assert repr(home.chat("ember-embed").model) == "'ember-embed'"


def test_streams_are_the_same_answer(home: Home) -> None:
    whole = home.chat(**GREEDY).send("Hello there")
    chat = home.chat()
    pieces = [piece.text for piece in chat.stream("Hello there", **GREEDY)]
    assert "".join(pieces) == whole.text
    assert len(pieces) > 3
    assert chat.messages[-1].content == whole.text
    kinds = {type(event) for event in home.chat(**GREEDY).events("Hello there")}
    assert {Text, Finish, Timing} <= kinds


def test_options_of_one_question_go_before_those_of_the_conversation(home: Home) -> None:
    chat = home.chat(system="Be short.", max_tokens=9, sampling=ingle.Sampling(temperature=0.0))
    long = chat.send("Hello there", max_tokens=2, system="You know everything about ships.")
    assert long.usage.completion_tokens == 2
    assert chat.messages[0].content == "Be short."
    with pytest.raises(InvalidRequest, match="temperature"):
        chat.send("Hello", temperature=-1)
    assert len(chat.messages) == 3


def test_leaving_a_stream_stops_the_work_and_keeps_no_history(home: Home) -> None:
    chat = home.chat(**ENDLESS)
    stream = chat.stream("Tell me all")
    next(stream)
    assert not idle(home)
    stream.close()
    eventually(lambda: idle(home))
    assert chat.messages == []
    for _ in chat.stream("Tell me all"):
        break
    eventually(lambda: idle(home))


def test_an_interrupt_stops_the_work(home: Home) -> None:
    """Ctrl-C raises KeyboardInterrupt in the main thread, wherever it waits."""
    main = threading.main_thread().ident
    assert main is not None
    chat = home.chat(**ENDLESS)

    def interrupted(work: Callable[[], object]) -> None:
        timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            work()
        timer.join()
        eventually(lambda: idle(home))
        assert chat.messages == []

    home.load("ember")
    interrupted(lambda: list(chat.stream("Tell me all")))
    interrupted(lambda: chat.send("Tell me all"))
    assert home.chat(**GREEDY).send("Hello there").text


def test_a_failed_question_is_not_remembered(home: Home) -> None:
    chat = home.chat("embre")
    with pytest.raises(ModelNotFound, match="ember"):
        chat.send("Hello")
    with pytest.raises(ModelNotFound):
        list(chat.stream("Hello"))
    assert chat.messages == []


def test_errors_keep_their_class_and_their_facts(home: Home) -> None:
    with pytest.raises(ContextLengthExceeded) as caught:
        home.chat().send("word " * 2000)
    assert caught.value.details["prompt_tokens"] > 2000 > caught.value.details["context"]
    with pytest.raises(CapabilityMissing):
        home.embed("x", "ember")
    with pytest.raises(InvalidRequest, match="max_tokens"):
        home.complete("x", max_tokens=-1)
    with pytest.raises(ModelNotFound):
        home.show("embre")


@dataclasses.dataclass
class AsDataclass:
    city: str


class AsStruct(msgspec.Struct):
    city: str


class LikePydantic:
    """A class that offers what a pydantic model offers."""

    def __init__(self, city: str) -> None:
        self.city = city

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        return CITY

    @classmethod
    def model_validate_json(cls, text: str) -> LikePydantic:
        return cls(**json.loads(text))


@pytest.mark.parametrize("schema", [AsDataclass, AsStruct, LikePydantic])
def test_an_answer_comes_as_the_type_that_was_asked_for(home: Home, schema: type[Any]) -> None:
    answer = home.chat().send("Name a city.", schema=schema, temperature=0.0, max_tokens=200)
    assert isinstance(answer.parsed, schema)
    assert json.loads(answer.text) == {"city": answer.parsed.city}


def test_with_tools_and_a_schema_the_answer_is_a_call_or_data(home: Home) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = Tool(name="get_weather", parameters=parameters | {"required": ["city"]})
    chat = home.chat(**{**GREEDY, "max_tokens": 200}, tools=[tool])
    answer = chat.send("What is the weather in Paris?", schema=CITY)
    assert [call.name for call in answer.tool_calls] == ["get_weather"]
    assert (answer.parsed, answer.text) == (None, "")


def test_a_plain_schema_gives_plain_data(home: Home) -> None:
    answer = home.chat(**{**GREEDY, "max_tokens": 200}).send("Name a city.", schema=CITY)
    assert list(answer.parsed) == ["city"]


def test_json_that_was_cut_off_or_cannot_be_is_an_error(home: Home) -> None:
    with pytest.raises(EngineFault, match="truncated") as caught:
        home.chat(max_tokens=3).send("Name a city.", schema=CITY)
    assert "max_tokens" in caught.value.hint
    with pytest.raises(InvalidRequest, match="schema"):
        home.chat().send("Name a city.", schema=type("Odd", (), {}))


def test_whole_messages_can_be_said(home: Home) -> None:
    chat = home.chat(**GREEDY)
    chat.send([Message(role="user", content="Hi"), Message(role="assistant", content="Yes?")])
    chat.send(Message(role="user", content="Continue"))
    assert len(chat.messages) == 5


def test_the_other_verbs(home: Home) -> None:
    told = home.complete("Once upon", temperature=0.0, max_tokens=4)
    assert told.usage.completion_tokens == 4
    again = home.complete("Once upon", sampling=ingle.Sampling(temperature=0.0), max_tokens=4)
    assert again.text == told.text
    (vector,) = home.embed("a cat")
    assert sum(value * value for value in vector) == pytest.approx(1, abs=1e-3)
    assert len(home.embed(["a", "b"], dimensions=8)[1]) == 8
    documents = ["ls lists the files of a directory", "bananas are yellow"]
    assert home.rerank("how do I list files?", documents, top=1).ranking[0].index == 0
    assert home.tokenize("hello") == home.tokenize("hello", "ember")
    assert [model.name for model in home.models()] == ["ember", "ember-embed", "espeak", "langid"]
    assert home.fit("ember", context=512)[0].context == 512
    home.copy("ember", "spark")
    home.remove("spark")
    assert home.ledger() == []
    assert home.disk_usage().free > 0
    assert isinstance(home.ask(NodeStatus(), StatusReport), StatusReport)
    (report,) = home.events(NodeStatus())
    assert isinstance(report, StatusReport)
    home.unload("ember-embed")
    assert [worker.model for worker in home.status().workers] == ["ember"]


def test_a_text_is_embedded_as_its_kind(home: Home) -> None:
    prefixes = home.show("ember-embed").prefixes
    assert prefixes == {"query": "query: ", "passage": "passage: "}
    text = "how do I list files?"
    (bare,) = home.embed(text)
    for kind, prefix in prefixes.items():
        (vector,) = home.embed(text, kind=kind)
        (by_hand,) = home.embed(prefix + text)
        assert vector == pytest.approx(by_hand, abs=1e-4)
        assert vector != pytest.approx(bare, abs=1e-2)


def test_a_second_program_reaches_the_same_node(home: Home) -> None:
    code = """
import ingle
with ingle.open() as home:
    print(home.status().pid, home.chat(temperature=0.0, max_tokens=12).send("Hello there").text)
"""
    place = home.settings
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"INGLE_STATE_DIR": place.state_dir, "INGLE_MODELS_DIR": place.models_dir},
        capture_output=True,
        text=True,
        check=False,
    )
    mine = home.chat(**GREEDY).send("Hello there").text
    assert done.stdout.strip() == f"{home.status().pid} {mine}".strip(), done.stderr


def test_where_no_node_can_be(tmp_path: Any) -> None:
    with pytest.raises(NodeUnreachable), ingle.open(otherwise="fail"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"), ingle.open(state_dir=str(tmp_path / "file")):
        pass
    with pytest.raises(ConfigError, match="prot"), ingle.open(prot=1):
        pass


def test_a_stream_read_by_a_thread_ends_when_the_home_is_left() -> None:
    """A program that fails while a thread of its reads an answer must not hang."""
    ends: list[BaseException | None] = []
    speaking = threading.Event()

    def read(home: Home) -> None:
        try:
            for _ in home.chat(**ENDLESS).stream("Tell me all"):
                speaking.set()
            ends.append(None)
        except Exception as error:
            ends.append(error)

    def fail() -> None:
        with ingle.open() as home:
            thread = threading.Thread(target=read, args=(home,))
            threads.append(thread)
            thread.start()
            assert speaking.wait(20)
            raise ZeroDivisionError

    threads: list[threading.Thread] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    (thread,) = threads
    thread.join(10)
    assert not thread.is_alive()
    assert len(ends) == 1
