"""Realtime sessions as openai-python drives them: ears that follow a script, and the real rest."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import httpx
import openai
import pytest
import websockets
from websockets import Subprotocol
from websockets.asyncio.client import connect

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.transcribe.operation import (
    SpeechTurn,
    Transcribe,
    Transcript,
    TranscriptSegment,
)
from ingle.client.host import host
from ingle.config import Settings
from ingle.errors import ModelNotFound
from ingle.node.node import Node
from ingle.operations import Event, Message, Operation
from ingle.server.server import serve
from ingle.server.settings import ServerSettings
from tests.waiting import eventually_async

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

SECOND = bytes(48_000)
"""Of silence, as the API's sound is."""
TOOL = {
    "type": "function",
    "name": "weather",
    "description": "Tells the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Oslo"]}},
        "required": ["city"],
    },
}


class Ears:
    """A node that hears what `say` tells, and has another one do everything else."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._script: asyncio.Queue[Event] = asyncio.Queue()
        self.heard = 0
        self.requests: list[Transcribe] = []
        self.shown: list[list[Message]] = []
        self.chats = 0
        """Answers that are being written."""

    def say(self, *events: Event) -> None:
        for event in events:
            self._script.put_nowait(event)

    def phrase(self, text: str, number: int = 0) -> None:
        self.say(
            SpeechTurn(state="started", at_s=0.2, id=number),
            SpeechTurn(state="ended", at_s=0.9, id=number),
            TranscriptSegment(id=number, start=0.2, end=0.9, text=text),
        )

    def perform(
        self, operation: Operation, feed: Any = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        if isinstance(operation, Transcribe):
            self.requests.append(operation)
            if operation.model == "nothere":
                raise ModelNotFound("no model nothere here", model="nothere")
            return self._hear(feed)
        if isinstance(operation, Chat):
            self.shown.append(operation.messages)
            return self._chat(operation)
        return self._node.perform(operation, feed)

    def relay(self, operation: Operation, feed: Any = None) -> Any:
        return self._node.relay(operation, feed)

    async def aclose(self) -> None:
        pass

    @asynccontextmanager
    async def _chat(self, chat: Chat) -> AsyncIterator[AsyncIterator[Event]]:
        self.chats += 1
        try:
            async with self._node.perform(chat) as events:
                yield events
        finally:
            self.chats -= 1

    @asynccontextmanager
    async def _hear(self, feed: Any) -> AsyncIterator[AsyncIterator[Event]]:
        async def listen() -> None:
            async for piece in feed:
                self.heard += len(piece.data)

        async def events() -> AsyncIterator[Event]:
            event: Event | None = None
            while not isinstance(event, Transcript):
                event = await self._script.get()
                yield event

        listening = asyncio.create_task(listen())
        try:
            yield events()
        finally:
            listening.cancel()


@pytest.fixture
async def ears(settings: Settings) -> AsyncIterator[Ears]:
    async with host(settings) as (node, _):
        yield Ears(node)


@pytest.fixture
async def address(ears: Ears) -> AsyncIterator[str]:
    """Of a real server."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = anyio.Event()
    rules = ServerSettings(default_model="ember", speech_model="espeak")
    serving = asyncio.create_task(
        serve(
            ears,
            port=0,
            settings=rules,
            stop=stop,
            grace_s=0.1,
            handle_signals=False,
            on_ready=lambda found: ready.set_result(found.url),
        )
    )
    yield await ready
    stop.set()
    await serving


@pytest.fixture
async def session(address: str) -> AsyncIterator[Any]:
    client = openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none")
    async with client.realtime.connect(model="ember") as connection:
        first = await connection.recv()
        assert first.type == "session.created"
        assert first.session.to_dict()["model"] == "ember"
        yield connection
    await client.close()


async def until(connection: Any, kind: str) -> list[Any]:
    """What comes, up to the first event of a kind."""
    found = []
    async with asyncio.timeout(60):
        while True:
            found.append(await connection.recv())
            if found[-1].type == kind:
                return found


def text_item(text: str) -> Any:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


async def update(connection: Any, **fields: Any) -> Any:
    await connection.session.update(session={"type": "realtime", **fields})
    return (await until(connection, "session.updated"))[-1].session


async def test_a_question_in_text_is_answered_in_text(session: Any, ears: Ears) -> None:
    shown = await update(session, output_modalities=["text"], instructions="Be short.")
    assert (shown.instructions, shown.output_modalities) == ("Be short.", ["text"])
    await session.conversation.item.create(item=text_item("What is the capital of France?"))
    await session.response.create(response={"max_output_tokens": 20})
    events = await until(session, "response.done")
    kinds = [event.type for event in events]
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    answer = events[-1].response
    assert answer.output[0].content[0].text == text != ""
    assert answer.usage.output_tokens > 1
    assert answer.status == "completed" or answer.status_details.reason == "max_output_tokens"
    for before, after in (
        ("response.created", "response.output_item.added"),
        ("response.output_item.added", "response.content_part.added"),
        ("response.content_part.added", "response.output_text.delta"),
        ("response.output_text.delta", "response.output_text.done"),
        ("response.output_text.done", "response.output_item.done"),
    ):
        assert kinds.index(before) < kinds.index(after)
    assert [message.role for message in ears.shown[0]] == ["system", "user"]


