"""One answer of a realtime session: written, spoken while it is written, and told as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.realtime.session_items import Item, SessionItems
from ingle.capabilities.speak.operation import Speak, SpeakingSentence, SpokenAudio, TextPiece
from ingle.errors import IngleError
from ingle.node.node import Node
from ingle.operations import Finish, Message, Sampling, Text, ToolCallPiece, Usage
from ingle.wire.openai.audio_speech import meant_voice, named_voice
from ingle.wire.openai.errors import error_object
from ingle.wire.openai.realtime import SessionSettings, identifier, sound_text

Tell = Callable[..., Awaitable[None]]


class Response:
    """An answer, from ``response.created`` to ``response.done``.

    Args:
        settings: the session's, with what this response has of its own.
        messages: gives what the model is shown, once it is all there.
        conversation: gets the items; None: they belong to none.
        tell: sends a server's event.
    """

    def __init__(
        self,
        node: Node,
        settings: SessionSettings,
        messages: Callable[[], Awaitable[list[Message]]],
        conversation: SessionItems | None,
        tell: Tell,
        *,
        speech_model: str,
        metadata: Any = None,
    ) -> None:
        self.id = identifier("resp")
        self._node = node
        self._settings = settings
        self._messages = messages
        self._conversation = conversation
        self._tell = tell
        self._speech_model = speech_model
        self._metadata = metadata
        self._output: list[Item] = []
        self._message: Item | None = None
        self._calls: dict[int, Item] = {}
        self._usage = Usage(prompt_tokens=0)
        self._cut = False
        self._failure: IngleError | None = None
        self._reason = "client_cancelled"
        self.sentences: list[SpeakingSentence] = []
        """What was spoken, for an answer that is cut."""
        self._task: asyncio.Task[None] | None = None

    @property
    def under_way(self) -> bool:
        """It has not ended."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def wait(self) -> None:
        """Until it has ended, and its end was told."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def cancel(self, reason: str) -> None:
        """End it now; its end is told."""
        self._reason = reason
        if self._task is not None:
            self._task.cancel()
        await self.wait()

    def item(self, item_id: str | None) -> Item | None:
        """Its message, if it has that id."""
        found = self._message
        return found if found is not None and found["id"] == item_id else None

    async def _run(self) -> None:
        await self._tell("response.created", response=self._object("in_progress"))
        status = "completed"
        details: dict[str, Any] | None = None
        try:
            await (self._spoken() if self._settings.speaks else self._written())
            if self._cut:
                status = "incomplete"
                details = {"type": status, "reason": "max_output_tokens"}
        except asyncio.CancelledError:
            status, details = "cancelled", {"type": "cancelled", "reason": self._reason}
        except IngleError as error:
            status, details = "failed", {"type": "failed", "error": error_object(error)}
        await self._end_items("completed" if status == "completed" else "incomplete")
        await self._tell("response.done", response=self._object(status, details))

    async def _written(self) -> None:
        async with aclosing(self._texts()) as texts:
            async for text in texts:
                await self._content("response.output_text.delta", text)

    async def _spoken(self) -> None:
        async with aclosing(self._texts()) as texts:
            first = await anext(texts, None)
            if first is None:
                return  # tools were called, and nothing was said
            output = self._settings.output
            request = Speak(
                model=self._speech_model,
                voice=meant_voice(named_voice(output.voice)),
                speed=output.speed or 1.0,
                format="pcm",
                rate=output.rate,
            )
            async with self._node.perform(request, self._feed(first, texts)) as events:
                async for event in events:
                    if isinstance(event, SpeakingSentence):
                        self.sentences.append(event)
                    elif isinstance(event, SpokenAudio):
                        await self._content("response.output_audio.delta", sound_text(event.data))
        if self._failure is not None:
            raise self._failure

    async def _feed(
        self, first: str, texts: AsyncGenerator[str, None]
    ) -> AsyncGenerator[TextPiece, None]:
        try:
            await self._content("response.output_audio_transcript.delta", first)
            yield TextPiece(text=first)
            async for text in texts:
                await self._content("response.output_audio_transcript.delta", text)
                yield TextPiece(text=text)
        except IngleError as error:  # what ends a feed does not reach the one who asked
            self._failure = error

    async def _texts(self) -> AsyncGenerator[str, None]:
        """What the model writes; its calls of tools are told on the way."""
        settings = self._settings
        most = settings.max_output_tokens
        request = Chat(
            model=settings.model or "",
            messages=await self._messages(),
            tools=settings.operation_tools,
            tool_choice=settings.choice,
            parallel_tool_calls=settings.parallel_tool_calls is not False,
            max_tokens=most if isinstance(most, int) else None,
            sampling=Sampling(temperature=settings.temperature),
        )
        async with self._node.perform(request) as events:
            async for event in events:
                match event:
                    case Text(text=text) if text:
                        yield text
                    case ToolCallPiece():
                        await self._call(event)
                    case Finish(reason=reason):
                        self._cut = reason == "length"
                    case Usage():
                        self._usage = event

    async def _content(self, kind: str, delta: str) -> None:
        """A piece of the message, which the first one begins."""
        if self._message is None:
            part = {"type": "output_text", "text": ""}
            if self._settings.speaks:
                part = {"type": "output_audio", "transcript": ""}
            self._message = await self._begin(
                {"type": "message", "role": "assistant", "content": [part]}
            )
            await self._tell(
                "response.content_part.added", **self._place(self._message), content_index=0,
                part=_bare(part),
            )  # fmt: skip
        if kind != "response.output_audio.delta":
            part = self._message["content"][0]
            part["text" if "text" in part else "transcript"] += delta
        await self._tell(kind, **self._place(self._message), content_index=0, delta=delta)

    async def _call(self, piece: ToolCallPiece) -> None:
        item = self._calls.get(piece.call)
        if item is None:
            item = self._calls[piece.call] = await self._begin(
                {
                    "type": "function_call",
                    "call_id": piece.id or identifier("call"),
                    "name": piece.name,
                    "arguments": "",
                }
            )
        if piece.arguments:
            item["arguments"] += piece.arguments
            await self._tell(
                "response.function_call_arguments.delta", **self._place(item),
                call_id=item["call_id"], delta=piece.arguments,
            )  # fmt: skip

    async def _begin(self, given: Item) -> Item:
        before = None
        item = {"id": identifier("item"), "object": "realtime.item", **given}
        item["status"] = "in_progress"
        if self._conversation is not None:
            item, before = self._conversation.add(item)
        self._output.append(item)
        place = {"response_id": self.id, "output_index": len(self._output) - 1}
        await self._tell("response.output_item.added", **place, item=dict(item))
        if self._conversation is not None:
            await self._tell("conversation.item.added", previous_item_id=before, item=dict(item))
        return item

    async def _end_items(self, status: str) -> None:
        for at, item in enumerate(self._output):
            item["status"] = status
            place = self._place(item)
            if item["type"] == "function_call":
                await self._tell(
                    "response.function_call_arguments.done", **place, call_id=item["call_id"],
                    name=item["name"], arguments=item["arguments"],
                )  # fmt: skip
            else:
                await self._end_message(item, place)
            await self._tell(
                "response.output_item.done", response_id=self.id, output_index=at, item=item
            )
            if self._conversation is not None:
                await self._tell("conversation.item.done", previous_item_id=None, item=item)

    async def _end_message(self, item: Item, place: dict[str, Any]) -> None:
        part = item["content"][0]
        if "text" in part:
            await self._tell(
                "response.output_text.done", **place, content_index=0, text=part["text"]
            )
        else:
            await self._tell("response.output_audio.done", **place, content_index=0)
            await self._tell(
                "response.output_audio_transcript.done", **place, content_index=0,
                transcript=part["transcript"],
            )  # fmt: skip
        await self._tell("response.content_part.done", **place, content_index=0, part=_bare(part))

    def _place(self, item: Item) -> dict[str, Any]:
        at = next(at for at, other in enumerate(self._output) if other is item)
        return {"response_id": self.id, "item_id": item["id"], "output_index": at}

    def _object(self, status: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        usage = self._usage
        done = status != "in_progress"
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "conversation_id": self._conversation.id if self._conversation is not None else None,
            "output": list(self._output) if done else [],
            "output_modalities": ["audio"] if self._settings.speaks else ["text"],
            "max_output_tokens": self._settings.max_output_tokens or "inf",
            "metadata": self._metadata,
            "usage": {
                "input_tokens": usage.prompt_tokens,
                "output_tokens": usage.completion_tokens,
                "total_tokens": usage.total_tokens,
                "input_token_details": {"cached_tokens": usage.cached_tokens},
            }
            if done
            else None,
        }


def _bare(part: Item) -> Item:
    """A part of an item, as the events about parts name it."""
    return {**part, "type": str(part["type"]).removeprefix("output_")}


def cut(item: Item, sentences: list[SpeakingSentence], audio_end_ms: int) -> None:
    """Leave of a spoken item what was heard of it: the sentences that had begun by then."""
    heard = [one for one in sentences if one.start_s * 1000 < audio_end_ms]
    part = item["content"][0]
    if "transcript" in part:
        until = heard[-1].characters if heard else 0
        part["transcript"] = part["transcript"][:until]
