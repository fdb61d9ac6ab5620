"""Transcripts as text, subtitles and tables, read back by other rules than they are written by."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ingle.capabilities.transcribe.operation import TranscriptSegment
from ingle.wire.transcripts import FORMATS, clock, written

LINES = st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip()))
CLOCK = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d)[.,](\d{3})")


@st.composite
def transcripts(draw: st.DrawFn) -> list[TranscriptSegment]:
    found, at = [], 0
    for number in range(draw(st.integers(0, 6))):
        start = at + draw(st.integers(0, 5_000_000))
        at = start + draw(st.integers(0, 60_000))
        found.append(
            TranscriptSegment(
                id=number,
                start=start / 1000,
                end=at / 1000,
                text=draw(LINES),
                speaker=draw(st.sampled_from(["", "A"])),
            )
        )
    return found


def milliseconds(text: str) -> int:
    found = CLOCK.fullmatch(text)
    assert found is not None, text
    hours, minutes, seconds, rest = map(int, found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


def times(segments: list[TranscriptSegment]) -> list[tuple[int, int]]:
    return [(round(s.start * 1000), round(s.end * 1000)) for s in segments]


def said(segment: TranscriptSegment) -> str:
    text = " ".join(segment.text.split())
    return f"A: {text}" if segment.speaker else text


@given(transcripts())
def test_srt_is_numbered_cues(segments: list[TranscriptSegment]) -> None:
    cues = written(segments, FORMATS["srt"]).split("\n\n")[:-1]
    assert len(cues) == len(segments)
    for place, (cue, segment) in enumerate(zip(cues, segments, strict=True)):
        number, timing, text = cue.split("\n")
        assert int(number) == place + 1
        start, arrow, end = timing.split(" ")
        assert (arrow, "," in start, "." in start) == ("-->", True, False)
        assert (milliseconds(start), milliseconds(end)) == times([segment])[0]
        assert text == said(segment).replace("-->", "->")


@given(transcripts())
def test_vtt_is_cues_without_markup(segments: list[TranscriptSegment]) -> None:
    header, *cues = written(segments, FORMATS["vtt"]).removesuffix("\n\n").split("\n\n")
    assert header == "WEBVTT"
    assert len(cues) == len(segments)
    for cue, segment in zip(cues, segments, strict=True):
        timing, text = cue.split("\n")
        start, _, end = timing.split(" ")
        assert (milliseconds(start), milliseconds(end)) == times([segment])[0]
        assert "<" not in text
        assert "-->" not in text
        plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        assert plain == said(segment).replace("-->", "->")


@given(transcripts())
def test_tsv_is_rows_of_three(segments: list[TranscriptSegment]) -> None:
    header, *rows = written(segments, FORMATS["tsv"]).removesuffix("\n").split("\n")
    assert header == "start\tend\ttext"
    found = [row.split("\t") for row in rows]
    assert [(int(start), int(end)) for start, end, _ in found] == times(segments)
    assert [text for _, _, text in found] == [said(segment) for segment in segments]


@given(transcripts())
def test_text_is_a_line_for_each(segments: list[TranscriptSegment]) -> None:
    assert written(segments, FORMATS["text"]) == "".join(said(s) + "\n" for s in segments)


@given(st.floats(0, 1e6))
def test_a_clock_is_read_back(seconds: float) -> None:
    assert milliseconds(clock(seconds, ".")) == round(seconds * 1000)
