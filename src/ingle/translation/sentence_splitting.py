"""Where sentences end, in a text whose characters all have to stay."""

from __future__ import annotations

import re

_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_]*+(?=\s)|[。！？｡؟।]++[」』”’）]*+")
_INITIAL = re.compile(r"(?:^|[\s(.])[^\W\d_]\.\Z")
_NUMBERED = re.compile(r"(?:^|\n)\s*\d+\.\Z")
_LAST_WORD = re.compile(r"([^\W\d_]+)\.\Z")
_ABBREVIATIONS = {
    "al", "approx", "art", "bd", "bsp", "bspw", "bzw", "ca", "cf", "ch", "co", "corp", "dept",
    "dr", "ed", "env", "est", "etc", "evtl", "ex", "fig", "geb", "gen", "ggf", "hr", "inc",
    "inkl", "jr", "lt", "ltd", "max", "min", "mio", "mlle", "mme", "mr", "mrs", "ms", "mt", "nr",
    "no", "núm", "op", "p", "pág", "pp", "prof", "resp", "sec", "sen", "sp", "sr", "sra", "srta",
    "st", "str", "tel", "ud", "uds", "usw", "vgl", "vol", "vs", "zb",
}  # fmt: skip
"""Words that a stop behind them does not end a sentence after."""


def sentence_ends(text: str) -> list[int]:
    """The ends of a text's sentences, without the white space behind them; the last is its end."""
    ends = []
    for found in _END.finditer(text):
        end = found.end()
        if end < len(text) and _ends(text, found.start(), end):
            ends.append(end)
    return [*ends, len(text)]


def _ends(text: str, begin: int, end: int) -> bool:
    if text[begin] in "。！？｡؟।":
        return True
    following = text[end : end + 80].lstrip()[:1]
    if following.islower():
        return False
    if text[begin:end] == ".":
        before = text[max(0, begin - 24) : begin + 1]
        if _INITIAL.search(before) or _NUMBERED.search(before):
            return False
        word = _LAST_WORD.search(before)
        if word is not None and word[1].lower() in _ABBREVIATIONS:
            return False
    return True
