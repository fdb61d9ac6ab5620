"""Markdown (CommonMark and GitHub's) as blocks: code, links' targets and structure stay."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingle.translation.blocks import Block, Part, Prose, Verbatim, parts_of
from ingle.translation.html_blocks import INLINE
from ingle.translation.protected import TermPattern

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_PREFIX = re.compile(
    r"(?:[ \t]*(?:>[ \t]?|[-*+][ \t]+(?:\[[ xX]\][ \t]+)?|\d{1,9}[.)][ \t]+))*[ \t]*"
    r"(?:#{1,6}[ \t]+)?"
)
_STRUCTURE = re.compile(r"[ \t]*(?:>|[-*+][ \t]|\d{1,9}[.)][ \t]|#{1,6}[ \t])")
_RULE = re.compile(r"[ \t]*(?:([-*_=])[ \t]*){3,}\n?\Z|[ \t]*=+[ \t]*\n?\Z|[ \t]*-+[ \t]*\n?\Z")
_REFERENCE = re.compile(r" {0,3}\[[^\]\n]+\]:[ \t]*\S")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\n?\Z")
_CELL = re.compile(r"(?:\\.|`[^`\n]*`|[^|\\`]|[\\`])+|\|")

_INLINE = re.compile(
    r"(?P<code>(?P<ticks>`+)(?!`)[^\n]{0,2000}?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<image>!\[[^\]\n]{0,500}\]\([^()\n]{0,2000}(?:\([^()\n]{0,500}\)[^()\n]{0,500})?\))"
    r"|(?P<target>\]\([^()\n]{0,2000}(?:\([^()\n]{0,500}\)[^()\n]{0,500})?\)|\]\[[^\]\n]{0,500}\])"
    r"|(?P<auto><(?:[A-Za-z][\w+.-]{1,31}:|[\w.+-]{1,64}@)[^<>\s]*>)"
    r"|(?P<tag></?[A-Za-z][^<>\n]*>|<!--[^\n]{0,2000}?-->)"
    r"|(?P<footnote>\[\^[^\]\n]{1,200}\])"
    r"|(?P<math>\$\$?(?!\s)[^$\n]{1,500}(?<!\s)\$\$?(?!\d))"
    r"|(?P<escaped>\\[^\w\s])"
    r"|(?P<bracket>\[)"
    r"|(?P<emphasis>\*{1,3}|_{1,3}|~~)"
)


def markdown_blocks(text: str, terms: TermPattern) -> Iterator[Block]:
    """The blocks of a document."""
    lines = _LINE.findall(text)
    place = 0
    if lines and lines[0].rstrip() == "---":
        end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
        if end is not None:
            yield Verbatim("".join(lines[: end + 1]))
            place = end + 1
    blank, table = True, False
    while place < len(lines):
        line = lines[place]
        fence = _FENCE.match(line)
        if fence:
            end = _fence_end(lines, place, fence[1])
            yield Verbatim("".join(lines[place:end]))
            place, blank = end, True
            continue
        if not line.strip():
            yield Verbatim(line)
            place, blank, table = place + 1, True, False
            continue
        indented = blank and line.startswith(("    ", "\t")) and not _STRUCTURE.match(line)
        if indented or _RULE.match(line) or _REFERENCE.match(line) or _TABLE_RULE.match(line):
            yield Verbatim(line)
            place, blank = place + 1, indented
            table = table and "|" in line
            continue
        blank, table = False, "|" in line and (table or _begins_table(lines, place))
        if table:
            yield from _row(line, terms)
            place += 1
            continue
        end = _paragraph_end(lines, place)
        yield from _paragraph(lines[place:end], terms)
        place = end


def _fence_end(lines: list[str], place: int, fence: str) -> int:
    for at in range(place + 1, len(lines)):
        line = lines[at].strip()
        if len(line) >= len(fence) and set(line) == {fence[0]}:
            return at + 1
    return len(lines)


def _begins_table(lines: list[str], place: int) -> bool:
    """A line with bars is a table's head, with a rule of dashes under it, or a row by its look."""
    after = lines[place + 1] if place + 1 < len(lines) else ""
    return lines[place].lstrip().startswith("|") or (
        "|" in after and _TABLE_RULE.match(after) is not None
    )


