"""Catalogues of gettext (``.po``): what has no translation yet gets one; all else stays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ingle.translation.documents.parsed_document import ParsedDocument, broken
from ingle.translation.documents.unicode_text import DecodedText

_KEYWORD = re.compile(r"(msgctxt|msgid_plural|msgid|msgstr(?:\[(\d+)\])?)\s+(?=\")")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"\s*\Z')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_ESCAPED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_LANGUAGE = re.compile(r"^Language:[^\n]*\n?", re.MULTILINE | re.IGNORECASE)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>")


class _Field(NamedTuple):
    keyword: str
    begin: int
    """Its first line."""
    end: int
    text: str


def read_po(text: DecodedText, to: str = "") -> ParsedDocument:
    """The messages of a catalogue that have no translation.

    Args:
        to: the language that its header will name; empty: it is left.

    Raises:
        InvalidRequest: a line is not of a catalogue; says which.
    """
    lines = text.text.splitlines(keepends=True)
    wanted: list[tuple[_Field, str]] = []
    header: list[_Field] = []
    source = plural = ""
    for field in _fields(lines):
        if field.keyword == "msgid":
            source, plural = field.text, ""
        elif field.keyword == "msgstr" and not source and field.text and to and not header:
            header.append(field)
        elif field.keyword == "msgid_plural":
            plural = field.text
        elif field.keyword.startswith("msgstr") and source and not field.text:
            several = field.keyword not in ("msgstr", "msgstr[0]")
            wanted.append((field, plural if several and plural else source))
    texts = [source for _, source in wanted]
    marked = any(_MARKUP.search(each) for each in texts)

    def written(translated: Sequence[str]) -> bytes:
        result, place = [], 0
        changed = [(field, _with_language(field.text, to)) for field in header]
        changed += [(field, one) for (field, _), one in zip(wanted, translated, strict=True)]
        for field, one in changed:
            result += lines[place : field.begin]
            result.append(_written(field.keyword, one, lines[field.begin]))
            place = field.end
        return "".join([*result, *lines[place:]]).encode(text.encoding)

    return ParsedDocument(texts, "markdown" if marked else "text", written)


def _with_language(header: str, to: str) -> str:
    """A header that names this language, as gettext writes it: ``pt_BR``."""
    language, *others = to.replace("_", "-").split("-")
    regions = [each.upper() if len(each) == 2 else each.title() for each in others]
    line = f"Language: {'_'.join([language.lower(), *regions])}\n"
    if _LANGUAGE.search(header):
        return _LANGUAGE.sub(line, header, count=1)
    return header + line


def _fields(lines: Sequence[str]) -> list[_Field]:
    found: list[_Field] = []
    for number, line in enumerate(lines):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        keyword = _KEYWORD.match(stripped)
        string = _STRING.match(stripped[keyword.end() :] if keyword else stripped)
        if string is None or (keyword is None and (not found or found[-1].end != number)):
            raise broken(f"line {number + 1}: {stripped[:60]!r}", "PO")
        said = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), string[1])
        if keyword:
            found.append(_Field(stripped[: keyword.end()].strip(), number, number + 1, said))
        else:
            last = found[-1]
            found[-1] = last._replace(end=number + 1, text=last.text + said)
    return found


def _written(keyword: str, text: str, line: str) -> str:
    end = line[len(line.rstrip("\r\n")) :]
    escaped = [
        '"' + "".join(_ESCAPED.get(sign, sign) for sign in row) + '"'
        for row in text.splitlines(keepends=True)
    ] or ['""']
    rows = escaped if len(escaped) == 1 else ['""', *escaped]
    return f"{keyword} " + (end or "\n").join(rows) + end
