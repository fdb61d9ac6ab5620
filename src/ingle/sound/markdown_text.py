"""Markdown as one would read it aloud: its words, without the marks around them."""

from __future__ import annotations

import re

_IMAGE = re.compile(r"!\[([^\]\n]{0,300})\]\([^)\n]{0,1000}\)")
_LINK = re.compile(r"\[([^\]\n]{1,300})\](?:\([^)\n]{0,1000}\)|\[[^\]\n]{0,100}\])")
_EMPTY_LINK = re.compile(r"\[\]\(([^)\s]{1,1000})[^)\n]{0,300}\)")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,60}\]:?")
_ADDRESS = re.compile(r"<((?:https?://|mailto:)[^>\s]{1,1000})>")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,300}>|<!--.{0,300}?-->")
_CODE = re.compile(r"(`{1,3})([^`\n]{1,300})\1")
_STRONG = re.compile(r"(?<![\w*])(\*{1,3})(?=\S)([^*\n]{1,400}?\S?)\1(?![\w*])")
_UNDERLINED = re.compile(r"(?<!\w)(_{1,3})(?=\S)([^_\n]{1,400}?\S?)\1(?!\w)")
_STRUCK = re.compile(r"~~(?=\S)([^~\n]{1,400})~~")
_HEADING = re.compile(r"^[ \t]{0,8}#{1,6}[ \t]+|[ \t]+#{1,6}[ \t]*$", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*[-*+•][ \t]+(?:\[[ xX]\][ \t]+)?", re.MULTILINE)
_QUOTE = re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$", re.MULTILINE)
_ROW = re.compile(r"^[ \t]*\|.*", re.MULTILINE)
_ROW_RULE = re.compile(r"[ \t]*\|?[ \t:|-]+\|?[ \t]*\Z")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+.!|~>-])")


def without_markdown(text: str) -> str:
    """The words of a passage of Markdown."""
    text = _RULE.sub(" ", text)
    text = _ROW.sub(lambda row: _row(row[0]), text)
    for pattern in (_QUOTE, _HEADING, _BULLET):
        text = pattern.sub("", text)
    text = _CODE.sub(r"\2", text)
    text = _IMAGE.sub(r"\1", text)
    text = _EMPTY_LINK.sub(r"\1", text)
    text = _FOOTNOTE.sub("", text)
    text = _LINK.sub(r"\1", text)
    text = _ADDRESS.sub(r"\1", text)
    text = _TAG.sub(" ", text)
    for pattern in (_STRONG, _UNDERLINED):
        text = pattern.sub(r"\2", text)
    text = _STRUCK.sub(r"\1", text)
    return _ESCAPE.sub(r"\1", text)


def _row(row: str) -> str:
    """A table's row: its cells with commas between; nothing for the line under the heads."""
    if _ROW_RULE.match(row):
        return ""
    cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
    return ", ".join(cell for cell in cells if cell) + "."
