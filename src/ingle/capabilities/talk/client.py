"""Talking, from Python."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from typing import Any

from ingle.capabilities.talk.talking import CallTool, TalkEvent, Talking, TalkPlan
from ingle.client.methods import Methods
from ingle.operations import Tool
from ingle.sound.loudspeaker import Loudspeaker, Speaker
from ingle.sound.microphone import microphone


class TalkMethods(Methods):
    """Methods of `AsyncHome`."""

    async def talk(
        self,
        sound: AsyncIterable[bytes] | None = None,
        speaker: Speaker | None = None,
        *,
        model: str = "",
        transcribe_model: str = "",
        speech_model: str = "",
        tools: Sequence[Tool] = (),
        call: CallTool | None = None,
        **options: Any,
    ) -> AsyncGenerator[TalkEvent, None]:
        """Speak with a model until the sound ends; yields what is heard and said, as it happens.

        Args:
            sound: raw PCM: mono, 16 bits, little-endian; None: the microphone.
            speaker: plays the answers, and is closed in the end; None: the loudspeaker.
            model: answers; the others hear and speak.
            tools: what the model may have called, by ``call``, a coroutine function from a
                `ToolCall` to the result's text.
            options: further fields of `TalkPlan`, such as ``voice``, ``system``, ``speak_on``.
        """
        plan = TalkPlan(
            transcribe_model=transcribe_model or self.settings.transcribe_model,
            chat_model=model or self.settings.model,
            speech_model=speech_model or self.settings.speech_model,
            tools=tuple(tools),
            call=call,
            **options,
        )
        playing = Loudspeaker() if speaker is None else speaker
        talking = Talking(self.node, plan, playing)
        heard = microphone() if sound is None else sound
        try:
            async with aclosing(talking.events(heard)) as events:
                async for event in events:
                    yield event
        finally:
            await playing.aclose()
