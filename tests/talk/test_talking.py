"""A conversation by voice: ears that follow a script, and the real rest."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from ingle import AsyncHome, open_async
from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.talk.talking import (
    AnswerHeard,
    AnswerOver,
    Heard,
    TalkEvent,
    Talking,
    TalkPlan,
    ToolCalled,
)
from ingle.capabilities.transcribe.operation import SpeechTurn, Transcribe, TranscriptSegment
from ingle.config import Settings
from ingle.errors import ModelNotFound
from ingle.operations import Event, Finish, Message, Operation, Text, Tool, ToolCall, ToolCallPiece

from ..waiting import eventually_async

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

PIECE = bytes(1600)
PLAN = TalkPlan(transcribe_model="ears", chat_model="ember", speech_model="espeak", max_tokens=30)
Script = list[Event | Awaitable[Any]]


def phrase(text: str) -> Script:
    return [
        SpeechTurn(state="started", at_s=0.0),
        SpeechTurn(state="ended", at_s=1.0),
        TranscriptSegment(id=0, start=0.0, end=1.0, text=text),
    ]


class ScriptedEars:
    """A node that hears what a script says, and answers from another one, if it has any."""

    def __init__(
        self, home: AsyncHome, script: Script, answers: Sequence[Sequence[Event]] = ()
    ) -> None:
        self._home = home
        self._script = script
        self._answers = list(answers)
        self.asked: list[list[Message]] = []

    def perform(
        self, operation: Operation, feed: Any = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        if isinstance(operation, Transcribe):
            return self._hear(feed)
        if isinstance(operation, Chat):
            self.asked.append(operation.messages)
            if self._answers:
                return self._answer(self._answers.pop(0))
        return self._home.node.perform(operation, feed)

    def relay(self, operation: Operation, feed: Any = None) -> Any:
        return self._home.node.relay(operation, feed)

    async def aclose(self) -> None:
        pass

    @asynccontextmanager
    async def _hear(self, feed: Any) -> AsyncIterator[AsyncIterator[Event]]:
        async def events() -> AsyncIterator[Event]:
            async for _ in feed:
                break
            for step in self._script:
                if isinstance(step, Event):
                    yield step
                else:
                    await step

        yield events()

    @asynccontextmanager
    async def _answer(self, told: Sequence[Event]) -> AsyncIterator[AsyncIterator[Event]]:
        async def events() -> AsyncIterator[Event]:
            for event in told:
                yield event

        yield events()


class PatientSpeaker:
    """Plays nothing, and has played it when it is told so."""

    def __init__(self) -> None:
        self.sound = b""
        self.rates: set[int] = set()
        self.stops = 0
        self.began = asyncio.Event()
        self.ends = asyncio.Event()

    async def play(self, samples: bytes, rate: int) -> None:
        self.sound += samples
        self.rates.add(rate)
        self.began.set()

    async def played(self) -> None:
        await self.ends.wait()

    def stop(self) -> None:
        self.stops += 1

    async def aclose(self) -> None:
        pass


async def one_piece() -> AsyncIterator[bytes]:
    yield PIECE


async def all_of(talking: Talking) -> list[TalkEvent]:
    return [event async for event in talking.events(one_piece())]


def of(events: Sequence[TalkEvent], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


async def test_what_is_heard_is_answered_aloud(settings: Settings) -> None:
    async with open_async(settings) as home:
        speaker = PatientSpeaker()
        speaker.ends.set()
        node = ScriptedEars(home, phrase("What does grep -i do?"))
        # A clock that goes on whenever it is looked at: the script is quicker than its sound.
        talking = Talking(node, PLAN, speaker, itertools.count(0.0, 1.0).__next__)
        events = await all_of(talking)
    assert of(events, Heard) == [Heard(text="What does grep -i do?")]
    (over,) = of(events, AnswerOver)
    assert len(over.text) > 5
    assert not over.interrupted
    (latency,) = of(events, AnswerHeard)
    assert latency.total_s >= latency.chat_s + latency.sentence_s + latency.speak_s > 0
    assert [message.role for message in talking.messages] == ["user", "assistant"]
    assert speaker.rates == {22_050}
    assert len(speaker.sound) > 22_050


async def test_who_speaks_cuts_the_answer(settings: Settings) -> None:
    async with open_async(settings) as home:
        speaker = PatientSpeaker()
        script = [*phrase("Tell me all."), speaker.began.wait(), *phrase("Stop. What is grep?")]
        told = [[Text(text="It is long. "), Text(text="Very long. "), Finish(reason="stop")]]
        node = ScriptedEars(home, script, told)
        talking = Talking(node, PLAN, speaker)
        events = []
        async for event in talking.events(one_piece()):
            events.append(event)
            if event == Heard(text="Stop. What is grep?"):
                speaker.ends.set()
    first, second = of(events, AnswerOver)
    assert first.interrupted
    assert first.text.startswith("It is long.")
    assert not second.interrupted
    assert speaker.stops >= 1
    assert [(message.role, message.text) for message in talking.messages][:3] == [
        ("user", "Tell me all."),
        ("assistant", first.text),
        ("user", "Stop. What is grep?"),
    ]


async def test_what_is_added_before_the_answer_is_heard_belongs_to_the_question(
    settings: Settings,
) -> None:
    async with open_async(settings) as home:
        speaker = PatientSpeaker()
        speaker.ends.set()
        node = ScriptedEars(home, [*phrase("What is"), *phrase("grep?")])
        talking = Talking(node, PLAN, speaker)
        events = await all_of(talking)
    assert of(events, Heard)[-1] == Heard(text="What is grep?")
    assert [message.role for message in talking.messages] == ["user", "assistant"]
    assert talking.messages[0].text == "What is grep?"


async def test_tools_are_called_and_their_result_is_spoken(settings: Settings) -> None:
    called = ToolCallPiece(call=0, id="c1", name="weather", arguments='{"city": "Oslo"}')
    answers = [
        [called, Finish(reason="tool_calls")],
        [Text(text="It rains in Oslo."), Finish(reason="stop")],
    ]

    async def call(asked: ToolCall) -> str:
        assert asked.argument_object == {"city": "Oslo"}
        return "rain"

    plan = TalkPlan(
        transcribe_model="ears", chat_model="ember", speech_model="espeak",
        tools=(Tool(name="weather"),), call=call,
    )  # fmt: skip
    async with open_async(settings) as home:
        speaker = PatientSpeaker()
        speaker.ends.set()
        node = ScriptedEars(home, phrase("How is Oslo?"), answers)
        talking = Talking(node, plan, speaker)
        events = await all_of(talking)
    assert of(events, ToolCalled) == [
        ToolCalled(name="weather", arguments='{"city": "Oslo"}', result="rain")
    ]
    assert of(events, AnswerOver) == [AnswerOver(text="It rains in Oslo.")]
    roles = [message.role for message in talking.messages]
    assert roles == ["user", "assistant", "tool", "assistant"]
    assert [message.role for message in node.asked[1]] == roles[:3]


async def test_an_answer_without_a_word_is_no_failure(settings: Settings) -> None:
    async with open_async(settings) as home:
        speaker = PatientSpeaker()
        speaker.ends.set()
        node = ScriptedEars(home, phrase("Be silent."), [[Text(text="..."), Finish(reason="stop")]])
        events = await all_of(Talking(node, PLAN, speaker))
    assert of(events, AnswerOver) == [AnswerOver(text="")]


@pytest.mark.parametrize("stage", ["chat_model", "speech_model"])
async def test_a_stage_that_fails_ends_the_conversation(stage: str, settings: Settings) -> None:
    models = {"transcribe_model": "ears", "chat_model": "ember", "speech_model": "espeak"}
    plan = TalkPlan(**{**models, stage: "nowhere"})
    async with open_async(settings) as home:
        node = ScriptedEars(home, phrase("Hello there."))
        with pytest.raises(ModelNotFound, match="nowhere"):
            await all_of(Talking(node, plan, PatientSpeaker()))


async def test_leaving_stops_everything(settings: Settings) -> None:
    async with open_async(settings) as home:
        speaker = PatientSpeaker()
        node = ScriptedEars(home, phrase("What does grep do?"))
        talking = Talking(node, PLAN, speaker)
        events = talking.events(one_piece())
        async for event in events:
            if isinstance(event, AnswerHeard):
                break
        await events.aclose()

        async def idle() -> bool:
            return not any(worker.active for worker in (await home.status()).workers)

        await eventually_async(idle)
    assert speaker.stops == 1
