"""HTML as blocks: tags, comments, scripts and code stay; what is within one block is prose."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

from ingle.translation.blocks import Block, Part, Prose, Verbatim, parts_of
from ingle.translation.protected import TermPattern

_TAG = re.compile(r"</?[A-Za-z][^\s/<>\"']*+(?:\"[^\"]*+\"|'[^']*+'|[^\"'<>])*+>")
_DECLARATIONS = {"<!--": "-->", "<![CDATA[": "]]>", "<!": ">", "<?": ">"}
_NAME = re.compile(r"</?([A-Za-z][^\s/>]*)")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_KEPT = re.compile(r"\btranslate\s*=\s*[\"']?no\b|\bclass\s*=\s*[\"'][^\"']*\bnotranslate\b", re.I)

INLINE = {
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "del", "dfn", "em", "font", "i",
    "ins", "label", "mark", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "tt",
    "u",
}  # fmt: skip
"""Elements around words of a sentence. All others that are not void end one."""
ALONE = {"img", "wbr"}
CODE = {
    "code", "kbd", "samp", "var", "pre", "script", "style", "textarea", "svg", "math", "noscript",
    "template", "object",
}  # fmt: skip
"""Elements whose content is not translated."""
_WITHIN = {"code", "kbd", "samp", "var", "svg", "math"}
"""Of those, the ones that stand in sentences."""
_VOID = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
}  # fmt: skip


def html_blocks(text: str, terms: TermPattern) -> Iterator[Block]:
    """The blocks of a document or a fragment, however well it is formed."""
    held: list[Part] = []
    at = 0
    while at < len(text):
        start, end = _token(text, at)
        if start > at:
            held += _words(text[at:start], terms)
        if start == len(text):
            break
        at = end
        tag = text[start:end]
        named = _NAME.match(tag)
        name = named[1].lower() if named else ""
        closes = tag.startswith("</")
        if name and not closes and name not in _VOID and (name in CODE or _KEPT.search(tag)):
            if not tag.endswith("/>"):
                at = _element_end(text, name, at)
            whole = text[start:at]
            if name in _WITHIN or name in INLINE:
                held.append(Part("alone", whole, ""))
            else:
                yield from _ended(held)
                yield Verbatim(whole)
        elif name in INLINE:
            held.append(Part("close" if closes else "open", tag, ""))
        elif name in ALONE or not name:
            held.append(Part("alone", tag, ""))
        else:
            yield from _ended(held)
            yield Verbatim(tag)
    yield from _ended(held)


class OpenTag(NamedTuple):
    """A tag that opens an element, or a void one."""

    name: str
    """In small letters."""
    after_name: int
    """Where its attributes begin in the text."""
    end: int


def translated_tags(text: str) -> Iterator[OpenTag]:
    """The opening tags of elements whose content is translated, in their order."""
    at = 0
    while at < len(text):
        start, at = _token(text, at)
        named = _NAME.match(text, start, at)
        if not named or text.startswith("</", start):
            continue
        name, tag = named[1].lower(), text[start:at]
        if name in CODE or _KEPT.search(tag):
            if name not in _VOID and not tag.endswith("/>"):
                at = _element_end(text, name, at)
            continue
        yield OpenTag(name, named.end(), start + len(tag))


def _token(text: str, at: int) -> tuple[int, int]:
    """Where the next tag, comment or declaration is; the text's end twice if there is none."""
    start = text.find("<", at)
    while start >= 0:
        for opening, closing in _DECLARATIONS.items():
            if text.startswith(opening, start):
                end = text.find(closing, start + len(opening))
                return start, len(text) if end < 0 else end + len(closing)
        found = _TAG.match(text, start)
        if found:
            return start, found.end()
        start = text.find("<", start + 1)
    return len(text), len(text)


def _ended(held: list[Part]) -> Iterator[Block]:
    if held:
        yield Prose(tuple(held))
        held.clear()


def _words(text: str, terms: TermPattern) -> Iterator[Part]:
    at = 0
    for found in _ENTITY.finditer(text):
        yield from parts_of(text[at : found.start()], terms)
        said = html.unescape(found[0])
        kind = "words" if len(said) == 1 else "alone"
        yield Part("words", found[0], said) if kind == "words" else Part("alone", found[0], "")
        at = found.end()
    yield from parts_of(text[at:], terms)


def _element_end(text: str, name: str, at: int) -> int:
    """Where an element ends whose opening tag ends at a place; the text's end if it does not."""
    depth = 1
    tags = re.compile(rf"<(/?){re.escape(name)}\b[^<>]*+>", re.IGNORECASE)
    for found in tags.finditer(text, at):
        if found[0].endswith("/>"):
            continue
        depth += -1 if found[1] else 1
        if depth == 0:
            return found.end()
    return len(text)
