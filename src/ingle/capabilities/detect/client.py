"""Detecting languages, from Python: ``home.detect("Guten Morgen")``."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.detect.operation import Detect, Detected, LanguageGuess
from ingle.client.methods import Methods


class DetectMethods(Methods):
    """Methods of `AsyncHome`."""

    async def detect(
        self, text: str, *, languages: Sequence[str] = (), model: str = "", on: str = ""
    ) -> list[LanguageGuess]:
        """The languages that a text may be in, the likeliest first; none where it has no words.

        Args:
            languages: the ones that it may be; empty: any.
        """
        request = Detect(
            model=model or self.settings.detect_model,
            texts=[text],
            languages=list(languages),
            on=on,
        )
        return (await self.ask(request, Detected)).guesses[0]
