"""A conversation: remembers what was said, streams or returns the next answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from ingle.capabilities.chat.answer_schema import Schema, json_schema, parse
from ingle.capabilities.chat.operation import Chat
from ingle.errors import EngineFault
from ingle.node.node import Node
from ingle.operations import (
    AudioPart,
    ChatResult,
    Event,
    Fold,
    ImagePart,
    Message,
    Part,
    Sampling,
    Text,
    TextPart,
    Tool,
)

Say = str | Message | Sequence[Message]
"""What the caller says next: a text of the user's, or whole messages (such as tool results)."""


class Answer(ChatResult, kw_only=True):
    """An answer, and what its JSON says if a schema was asked for."""

    parsed: Any = None
    """None where the answer is a call of a tool."""


class AsyncChat:
    """A conversation with one model.

    Args of `send` and `stream` override those given here. An answer joins the
    history when it is complete; one that was stopped or failed leaves the
    history as it was, so the same question can be asked again.
    """

    def __init__(self, node: Node, model: str, options: dict[str, Any]) -> None:
        self._node = node
        self.model = model
        self.messages: list[Message] = []
        self._options = options
        system = options.pop("system", "")
        if system:
            self.messages.append(Message(role="system", content=system))

    async def send(
        self,
        say: Say,
        *,
        images: Sequence[bytes] = (),
        audio: Sequence[bytes] = (),
        schema: Schema | None = None,
        **options: Any,
    ) -> Answer:
        """Say something and wait for the whole answer.

        Args:
            say: see `Say`.
            images: picture files' bytes that belong to a text.
            audio: the same of recordings.
            schema: the answer must be JSON of this schema; `Answer.parsed` holds it.
            options: fields of `ingle.operations.Chat` and of `Sampling`.

        Raises:
            IngleError: see the error tree.
        """
        fold = Fold()
        async with aclosing(
            self.events(say, images=images, audio=audio, schema=schema, fold=fold, **options)
        ) as events:
            async for _ in events:
                pass
        result = fold.result()
        answer = Answer(**{name: getattr(result, name) for name in result.__struct_fields__})
        if schema is not None and not answer.tool_calls:
            answer.parsed = parse(schema, result.choices[0])
        return answer

    async def stream(
        self,
        say: Say,
        *,
        images: Sequence[bytes] = (),
        audio: Sequence[bytes] = (),
        **options: Any,
    ) -> AsyncGenerator[Text, None]:
        """Say something; yields the pieces of the answer's text. Closing the iterator stops it."""
        async with aclosing(self.events(say, images=images, audio=audio, **options)) as events:
            async for event in events:
                if isinstance(event, Text):
                    yield event

    async def events(
        self,
        say: Say,
        *,
        images: Sequence[bytes] = (),
        audio: Sequence[bytes] = (),
        schema: Schema | None = None,
        fold: Fold | None = None,
        **options: Any,
    ) -> AsyncGenerator[Event, None]:
        """Say something; yields every event: reasoning, tool calls, usage and timing, too.

        Args:
            fold: is given every event, for its result.
        """
        said = _messages(say, images, audio)
        request = self._request([*self.messages, *said], schema, options)
        fold = fold or Fold()
        async with self._node.perform(request) as events:
            async for event in events:
                fold.add(event)
                yield event
        choices = fold.result().choices
        if not choices or not choices[0].finish:
            raise EngineFault("the answer ended early", hint="ingle logs")
        choice = choices[0]
        self.messages += said
        self.messages.append(
            Message(role="assistant", content=choice.text, tool_calls=choice.tool_calls)
        )

    def _request(
        self, messages: list[Message], schema: Schema | None, options: dict[str, Any]
    ) -> Chat:
        merged = {**self._options, **options}
        if system := merged.pop("system", ""):
            others = [message for message in messages if message.role != "system"]
            messages = [Message(role="system", content=system), *others]
        sampling = take_sampling(merged)
        tools = merged.pop("tools", [])
        return Chat(
            model=self.model,
            messages=messages,
            sampling=sampling,
            tools=[tool if isinstance(tool, Tool) else Tool(**tool) for tool in tools],
            schema=None if schema is None else json_schema(schema),
            **merged,
        )


def take_sampling(options: dict[str, Any]) -> Sampling:
    """Take what belongs to `Sampling` out of options: its fields, or one under ``sampling``."""
    given = {name: options.pop(name) for name in Sampling.__struct_fields__ if name in options}
    sampling: Sampling = msgspec.structs.replace(options.pop("sampling", Sampling()), **given)
    return sampling


def _messages(say: Say, images: Sequence[bytes], audio: Sequence[bytes]) -> list[Message]:
    if isinstance(say, Message):
        return [say]
    if not isinstance(say, str):
        return list(say)
    return [question(say, images, audio)]


def question(text: str, images: Sequence[bytes], audio: Sequence[bytes] = ()) -> Message:
    """What a user says, after the images and recordings that it is about."""
    if not images and not audio:
        return Message(role="user", content=text)
    parts: list[Part] = [*(ImagePart(data=data) for data in images)]
    parts += [AudioPart(data=data) for data in audio]
    return Message(role="user", content=[*parts, TextPart(text=text)])
