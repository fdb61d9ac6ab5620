"""SSML: text with pauses and speeds in it (W3C, Speech Synthesis Markup Language 1.1).

Spoken: ``speak``, ``p``, ``s``, ``break`` (``time`` or ``strength``), ``prosody`` with a ``rate``,
and ``sub`` with an ``alias``. Everything else is refused by name: a voice that passed over it would
say something else than was asked for.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.parsers import expat

from ingle.errors import InvalidRequest

LONGEST_PAUSE_S = 10.0
_STRENGTHS = {
    "none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": 0.5, "strong": 0.75, "x-strong": 1.2,
}  # fmt: skip
_RATES = {
    "x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.35, "x-fast": 1.75,
}  # fmt: skip
_TIME = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s)\Z")
_PERCENT = re.compile(r"\+?(\d{1,4}(?:\.\d{1,4})?)%\Z")
_FACTOR = re.compile(r"\d{1,2}(?:\.\d{1,4})?\Z")
_ATTRIBUTES = {
    "speak": {"version", "xmlns", "xml:lang"},
    "p": set[str](),
    "s": set[str](),
    "break": {"time", "strength"},
    "prosody": {"rate"},
    "sub": {"alias"},
}
_PARAGRAPH_S, _SENTENCE_S = 0.5, 0.25
MOST_DEPTH = 32


class SsmlPart(NamedTuple):
    """A text at one speed, or a pause."""

    text: str = ""
    speed: float = 1.0
    pause_s: float = 0.0


def read_ssml(text: str) -> list[SsmlPart]:
    """The parts of a document, in order.

    Raises:
        InvalidRequest: it is not well-formed, or has something that is not spoken here.
    """
    reading = _Reading()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reading.begin
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.take
    parser.StartDoctypeDeclHandler = reading.refuse_doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise _refused(f"it is not well-formed: {error}") from None
    return reading.parts()


class _Reading:
    def __init__(self) -> None:
        self._parts: list[SsmlPart] = []
        self._speeds = [1.0]
        self._aliases: list[str] = []
        self._open: list[str] = []

    def parts(self) -> list[SsmlPart]:
        return [part for part in self._parts if part.text.strip() or part.pause_s]

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        known = _ATTRIBUTES.get(name)
        if known is None:
            raise _refused(f"<{name}> is not supported; use {', '.join(_ATTRIBUTES)}")
        if unknown := sorted(set(attributes) - known):
            raise _refused(f"<{name}> is not supported with {', '.join(unknown)}")
        if not self._open and name != "speak":
            raise _refused(f"it begins with <{name}>, not with <speak>")
        if len(self._open) >= MOST_DEPTH:
            raise _refused(f"it is nested more than {MOST_DEPTH} deep")
        self._open.append(name)
        speed = self._speeds[-1]
        if name == "prosody":
            speed *= _rate(attributes.get("rate", "medium"))
        elif name == "break":
            self._pause(_pause(attributes))
        elif name == "sub":
            self._add(attributes.get("alias", ""))
            self._aliases.append(name)
        self._speeds.append(speed)

    def end(self, name: str) -> None:
        self._open.pop()
        self._speeds.pop()
        if name == "sub":
            self._aliases.pop()
        elif name in ("p", "s"):
            self._pause(_PARAGRAPH_S if name == "p" else _SENTENCE_S)

    def take(self, text: str) -> None:
        if not self._aliases:
            self._add(text)

    def refuse_doctype(self, *_: object) -> None:
        raise _refused("a DOCTYPE is not supported")

    def _add(self, text: str) -> None:
        speed = self._speeds[-1]
        last = self._parts[-1] if self._parts else None
        if last is not None and not last.pause_s and last.speed == speed:
            self._parts[-1] = last._replace(text=last.text + text)
        else:
            self._parts.append(SsmlPart(text, speed))

    def _pause(self, seconds: float) -> None:
        if seconds:
            self._parts.append(SsmlPart(pause_s=seconds))


def _pause(attributes: dict[str, str]) -> float:
    if "time" not in attributes:
        strength = attributes.get("strength", "medium")
        if strength not in _STRENGTHS:
            raise _refused(f"{strength!r} is not a strength; use {', '.join(_STRENGTHS)}")
        return _STRENGTHS[strength]
    found = _TIME.match(attributes["time"])
    if found is None:
        raise _refused(f"{attributes['time']!r} is not a time, such as 500ms or 1.5s")
    seconds = float(found[1]) / (1000 if found[2] == "ms" else 1)
    if seconds > LONGEST_PAUSE_S:
        raise _refused(f"a pause of {seconds:g} s is over the limit of {LONGEST_PAUSE_S:g} s")
    return seconds


def _rate(text: str) -> float:
    if text in _RATES:
        return _RATES[text]
    percent = _PERCENT.match(text)
    if percent is not None:
        share = float(percent[1]) / 100
        factor = 1 + share if text.startswith("+") else share
    elif text.startswith("-") and (less := _PERCENT.match(text[1:])) is not None:
        factor = 1 - float(less[1]) / 100
    elif _FACTOR.match(text):
        factor = float(text)
    else:
        raise _refused(f"{text!r} is not a rate; use {', '.join(_RATES)}, or such as 80% or 1.2")
    if factor <= 0:
        raise _refused(f"{text!r} is a rate at which nothing is said")
    return factor


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"text: as SSML {why}", field="text")