async def test_functions_are_called_and_their_results_read(session: Any, ears: Ears) -> None:
    await update(session, output_modalities=["text"], tools=[TOOL], tool_choice="required")
    await session.conversation.item.create(item=text_item("How is the weather in Oslo?"))
    await session.response.create()
    events = await until(session, "response.done")
    (call,) = events[-1].response.output
    assert (call.type, call.name, json.loads(call.arguments)) == (
        "function_call",
        "weather",
        {"city": "Oslo"},
    )
    deltas = [e for e in events if e.type == "response.function_call_arguments.delta"]
    assert "".join(event.delta for event in deltas) == call.arguments
    await session.conversation.item.create(
        item={"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    )
    await session.response.create(response={"tool_choice": "none", "max_output_tokens": 8})
    assert (await until(session, "response.done"))[-1].response.output[0].type == "message"
    roles = [(m.role, [c.name for c in m.tool_calls], m.content) for m in ears.shown[-1][-2:]]
    assert roles == [("assistant", ["weather"], ""), ("tool", [], "sunny")]


async def test_what_is_said_is_answered_aloud(session: Any, ears: Ears) -> None:
    await update(session, max_output_tokens=12)
    ears.phrase("What is the capital of France?")
    await session.input_audio_buffer.append(audio=base64.b64encode(SECOND).decode())
    events = await until(session, "response.done")
    kinds = [event.type for event in events]
    wanted = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
    ]
    assert kinds[: len(wanted)] == wanted
    assert (events[0].audio_start_ms, events[1].audio_end_ms) == (200, 900)
    assert len({event.item_id for event in events[:3]}) == 1
    assert events[6].transcript == "What is the capital of France?"
    sound = [e.delta for e in events if e.type == "response.output_audio.delta"]
    assert sum(len(base64.b64decode(piece)) for piece in sound) > len(SECOND) // 4
    said = "".join(e.delta for e in events if e.type == "response.output_audio_transcript.delta")
    item = events[-1].response.output[0]
    assert item.content[0].transcript == said != ""
    assert ears.requests[0].rate == 24_000
    await session.conversation.item.truncate(item_id=item.id, content_index=0, audio_end_ms=0)
    await until(session, "conversation.item.truncated")
    await session.conversation.item.retrieve(item_id=item.id)
    (found,) = await until(session, "conversation.item.retrieved")
    assert found.item.content[0].transcript == ""


async def test_speaking_cuts_an_answer(session: Any, ears: Ears) -> None:
    await update(session, output_modalities=["text"])
    ears.phrase("Tell me a story.")
    await session.input_audio_buffer.append(audio=base64.b64encode(SECOND).decode())
    await until(session, "response.created")
    ears.say(SpeechTurn(state="started", at_s=1.5, id=1))
    done = (await until(session, "response.done"))[-1].response
    if done.status == "cancelled":  # a short answer may have ended by itself
        assert done.status_details.reason == "turn_detected"
    await eventually_async(lambda: ears.chats == 0, "the model writes on")


async def test_the_client_says_when_its_turn_is_over(session: Any, ears: Ears) -> None:
    await update(session, output_modalities=["text"], audio={"input": {"turn_detection": None}})
    await session.input_audio_buffer.commit()
    (error,) = await until(session, "error")
    assert "no sound to commit" in error.error.message
    await session.input_audio_buffer.append(audio=base64.b64encode(SECOND).decode())
    await session.input_audio_buffer.clear()
    await until(session, "input_audio_buffer.cleared")
    await session.input_audio_buffer.append(audio=base64.b64encode(SECOND).decode())
    await session.input_audio_buffer.commit()
    await session.response.create(response={"max_output_tokens": 5})
    kinds = [event.type for event in await until(session, "response.created")]
    assert kinds == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert ears.shown == []  # it waits for what was said
    ears.say(Transcript(model="ears", text="Hello there.", duration_s=1.0))
    await until(session, "response.done")
    assert [message.content for message in ears.shown[0]] == ["Hello there."]


async def test_a_response_is_cancelled_and_another_one_refused(session: Any, ears: Ears) -> None:
    await update(session, output_modalities=["text"], audio={"input": {"turn_detection": None}})
    await session.response.cancel()
    assert "no response" in (await until(session, "error"))[-1].error.message
    await session.input_audio_buffer.append(audio=base64.b64encode(SECOND).decode())
    await session.input_audio_buffer.commit()
    await session.response.create()  # waits for the transcript, which does not come
    await until(session, "response.created")
    await session.response.create()
    assert "under way" in (await until(session, "error"))[-1].error.message
    await session.response.cancel()
    done = (await until(session, "response.done"))[-1].response
    assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")


async def test_what_has_no_meaning_is_said_and_the_session_lives_on(session: Any) -> None:
    async def refused(message: str) -> Any:
        await session.send_raw(message)
        return (await until(session, "error"))[-1].error

    assert "not valid JSON" in (await refused("{")).message
    unknown = await refused('{"type": "nonsense", "event_id": "e1"}')
    assert (unknown.event_id, "no client event 'nonsense'" in unknown.message) == ("e1", True)
    assert (
        "base64" in (await refused('{"type": "input_audio_buffer.append", "audio": "?"}')).message
    )
    update = {"type": "session.update", "session": {"audio": {"input": {"format": {"rate": 1}}}}}
    assert (await refused(json.dumps(update))).param == "session.audio.input.format.rate"
    for item in ({"type": "message"}, {"type": "poem"}, {"type": "function_call_output"}):
        error = await refused(json.dumps({"type": "conversation.item.create", "item": item}))
        assert error.param.startswith("item")
    assert "no item" in (await refused('{"type": "conversation.item.delete"}')).message


async def test_ears_that_are_not_here_are_told_once(session: Any, ears: Ears) -> None:
    await update(session, audio={"input": {"transcription": {"model": "nothere"}}})
    for _ in range(3):
        await session.input_audio_buffer.append(audio=base64.b64encode(SECOND).decode())
    (error,) = await until(session, "error")
    assert error.error.code == "model_not_found"
    await session.input_audio_buffer.append(audio=base64.b64encode(SECOND).decode())
    await session.input_audio_buffer.clear()
    assert [e.type for e in await until(session, "input_audio_buffer.cleared")] == [
        "input_audio_buffer.cleared"
    ]


async def test_a_transcription_session_writes_down_and_does_not_answer(
    address: str, ears: Ears
) -> None:
    url = f"{address.replace('http', 'ws')}/v1/realtime?intent=transcription"
    async with connect(url, subprotocols=[Subprotocol("realtime")]) as socket:
        assert socket.subprotocol == "realtime"
        first = json.loads(await socket.recv())
        assert first["session"]["type"] == "transcription"
        ears.phrase("One.")
        ears.phrase("Two.", 1)
        append = {"type": "input_audio_buffer.append", "audio": base64.b64encode(SECOND).decode()}
        await socket.send(json.dumps(append))
        written: list[str] = []
        while len(written) < 2:
            event = json.loads(await socket.recv())
            if event["type"].endswith("transcription.completed"):
                written.append(event["transcript"])
        await socket.send('{"type": "response.create"}')
        assert "does not answer" in json.loads(await socket.recv())["error"]["message"]
        assert written == ["One.", "Two."]
    assert ears.shown == []


async def test_who_may_not_call_gets_no_socket(address: str) -> None:
    url = f"{address.replace('http', 'ws')}/v1/realtime"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await connect(url, origin="https://evil.example")  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{address}/v1/realtime")
    assert (answer.status_code, "web socket" in answer.text) == (400, True)


async def test_a_client_that_leaves_frees_everything(address: str, ears: Ears) -> None:
    async def connections() -> int:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"{address}/metrics")).text
        (line,) = [line for line in text.splitlines() if line.startswith("ingle_http_connections ")]
        return int(line.split()[1])

    socket = await connect(f"{address.replace('http', 'ws')}/v1/realtime")
    await socket.recv()
    await eventually_async(lambda: _is(connections(), 2), "it is counted")
    item = {"type": "conversation.item.create", "item": text_item("Tell me a long story.")}
    update = {"type": "session.update", "session": {"output_modalities": ["text"]}}
    for event in (update, item, {"type": "response.create"}):
        await socket.send(json.dumps(event))
    await eventually_async(lambda: ears.chats == 1, "it is answered")
    socket.transport.abort()
    await eventually_async(lambda: ears.chats == 0, "the model writes on")
    await eventually_async(lambda: _is(connections(), 1), "it is still counted")


async def _is(count: Any, wanted: int) -> bool:
    return bool(await count == wanted)


async def test_a_session_is_one_line_of_the_log(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ingle.server.access")
    async with connect(f"{address.replace('http', 'ws')}/v1/realtime?model=secret") as socket:
        await socket.recv()
    await eventually_async(lambda: "WEBSOCKET /v1/realtime" in caplog.text, "it is logged")
    assert "secret" not in caplog.text


async def test_bytes_end_a_session(address: str) -> None:
    async with connect(f"{address.replace('http', 'ws')}/v1/realtime") as socket:
        await socket.recv()
        await socket.send(b"\x00")
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, "text" in closed.value.rcvd.reason) == (1007, True)
