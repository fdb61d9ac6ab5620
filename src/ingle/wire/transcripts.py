"""Transcripts as text, subtitles and tables: ``text srt vtt tsv``. Each is read by many programs.

SRT as subtitle editors write it (SubRip), VTT by W3C's WebVTT, TSV as Whisper's own program writes
it (milliseconds). Pure: segments in, text out, piece by piece, so that they can be written while
they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ingle.capabilities.transcribe.operation import TranscriptSegment


class TranscriptFormat(NamedTuple):
    """How a transcript is written: what is before all, for each segment, and its file's ending."""

    header: str
    segment: Callable[[TranscriptSegment, int], str]
    """Of a segment and its place, from 0."""
    ending: str
    content_type: str


def written(segments: Iterable[TranscriptSegment], form: TranscriptFormat) -> str:
    """A whole transcript."""
    return form.header + "".join(
        form.segment(segment, place) for place, segment in enumerate(segments)
    )


def clock(seconds: float, separator: str) -> str:
    """``01:02:03.004``, the separator before the milliseconds."""
    milliseconds = max(0, round(seconds * 1000))
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{separator}{rest % 1000:03}"


def _text(segment: TranscriptSegment, _: int) -> str:
    return _said(segment) + "\n"


def _srt(segment: TranscriptSegment, place: int) -> str:
    start, end = clock(segment.start, ","), clock(segment.end, ",")
    return f"{place + 1}\n{start} --> {end}\n{_cue(segment)}\n\n"


def _vtt(segment: TranscriptSegment, _: int) -> str:
    start, end = clock(segment.start, "."), clock(segment.end, ".")
    # Entities, since text with these would be read as markup.
    text = _cue(segment).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{start} --> {end}\n{text}\n\n"


def _tsv(segment: TranscriptSegment, _: int) -> str:
    start, end = (max(0, round(seconds * 1000)) for seconds in (segment.start, segment.end))
    return f"{start}\t{end}\t{_said(segment)}\n"


def _said(segment: TranscriptSegment) -> str:
    """Its text on one line, with the speaker before it."""
    text = " ".join(segment.text.split())
    return f"{segment.speaker}: {text}" if segment.speaker else text


def _cue(segment: TranscriptSegment) -> str:
    """Text that ends no cue early: ``-->`` begins the times of the next one."""
    return _said(segment).replace("-->", "->")


TEXT = TranscriptFormat("", _text, "txt", "text/plain; charset=utf-8")
SRT = TranscriptFormat("", _srt, "srt", "application/x-subrip; charset=utf-8")
VTT = TranscriptFormat("WEBVTT\n\n", _vtt, "vtt", "text/vtt; charset=utf-8")
TSV = TranscriptFormat(
    "start\tend\ttext\n", _tsv, "tsv", "text/tab-separated-values; charset=utf-8"
)
FORMATS = {"text": TEXT, "srt": SRT, "vtt": VTT, "tsv": TSV}
"""By the names that OpenAI's routes and Whisper's program have for them."""
