"""How espeak-ng writes English sounds, as Kokoro was trained to read them.

Both are the International Phonetic Alphabet with habits of their own. Kokoro has one symbol for
each diphthong and affricate (its vocabulary lists them), no length marks in American English, and
writes a vowel with an r as two sounds.
"""

from __future__ import annotations

import re

_BOTH = {
    "eɪ": "A", "aɪ": "I", "aʊ": "W", "ɔɪ": "Y", "tʃ": "ʧ", "dʒ": "ʤ", "ɡ": "ɡ", "g": "ɡ",
    "ɐ": "ə", "r": "ɹ", "x": "k", "ç": "k", "ɬ": "l", "ʔ": "t", "e": "A", "ɚ": "əɹ", "ɝ": "ɜɹ",
    "ʲ": "", "̃": "", "̩": "",
}  # fmt: skip
_AMERICAN = {
    "oʊ": "O", "əʊ": "O", "ɜː": "ɜɹ", "ɪə": "iə", "ɪɹ": "ɪɹ", "ɾ": "T", "ː": "", "o": "ɔ",
    "ᵻ": "ᵻ", "a": "æ",
}  # fmt: skip
_BRITISH = {"əʊ": "Q", "oʊ": "Q", "eə": "ɛː", "iə": "ɪə", "ɾ": "t", "o": "ɔ"}


def kokoro_phonemes(espeak: str, *, british: bool) -> str:
    """What espeak-ng said, in Kokoro's symbols."""
    table = {**_BOTH, **(_BRITISH if british else _AMERICAN)}
    longest_first = sorted(table, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return pattern.sub(lambda found: table[found[0]], espeak)
