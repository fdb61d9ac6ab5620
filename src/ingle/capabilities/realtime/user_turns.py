"""What the user says becomes items: each phrase one, or what was sent until a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ingle.capabilities.realtime.session_items import Item, SessionItems
from ingle.capabilities.transcribe.operation import SpeechTurn, Transcript, TranscriptSegment
from ingle.errors import IngleError
from ingle.operations import Event
from ingle.wire.openai.errors import error_object
from ingle.wire.openai.realtime import identifier

Tell = Callable[..., Awaitable[None]]
_HEARD = "conversation.item.input_audio_transcription"


class UserTurns:
    """The items of one stretch of sound, and what the client is told of them.

    Args:
        manual: the client commits; the server's turns are not told.
        began_ms: of the session's sound, before this stretch.
        began: is called when the user begins to speak.
        said: is called when something that was said is written down.
    """

    def __init__(
        self,
        conversation: SessionItems,
        tell: Tell,
        *,
        manual: bool,
        began_ms: int,
        began: Callable[[], Awaitable[None]],
        said: Callable[[], Awaitable[None]],
    ) -> None:
        self._conversation = conversation
        self._tell = tell
        self._manual = manual
        self._began_ms = began_ms
        self._began = began
        self._said = said
        self._ids: dict[int, str] = {}
        """Of phrases that have begun, by their segment's id: the item's."""
        self._open: dict[str, Item] = {}
        """Items without their transcript."""
        self._told: dict[str, str] = {}
        """What of a transcript was told as it grew."""
        self._settled = asyncio.Event()
        self._settled.set()

    async def heard(self, event: Event) -> None:
        """What the transcription tells."""
        match event:
            case SpeechTurn(state="started") if not self._manual:
                await self._speech_began(event)
            case SpeechTurn(state="ended") if not self._manual:
                await self._speech_ended(event)
            case TranscriptSegment() if not self._manual:
                await self._written(event)
            case Transcript():
                for item in list(self._open.values()):
                    text = event.text if self._manual else ""
                    await self._completed(item, text, event.duration_s)

    async def commit(self) -> None:
        """The client says that its turn is over."""
        if self._manual:
            await self._add(identifier("item"))

    async def fail(self, error: IngleError) -> None:
        """What is still open will not be written down."""
        for item in list(self._open.values()):
            del self._open[item["id"]]
            await self._tell(
                f"{_HEARD}.failed", item_id=item["id"], content_index=0, error=error_object(error)
            )
        self._settled.set()

    async def settled(self) -> None:
        """Wait until every item has its transcript."""
        await self._settled.wait()

    async def _speech_began(self, turn: SpeechTurn) -> None:
        item_id = self._ids[turn.id] = identifier("item")
        await self._tell(
            "input_audio_buffer.speech_started", item_id=item_id,
            audio_start_ms=self._began_ms + round(1000 * turn.at_s),
        )  # fmt: skip
        await self._began()

    async def _speech_ended(self, turn: SpeechTurn) -> None:
        item_id = self._ids.get(turn.id) or identifier("item")
        self._ids[turn.id] = item_id
        await self._tell(
            "input_audio_buffer.speech_stopped", item_id=item_id,
            audio_end_ms=self._began_ms + round(1000 * turn.at_s),
        )  # fmt: skip
        await self._add(item_id)

    async def _add(self, item_id: str) -> None:
        part = {"type": "input_audio", "transcript": None}
        item, before = self._conversation.add(
            {"id": item_id, "type": "message", "role": "user", "content": [part]}
        )
        self._open[item_id] = item
        self._settled.clear()
        await self._tell("input_audio_buffer.committed", item_id=item_id, previous_item_id=before)
        for kind in ("conversation.item.added", "conversation.item.done"):
            await self._tell(kind, item=item, previous_item_id=before)

    async def _written(self, segment: TranscriptSegment) -> None:
        item_id = self._ids.get(segment.id)
        if item_id is None:
            return
        text = segment.text.strip()
        told = self._told.get(item_id, "")
        # A delta cannot be taken back: only what continues the text so far is told.
        if text.startswith(told) and text != told:
            self._told[item_id] = text
            await self._tell(
                f"{_HEARD}.delta", item_id=item_id, content_index=0, delta=text[len(told) :]
            )
        if segment.final and item_id in self._open:
            await self._completed(self._open[item_id], text, segment.end - segment.start)

    async def _completed(self, item: Item, text: str, seconds: float) -> None:
        del self._open[item["id"]]
        item["content"][0]["transcript"] = text.strip()
        usage: dict[str, Any] = {"type": "duration", "seconds": round(seconds, 3)}
        await self._tell(
            f"{_HEARD}.completed", item_id=item["id"], content_index=0, transcript=text.strip(),
            usage=usage,
        )  # fmt: skip
        if not self._open:
            self._settled.set()
        if text.strip() and not self._manual:
            await self._said()
