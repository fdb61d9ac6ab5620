"""Web pages: their prose, what their pictures and hints say, and the language that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ingle.translation.documents.parsed_document import ParsedDocument
from ingle.translation.documents.unicode_text import DecodedText
from ingle.translation.html_blocks import translated_tags
from ingle.translation.language_tags import normal

SAID = frozenset(["alt", "title"])
"""Attributes that are read by people."""
LANGUAGE = frozenset(["lang", "xml:lang"])
_ATTRIBUTE = re.compile(
    r"([^\s\"'<>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'=<>`]+)))?", re.DOTALL
)
_NONCHARACTERS = range(0xFDD0, 0xFDF0)
"""Code points that no text has (Unicode, 23.7): they mark where a value is put back."""


class _Value(NamedTuple):
    """The value of an attribute, where it stands in the page."""

    name: str
    start: int
    end: int


def read_html(text: DecodedText, to: str = "") -> ParsedDocument:
    """The page, then the values of its attributes that are read by people.

    Args:
        to: the language that the page will say it is in, where it says any; empty: none.
    """
    page = text.text
    mark = next((chr(code) for code in _NONCHARACTERS if chr(code) not in page), "")
    kept: list[str] = []
    rest: list[str] = []
    at = 0
    for value in _values(page) if mark else ():
        rest.append(page[at : value.start])
        if value.name in LANGUAGE:
            rest.append(normal(to) if to else page[value.start : value.end])
        else:
            rest.append(f"{mark}{len(kept)}{mark}")
            kept.append(page[value.start : value.end])
        at = value.end
    rest.append(page[at:])

    def written(translated: Sequence[str]) -> bytes:
        values = [_quoted(value) for value in translated[1:]]
        found = translated[0]
        if values:
            found = re.sub(f"{mark}(\\d+){mark}", lambda m: values[int(m[1])], found)
        return found.encode(text.encoding)

    return ParsedDocument(["".join(rest), *kept], "html", written)


def _values(page: str) -> Iterator[_Value]:
    for tag in translated_tags(page):
        for found in _ATTRIBUTE.finditer(page, tag.after_name, tag.end - 1):
            name = found[1].lower()
            group = next((each for each in (2, 3) if found[each] is not None), 0)
            wanted = name in SAID or (name in LANGUAGE and tag.name == "html")
            if group and wanted and found[group].strip():
                yield _Value(name, *found.span(group))


def _quoted(value: str) -> str:
    """As it may stand between quotes of either kind."""
    return value.replace('"', "&quot;").replace("'", "&#39;")
