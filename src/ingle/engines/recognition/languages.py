"""Whether a model knows the language and the task that it is asked for."""

from __future__ import annotations

from collections.abc import Collection

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.errors import CapabilityMissing, InvalidRequest


def check_language(
    operation: Transcribe,
    language: str,
    known: Collection[str],
    model: str,
    *,
    translates: bool = True,
) -> None:
    """Refuse a language that a model does not know, and a task that it cannot do.

    Args:
        language: its code; empty: it is detected.
        known: codes of the languages that the model knows; empty: that is not known.
        translates: it was trained to translate into English.

    Raises:
        InvalidRequest: no such language.
        CapabilityMissing: it knows English alone, or cannot translate.
    """
    english = set(known) == {"en"}
    translating = operation.task == "translate"
    if english and (translating or language not in ("", "en")):
        raise CapabilityMissing(
            f"{model} was trained for English alone",
            hint="use a model of several languages",
            model=model,
            capability="translate" if translating else "language",
        )
    if translating and not translates:
        raise CapabilityMissing(
            f"{model} cannot translate",
            hint="use a Whisper model of several languages",
            model=model,
            capability="translate",
        )
    if language and known and language not in known:
        raise InvalidRequest(
            f"language: {model} does not know {language!r}",
            hint="leave it out, and it is detected",
            field="language",
        )
