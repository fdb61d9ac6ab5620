"""The words of a line, whether its reader told them or not."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.ocr.operation import OcrLine, OcrWord


def words_of(line: OcrLine) -> Sequence[OcrWord]:
    """Its words; the line as one where it has no others."""
    if line.words:
        return line.words
    return [OcrWord(text=line.text, polygon=line.polygon, confidence=line.confidence)]
