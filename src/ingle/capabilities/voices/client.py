"""Voices, from Python."""

from __future__ import annotations

from ingle.capabilities.voices.operation import Voice, VoiceList, Voices
from ingle.client.methods import Methods


class VoiceMethods(Methods):
    """Methods of `AsyncHome`."""

    async def voices(self, model: str = "", *, language: str = "") -> list[Voice]:
        """The voices of one model, or of all; each model's own choice comes first."""
        request = Voices(model=model, language=language)
        return (await self.ask(request, VoiceList)).voices
