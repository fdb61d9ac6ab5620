"""The voice that a request means, of those that a model has."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ingle.capabilities.speak.operation import Speak
from ingle.errors import InvalidRequest
from ingle.models.facts import VoiceFacts

SHOWN = 8


def chosen_voice(
    operation: Speak, voices: Sequence[VoiceFacts], with_accent: Sequence[str] = ()
) -> VoiceFacts:
    """The voice that is named, else the first one of the language, else the first one.

    A language without a region means any of its regions; one with a region that no voice has
    means the language, too.

    Args:
        with_accent: languages that each of the voices can speak, though it is not their own.

    Raises:
        InvalidRequest: no voice is called so, or none speaks the language; names the nearest.
    """
    if operation.voice:
        return _named(operation.voice, operation.model, voices)
    if not operation.language:
        return voices[0]
    wanted = operation.language.lower().replace("_", "-")
    found = [voice for voice in voices if voice.language.lower() == wanted]
    base = wanted.partition("-")[0]
    found = found or [voice for voice in voices if voice.language.lower().split("-")[0] == base]
    if not found and base in {language.partition("-")[0] for language in with_accent}:
        return voices[0]
    if not found:
        languages = sorted({*(voice.language for voice in voices), *with_accent})
        near = difflib.get_close_matches(wanted, languages, SHOWN) or languages[:SHOWN]
        raise InvalidRequest(
            f"language: {operation.model} does not speak {operation.language!r}; it speaks: "
            f"{_listed(near, len(languages))}",
            hint="ingle voices",
            field="language",
        )
    return found[0]


def check_language(operation: Speak, voice: VoiceFacts) -> None:
    """For models whose voices speak one language each.

    Raises:
        InvalidRequest: the voice speaks another language than was asked for.
    """
    wanted = operation.language.lower().replace("_", "-").partition("-")[0]
    if wanted and wanted != voice.language.lower().partition("-")[0]:
        raise InvalidRequest(
            f"language: {voice.name} of {operation.model} speaks {voice.language}, "
            f"not {operation.language!r}",
            hint="ingle voices",
            field="language",
        )


def _named(name: str, model: str, voices: Sequence[VoiceFacts]) -> VoiceFacts:
    by_name = {voice.name.lower(): voice for voice in voices}
    found = by_name.get(name.lower())
    if found is None:
        near = difflib.get_close_matches(name.lower(), by_name, 3, 0.4)
        shown = [by_name[key].name for key in near] or [voice.name for voice in voices[:SHOWN]]
        meant = f"did you mean {' or '.join(shown)}?" if near else f"it has: {', '.join(shown)}"
        raise InvalidRequest(
            f"voice: {model} has no voice {name!r}; {meant}",
            hint="ingle voices",
            field="voice",
            nearest=shown,
        )
    return found


def _listed(names: Sequence[str], count: int) -> str:
    more = f" and {count - len(names)} more" if count > len(names) else ""
    return ", ".join(names) + more
