"""Subtitles: SubRip (``.srt``) and WebVTT (``.vtt``). Times, settings and marks of style stay.

A cue's lines are one text, and its translation is cut into as many.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingle.translation.documents.parsed_document import ParsedDocument, broken
from ingle.translation.documents.unicode_text import DecodedText

_TIMES = {
    "srt": re.compile(r"\s*\d+:\d{1,2}:\d{1,2}[,.]\d{1,3}\s*-->\s*\d+:\d{1,2}:\d{1,2}[,.]\d{1,3}"),
    "vtt": re.compile(r"\s*(?:\d+:)?\d{2}:\d{2}\.\d{3}\s*-->\s*(?:\d+:)?\d{2}:\d{2}\.\d{3}"),
}
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


def read_subtitles(text: DecodedText, form: str) -> ParsedDocument:
    """The cues of a file.

    Raises:
        InvalidRequest: it has none, or one whose times cannot be read; says in which line.
    """
    lines = _LINE.findall(text.text)
    if form == "vtt" and not (lines and lines[0].startswith("WEBVTT")):
        raise broken("it does not begin with WEBVTT", "WebVTT")
    cues: list[tuple[int, int]] = []
    at = 0
    while at < len(lines):
        if _TIMES[form].match(lines[at]):
            end = at + 1
            while end < len(lines) and lines[end].strip() and not _TIMES[form].match(lines[end]):
                end += 1
            # A number stands before the next cue's times, where the line between is missing.
            if end < len(lines) and lines[end].strip() and lines[end - 1].strip().isdecimal():
                end -= 1
            cues.append((at + 1, end))
            at = end
        elif "-->" in lines[at]:
            raise broken(f"line {at + 1} is not a time range: {lines[at].strip()[:60]!r}", form)
        else:
            at += 1
    if not cues:
        raise broken("it has no times", form)
    texts = [_joined(lines[begin:end]) for begin, end in cues]

    def written(translated: Sequence[str]) -> bytes:
        result, place = [], 0
        for (begin, end), one in zip(cues, translated, strict=True):
            result += lines[place:begin]
            result += _cut(one, lines[begin:end])
            place = end
        return "".join([*result, *lines[place:]]).encode(text.encoding)

    return ParsedDocument(texts, "markdown", written)


def _joined(lines: Sequence[str]) -> str:
    """The lines of a cue as one; those of several speakers stay apart."""
    stripped = [line.strip() for line in lines]
    if sum(line.startswith(("-", "\u2013", "\u2014")) for line in stripped) > 1:
        return "\n".join(stripped)
    return " ".join(stripped)


def _cut(text: str, before: Sequence[str]) -> list[str]:
    """A text in as many lines as there were, of about the same length; at most its words."""
    ends = [line[len(line.rstrip("\r\n")) :] for line in before]
    rows = text.split("\n")
    if len(rows) != len(before):
        words, rows = text.split(), []
        for left in range(len(before), 0, -1):
            share = sum(len(word) + 1 for word in words) / left
            row = [words.pop(0)] if words else []
            while words and left > 1 and len(" ".join([*row, words[0]])) <= share + 1:
                row.append(words.pop(0))
            if left == 1:
                row += words
            rows.append(" ".join(row))
        rows = [row for row in rows if row]
    usual = ends[0] if ends else "\n"
    cut = [row + usual for row in rows[:-1]]
    return [*cut, rows[-1] + (ends[-1] if ends else "")] if rows else []
