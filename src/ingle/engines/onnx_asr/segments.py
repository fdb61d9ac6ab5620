"""What onnx-asr heard, as segments: sentences, with times where its tokens have any."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ingle.engines.recognition.recogniser import RecognisedSegment
from ingle.engines.recognition.words import SpelledToken, words_of

GAP_S = 1.0
"""Silence between two words that ends a segment."""
TOKEN_S = 0.24
"""How long a token is thought to last, at most: its model tells where it begins."""
_ENDS = (".", "?", "!", "。", "？", "！")
_CLOSERS = "\"'”’)]»"


class TimedToken(NamedTuple):
    """A token; times are seconds of the window."""

    text: str
    start: float
    end: float
    logprob: float


def segments_of(heard: Any, end: float, *, words: bool) -> tuple[RecognisedSegment, ...]:
    """Segments of an onnx-asr ``TimestampedResult``.

    Args:
        end: seconds of the window.
        words: also tell the times of words.
    """
    if heard.timestamps is None:
        logprobs = heard.logprobs or []
        mean = sum(logprobs) / len(logprobs) if logprobs else 0.0
        if not heard.text.strip():
            return ()
        return (RecognisedSegment(0.0, end, f" {heard.text.strip()}", avg_logprob=mean),)
    tokens = _timed(heard, end)
    return tuple(_segment(group, words) for group in _grouped(tokens))


def _timed(heard: Any, end: float) -> list[TimedToken]:
    starts = [min(start, end) for start in heard.timestamps]
    ends = [*starts[1:], end]
    logprobs = heard.logprobs or [0.0] * len(starts)
    return [
        TimedToken(text, start, min(after, start + TOKEN_S), logprob)
        for text, start, after, logprob in zip(heard.tokens, starts, ends, logprobs, strict=True)
    ]


def _grouped(tokens: list[TimedToken]) -> list[list[TimedToken]]:
    """Tokens by sentence; a sentence ends with its mark, or with a pause."""
    groups: list[list[TimedToken]] = []
    for token in tokens:
        before = groups[-1] if groups else []
        begins = token.text.startswith(" ") or not before
        if begins and (not before or _ends(before) or token.start - before[-1].end > GAP_S):
            groups.append([])
        groups[-1].append(token)
    return groups


def _ends(group: list[TimedToken]) -> bool:
    return _text(group).rstrip(_CLOSERS).endswith(_ENDS)


def _segment(group: list[TimedToken], words: bool) -> RecognisedSegment:
    spelled = [
        SpelledToken(token.text.encode(), token.start, token.end, math.exp(min(0, token.logprob)))
        for token in group
    ]
    text = _text(group)
    return RecognisedSegment(
        start=group[0].start,
        end=group[-1].end,
        text=text if text.startswith(" ") else f" {text}",
        words=words_of(spelled, "") if words else (),
        avg_logprob=sum(token.logprob for token in group) / len(group),
    )


def _text(group: list[TimedToken]) -> str:
    return "".join(token.text for token in group)
