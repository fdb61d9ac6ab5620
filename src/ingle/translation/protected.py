"""What is not language though it stands among words, and terms that are given.

Placeholders are those of Python, C, JavaScript, Java, ICU, Mustache and the shell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

_URL = r"(?:https?|ftp|file)://[^\s<>\"'`\])}]+[^\s<>\"'`\])}.,;:!?]|www\.[^\s<>\"'`\])}]+[\w/]"
_MAIL = r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"
_BRACES = r"\{\{[^{}\n]{0,100}\}\}|\$\{[^{}\n]{1,100}\}|\{[^{}\n]{0,100}\}"
_PERCENT = (
    r"%\([\w.]+\)[#0 +-]*\d*(?:\.\d+)?[a-zA-Z]|%(?:\d+\$)?[#0+-]*\d*(?:\.\d+)?[sdifuxXeEgGcr@]\b"
)
_SHELL = r"\$[A-Za-z_]\w*"
_NUMBER = r"\d+(?:[.,:/\u2009\u00a0\u202f-]\d+)*%?"

_NAMES = "|".join((_URL, _MAIL, _BRACES, _PERCENT, _SHELL))
PROTECTED = re.compile(f"{_NAMES}|(?P<number>{_NUMBER})")
"""What has to be in a translation exactly as it is in the source, and as often. Numbers may be
there more often: *five hundred* is 500 in another language."""


def names_in(text: str) -> Counter[str]:
    """What is protected in a text and no number, and how often."""
    return Counter(
        found[0] for found in PROTECTED.finditer(text) if found[0] and not found["number"]
    )


def numbers_in(text: str) -> Counter[str]:
    """Its numbers, and how often each is there."""
    return Counter(found[0] for found in PROTECTED.finditer(text) if found["number"])


class TermPattern:
    """A glossary's terms as they are found in a text.

    Args:
        terms: each with what is written for it.
    """

    def __init__(self, terms: Mapping[str, str] | None = None) -> None:
        self._terms = dict(terms or {})
        ordered = sorted(self._terms, key=len, reverse=True)
        found = "|".join(
            (r"\b" if term[:1].isalnum() else "")
            + re.escape(term)
            + (r"\b" if term[-1:].isalnum() else "")
            for term in ordered
        )
        self._pattern = re.compile(found) if found else None

    def __bool__(self) -> bool:
        return bool(self._terms)

    def found(self, text: str, protected: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
        """Where something is kept, up to where, and what is written there, in their order."""
        kept = [(m.start(), m.end(), m[0]) for m in protected.finditer(text) if m[0]]
        if self._pattern is None:
            yield from kept
            return
        at = 0
        spans = iter([*kept, (len(text), len(text), "")])
        for start, end, written in spans:
            for term in self._pattern.finditer(text, at, start):
                yield term.start(), term.end(), self._terms[term[0]]
            if end > start:
                yield start, end, written
            at = end
