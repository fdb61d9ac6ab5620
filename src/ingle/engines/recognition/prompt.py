"""What a recogniser is told beforehand: a prompt, and words that are likely to be said."""

from __future__ import annotations

from ingle.capabilities.transcribe.operation import Transcribe


def prompt_of(operation: Transcribe) -> str:
    """Both as one text, as Whisper reads it: hot words first, since it keeps the end of it."""
    words = ", ".join(operation.hotwords)
    return " ".join(part for part in (f"{words}." if words else "", operation.prompt) if part)
