"""A model that chats as a translator: what has to stay does, whatever it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.translate.operation import Translate, TranslatedText, Translation
from ingle.engines.engine import Emit
from ingle.engines.translators.chat_translator import translate_by_chat
from ingle.errors import Cancelled
from ingle.operations import Event, Operation, Status, Text

Answer = Callable[[str], str]


def answered(answer: Answer, asked: list[Chat]) -> Callable[[Operation, Emit], None]:
    def perform(operation: Operation, emit: Emit) -> None:
        assert isinstance(operation, Chat)
        asked.append(operation)
        for piece in answer(operation.messages[-1].text):
            emit(Text(text=piece))

    return perform


def translated(text: str, answer: Answer, asked: list[Chat] | None = None) -> tuple[str, Event]:
    events: list[Event] = []
    operation = Translate(model="m", texts=[text], to="es", source="en")
    perform = answered(answer, asked if asked is not None else [])
    translate_by_chat(operation, perform, events.append, "")
    told = [event.text for event in events if isinstance(event, TranslatedText)]
    return "".join(told), events[-1]


def test_each_sentence_is_asked_for_by_itself() -> None:
    asked: list[Chat] = []
    text, last = translated("Hello there. Good bye!\n", str.upper, asked)
    assert text == "HELLO THERE. GOOD BYE!\n"
    assert last == Translation(to="es", source="en", characters=23, sentences=2)
    assert [chat.messages[-1].text for chat in asked] == ["Hello there.", "Good bye!"]
    told = asked[0].messages[0].text
    assert "from English into Spanish" in told
    assert asked[0].max_tokens is not None
    assert asked[0].sampling.temperature == 0


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (lambda line: f'"{line.upper()}"', "HELLO {name}."),
        (lambda line: f"{line.upper()}\n\nNote: done" if "{" not in line else "lost it",
         "HELLO Note: done {name}."),
        (lambda line: line + " {other}" if "{" in line else line.upper(), "HELLO {name}."),
        (lambda line: "", "Hello {name}."),
    ],
)  # fmt: skip
def test_placeholders_stay_whatever_is_answered(answer: Answer, wanted: str) -> None:
    assert translated("Hello {name}.", answer)[0] == wanted


def test_a_cancel_is_heard_while_it_answers() -> None:
    written = 0

    def endless() -> Iterator[str]:
        nonlocal written
        while True:
            written += 1
            yield "x"

    def perform(operation: Operation, emit: Emit) -> None:
        for piece in endless():
            emit(Text(text=piece))

    told: list[Event] = []

    def emit(event: Event) -> None:
        told.append(event)
        if len(told) > 3:
            raise Cancelled("the caller stopped it")

    with pytest.raises(Cancelled):
        translate_by_chat(Translate(model="m", texts=["Hello"], to="es"), perform, emit, "")
    assert written < 100
    assert all(isinstance(event, Status) for event in told)
