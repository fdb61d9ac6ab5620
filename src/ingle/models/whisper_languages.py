"""The languages that Whisper knows, by code, in the order of its tokens."""

from __future__ import annotations

LANGUAGES = (
    "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "ca", "nl", "ar", "sv", "it",
    "id", "hi", "fi", "vi", "he", "uk", "el", "ms", "cs", "ro", "da", "hu", "ta", "no", "th", "ur",
    "hr", "bg", "lt", "la", "mi", "ml", "cy", "sk", "te", "fa", "lv", "bn", "sr", "az", "sl", "kn",
    "et", "mk", "br", "eu", "is", "hy", "ne", "mn", "bs", "kk", "sq", "sw", "gl", "mr", "pa", "si",
    "km", "sn", "yo", "so", "af", "oc", "ka", "be", "tg", "sd", "gu", "am", "yi", "lo", "uz", "fo",
    "ht", "ps", "tk", "nn", "mt", "sa", "lb", "my", "bo", "tl", "mg", "as", "tt", "haw", "ln", "ha",
    "ba", "jw", "su", "yue",
)  # fmt: skip
ENGLISH_VOCABULARY = 51_864
"""Tokens of a model that knows English alone. One of 99 languages has one more; one of all, two."""


def languages_of(vocabulary: int) -> list[str]:
    """What a model with this many tokens knows; a derived one may know less."""
    if vocabulary <= ENGLISH_VOCABULARY:
        return ["en"]
    return list(LANGUAGES[: 99 + (vocabulary > ENGLISH_VOCABULARY + 1)])
