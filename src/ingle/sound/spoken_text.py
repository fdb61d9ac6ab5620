"""A passage of text as it is said: without what no one says, with words for what has any."""

from __future__ import annotations

import re
import unicodedata

from ingle.sound.english_words import english_words
from ingle.sound.markdown_text import without_markdown

MOST_NAMED = 8
"""Pictures of a passage that has nothing else, of which the names are said."""
_JOINERS = "\u200c\u200d"
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))
_ADDRESS = re.compile(r"\b(?:https?://|www\.)(?:www\.)?([^\s/?#<>()\"']{1,253})[^\s<>()\"']*", re.I)
_MAIL = re.compile(r"\b(?:mailto:)?([\w.+-]{1,64})@([\w-]{1,63}(?:\.[\w-]{1,63}){1,4})\b")
_PICTURES = re.compile("[\U0001f000-\U0001faff☀-➿⬀-⯿⌀-⏿️⃣\U000e0000-\U000e007f]")
_REPEATED = re.compile(r"([^\w\s])\1{3,}")
_SPACES = re.compile(r"\s+")


def spoken_text(text: str, language: str, *, markdown: bool) -> str:
    """What is to be said of a passage; empty if there is nothing in it that can be.

    Args:
        language: its BCP 47 tag. English gets words for dates, money, units and the like.
        markdown: marks of Markdown stand in it.
    """
    visible = _visible(text)
    said = _said(without_markdown(visible), language) if markdown else ""
    if not has_words(said):
        said = _said(visible, language)
    return said if has_words(said) else _names(visible)


def has_words(text: str) -> bool:
    """There is a letter or a digit in it, of any script."""
    return any(unicodedata.category(sign)[0] in "LN" for sign in text)


def _visible(text: str) -> str:
    """Without control characters, marks of direction and what is no character at all."""
    kept = []
    for sign in text:
        if sign in "\n\t" or unicodedata.category(sign) not in _HIDDEN or sign in _JOINERS:
            kept.append(sign)
        elif sign.isspace() or unicodedata.category(sign) == "Cc":
            kept.append(" ")
    return "".join(kept)


def _said(text: str, language: str) -> str:
    tongue, _, place = language.lower().partition("-")
    english = tongue in ("", "en")
    text = _ADDRESS.sub(lambda found: _dotted(found[1], english), text)
    text = _MAIL.sub(
        lambda found: (
            f"{found[1]} at {_dotted(found[2], english)}" if english else f"{found[1]} @ {found[2]}"
        ),
        text,
    )
    if english:
        text = english_words(text, american=place in ("", "us"))
    text = _PICTURES.sub(" ", text)
    text = _REPEATED.sub(r"\1", text)
    return _SPACES.sub(" ", text).strip()


def _dotted(host: str, english: bool) -> str:
    return host.rstrip(".").replace(".", " dot ") if english else host


def _names(text: str) -> str:
    """The names of pictures, each once."""
    found = []
    for sign in text:
        if unicodedata.category(sign) != "So":
            continue
        name = unicodedata.name(sign, "").lower()
        if name and name not in found and "variation selector" not in name:
            found.append(name)
    return ", ".join(found[:MOST_NAMED])