def _row(line: str, terms: TermPattern) -> Iterator[Block]:
    for cell in _CELL.findall(line):
        if cell == "|":
            yield Verbatim(cell)
        else:
            yield Prose(tuple(_parts(cell, terms)))


def _paragraph_end(lines: list[str], place: int) -> int:
    """Where the lines end that are wrapped lines of one sentence or more."""
    at = place + 1
    if re.match(r"[ \t]*(?:>[ \t]*)*#{1,6}[ \t]", lines[place]):
        return at
    while at < len(lines):
        line, before = lines[at], lines[at - 1]
        if not line.strip() or _STRUCTURE.match(line) or _FENCE.match(line) or _RULE.match(line):
            break
        if before.rstrip("\n").endswith(("  ", "\\")) or ("|" in line and _begins_table(lines, at)):
            break
        at += 1
    return at


def _paragraph(lines: list[str], terms: TermPattern) -> Iterator[Block]:
    prefix = _PREFIX.match(lines[0])
    begins = prefix.end() if prefix else 0
    if begins:
        yield Verbatim(lines[0][:begins])
    yield Prose(tuple(_parts("".join(lines)[begins:], terms)))


def _parts(text: str, terms: TermPattern) -> Iterator[Part]:
    """Words and markup of a paragraph. Brackets and emphasis that have no end are words."""
    found: list[Part] = []
    opened: list[tuple[str, int]] = []
    at = 0
    for match in _INLINE.finditer(text):
        found += parts_of(text[at : match.start()], terms)
        at = match.end()
        raw, kind = match[0], match.lastgroup
        if kind == "ticks" or match["code"] or kind in ("auto", "footnote", "math", "escaped"):
            found.append(Part("kept" if kind != "escaped" else "words", raw, raw))
        elif kind == "image" or (kind == "tag" and not _inline(raw)):
            found.append(Part("alone", raw, ""))
        elif kind == "tag":
            found.append(Part("close" if raw.startswith("</") else "open", raw, ""))
        elif kind == "bracket":
            opened.append((raw, len(found)))
            found.append(Part("words", raw, raw))
        elif kind == "target":
            _close(found, opened, "[", raw)
        elif not _closes_emphasis(text, match, opened, found, raw):
            if _opens_emphasis(text, match):
                opened.append((raw, len(found)))
            found.append(Part("words", raw, raw))
    found += parts_of(text[at:], terms)
    yield from found


def _inline(tag: str) -> bool:
    name = re.match(r"</?([A-Za-z]+)", tag)
    return name is not None and name[1].lower() in INLINE


def _close(found: list[Part], opened: list[tuple[str, int]], sign: str, raw: str) -> None:
    """What closes, and the mark that opened it; words where none did."""
    while opened:
        mark, place = opened.pop()
        if mark == sign:
            found[place] = Part("open", found[place].raw, "")
            found.append(Part("close", raw, ""))
            return
    found.append(Part("kept", raw, raw))


def _opens_emphasis(text: str, match: re.Match[str]) -> bool:
    after = text[match.end() : match.end() + 1]
    before = text[match.start() - 1 : match.start()]
    return bool(after) and not after.isspace() and not (match[0][0] == "_" and before.isalnum())


def _closes_emphasis(
    text: str,
    match: re.Match[str],
    opened: list[tuple[str, int]],
    found: list[Part],
    raw: str,
) -> bool:
    before = text[match.start() - 1 : match.start()]
    after = text[match.end() : match.end() + 1]
    if not before or before.isspace() or (raw[0] == "_" and after.isalnum()):
        return False
    if not any(mark == raw for mark, _ in opened):
        return False
    _close(found, opened, raw, raw)
    return True
