"""A realtime session: what the client says is done in order; hearing and answering run beside it.

The user's sound is transcribed while it comes. Where the server finds the turns, each phrase
becomes an item of the conversation, which is answered, and speaking cuts an answer; else an item
is what was sent until a commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from ingle.capabilities.realtime.hearing import Hearing
from ingle.capabilities.realtime.response import Response, cut
from ingle.capabilities.realtime.session_items import SessionItems
from ingle.capabilities.realtime.user_turns import UserTurns
from ingle.capabilities.transcribe.operation import Transcribe
from ingle.errors import Cancelled, ClientGone, IngleError, InvalidRequest
from ingle.operations import Message
from ingle.server.socket_exchange import SocketExchange
from ingle.wire.openai import realtime
from ingle.wire.openai.realtime import (
    ClientEvent,
    SessionSettings,
    SessionState,
    first_session,
)

MOST_SPOKEN = 32
"""Answers that can still be cut: a client cuts the last one."""


class RealtimeSession:
    """One client's session.

    Args:
        session: as it begins.
    """

    def __init__(self, exchange: SocketExchange, session: SessionState) -> None:
        self._exchange = exchange
        self._node = exchange.node
        self._session = session
        self._conversation = SessionItems()
        self._hearing: Hearing | None = None
        self._turns: dict[Hearing, UserTurns] = {}
        """Also of those that still write down what was committed."""
        self._deaf = False
        """Hearing has failed: what is sent is left out until something about it is changed."""
        self._response: Response | None = None
        self._spoken: list[Response] = []
        """Answers whose items may be cut."""
        self._heard_ms = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._handlers: dict[str, Callable[[ClientEvent], Awaitable[None]]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    async def run(self) -> None:
        """Until the client leaves.

        Raises:
            ClientGone: it left in the middle.
        """
        try:
            await self._tell("session.created", session=self._session.shown)
            async for data in self._exchange.messages():
                await self._take(data)
        finally:
            for hearing in list(self._turns):
                await hearing.stop()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._response is not None:
                await self._response.cancel("client_cancelled")

    async def _take(self, data: bytes) -> None:
        event_id = None
        try:
            event = realtime.parse(data)
            event_id = event.event_id
            handler = self._handlers.get(event.type)
            if handler is None:
                raise InvalidRequest(
                    f"type: there is no client event {event.type!r}; there are "
                    f"{', '.join(self._handlers)}",
                    field="type",
                )
            await handler(event)
        except ClientGone:
            raise
        except IngleError as error:
            await self._exchange.say(realtime.failed(error, event_id))

    async def _tell(self, kind: str, **fields: Any) -> None:
        await self._exchange.say(realtime.said(kind, **fields))

    # -- the session ---------------------------------------------------------

    async def _update(self, event: ClientEvent) -> None:
        given = event.session or {}
        before = self._session
        if given.get("type", before.settings.type) != before.settings.type:
            if self._conversation.items or self._hearing is not None:
                raise InvalidRequest(
                    "session.type: it can be changed before anything was said only",
                    field="session.type",
                )
            settings = self._exchange.settings
            before = first_session(
                str(given["type"]), settings.default_model, settings.transcribe_model,
                settings.speech_model,
            )  # fmt: skip
        self._session = before.updated(given)
        if self._session.settings.input != before.settings.input and self._hearing is not None:
            self._end_hearing()
        self._deaf = False
        await self._tell("session.updated", session=self._session.shown)

    # -- what the user says ---------------------------------------------------

    async def _append(self, event: ClientEvent) -> None:
        data = realtime.sound_of(event)
        if self._deaf or not data:
            return
        if self._hearing is None:
            self._hearing = self._listen()
        self._hearing.add(data)

    async def _commit(self, event: ClientEvent) -> None:
        self._deaf = False
        hearing = self._hearing
        if hearing is None or not hearing.heard:
            raise InvalidRequest(
                "input_audio_buffer: there is no sound to commit", field="input_audio_buffer"
            )
        await self._turns[hearing].commit()
        self._end_hearing()

    async def _clear(self, event: ClientEvent) -> None:
        self._deaf = False
        hearing, self._hearing = self._hearing, None
        if hearing is not None:
            await hearing.stop()
        await self._tell("input_audio_buffer.cleared")

    def _listen(self) -> Hearing:
        heard = self._session.settings.input
        wanted, detection = (
            heard.transcription or realtime.TranscriptionSettings(),
            heard.turn_detection,
        )
        request = Transcribe(
            model=wanted.model or self._exchange.settings.transcribe_model,
            rate=heard.rate,
            language=(wanted.language or "").partition("-")[0].lower(),
            prompt=wanted.prompt or "",
            hotwords=wanted.keywords or [],
            silence_ms=(detection and detection.silence_duration_ms) or 500,
        )
        turns = UserTurns(
            self._conversation,
            self._tell,
            manual=detection is None,
            began_ms=self._heard_ms,
            began=self._speech_began,
            said=self._said,
        )
        hearing = Hearing(self._node, request, turns.heard)
        self._turns[hearing] = turns
        hearing.task.add_done_callback(lambda _: self._begin(self._hearing_over(hearing)))
        return hearing

    def _end_hearing(self) -> None:
        """What was sent is written down; what follows is another stretch."""
        hearing, self._hearing = self._hearing, None
        if hearing is not None:
            self._heard_ms += hearing.heard_ms
            hearing.end()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hearing_over(self, hearing: Hearing) -> None:
        turns = self._turns.pop(hearing)
        if hearing is self._hearing:
            self._hearing = None
        error = None if hearing.task.cancelled() else hearing.task.exception()
        if error is None:
            await turns.fail(Cancelled("the sound was cleared"))
        elif isinstance(error, IngleError) and not isinstance(error, ClientGone):
            self._deaf = True
            await turns.fail(error)
            await self._exchange.say(realtime.failed(error, None))

    async def _speech_began(self) -> None:
        detection = self._session.settings.input.turn_detection
        interrupts = detection is not None and detection.interrupt_response is not False
        if interrupts and self._response is not None and self._response.under_way:
            await self._response.cancel("turn_detected")

    async def _said(self) -> None:
        settings = self._session.settings
        detection = settings.input.turn_detection
        answers = detection is not None and detection.create_response is not False
        if answers and settings.type == "realtime" and not self._answering:
            self._answer(settings)

    # -- the conversation -----------------------------------------------------

    async def _create_item(self, event: ClientEvent) -> None:
        item, before = self._conversation.add(event.item or {}, event.previous_item_id)
        for kind in ("conversation.item.added", "conversation.item.done"):
            await self._tell(kind, item=item, previous_item_id=before)

    async def _retrieve_item(self, event: ClientEvent) -> None:
        item = self._conversation.find(event.item_id)
        await self._tell("conversation.item.retrieved", item=item)

    async def _delete_item(self, event: ClientEvent) -> None:
        self._conversation.delete(event.item_id)
        await self._tell("conversation.item.deleted", item_id=event.item_id)

    async def _truncate_item(self, event: ClientEvent) -> None:
        """Of an answer that was cut, what was heard stays."""
        item = self._conversation.find(event.item_id)
        spoken = next((one for one in self._spoken if one.item(event.item_id) is not None), None)
        if spoken is None:
            raise InvalidRequest("item_id: it was not spoken", field="item_id")
        until = event.audio_end_ms or 0
        cut(item, spoken.sentences, until)
        await self._tell(
            "conversation.item.truncated", item_id=item["id"], content_index=event.content_index,
            audio_end_ms=until,
        )  # fmt: skip

    # -- answers ----------------------------------------------------------------

    @property
    def _answering(self) -> bool:
        return self._response is not None and self._response.under_way

    async def _create_response(self, event: ClientEvent) -> None:
        if self._session.settings.type != "realtime":
            raise InvalidRequest("a transcription session does not answer", field="type")
        if self._answering:
            raise InvalidRequest(
                "a response is under way; cancel it, or wait for response.done", field="response"
            )
        own = dict(event.response or {})
        given, alone = own.pop("input", None), own.get("conversation") == "none"
        settings = self._session.updated(own, "response").settings
        conversation = self._conversation
        if given is not None:
            conversation = SessionItems()
            for item in given if isinstance(given, list) else ():
                reference = isinstance(item, dict) and item.get("type") == "item_reference"
                found = self._conversation.find(item.get("id")) if reference else item
                conversation.add(found)
        self._answer(settings, conversation, alone=alone, metadata=own.get("metadata"))

    async def _cancel_response(self, event: ClientEvent) -> None:
        if self._response is None or not self._response.under_way:
            raise InvalidRequest("there is no response to cancel", field="response_id")
        await self._response.cancel("client_cancelled")

    def _answer(
        self,
        settings: SessionSettings,
        source: SessionItems | None = None,
        *,
        alone: bool = False,
        metadata: Any = None,
    ) -> None:
        shown = source or self._conversation

        async def messages() -> list[Message]:
            for turns in list(self._turns.values()):
                await turns.settled()
            return shown.messages(settings.instructions or "")

        output = settings.output
        response = Response(
            self._node,
            settings,
            messages,
            None if alone else self._conversation,
            self._tell,
            speech_model=output.model or self._exchange.settings.speech_model,
            metadata=metadata,
        )
        self._response = response
        self._spoken = [*self._spoken[-MOST_SPOKEN:], response]
        response.start()
