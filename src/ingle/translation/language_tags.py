"""Languages by their tags, and how people call them in English."""

from __future__ import annotations

NAMES = {
    "af": "Afrikaans", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian",
    "bn": "Bengali", "bs": "Bosnian", "ca": "Catalan", "cs": "Czech", "cy": "Welsh",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "eo": "Esperanto",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "ga": "Irish", "gl": "Galician", "gu": "Gujarati", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian",
    "is": "Icelandic", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh",
    "kn": "Kannada", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "mk": "Macedonian",
    "ml": "Malayalam", "mr": "Marathi", "ms": "Malay", "mt": "Maltese", "nb": "Norwegian Bokmål",
    "nl": "Dutch", "nn": "Norwegian Nynorsk", "no": "Norwegian", "pa": "Punjabi", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil",
    "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian",
    "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese", "zh-hans": "Simplified Chinese",
    "zh-hant": "Traditional Chinese",
}  # fmt: skip
_SAME = {"iw": "he", "in": "id", "fil": "tl", "cmn": "zh", "zh-cn": "zh-hans", "zh-sg": "zh-hans",
         "zh-tw": "zh-hant", "zh-hk": "zh-hant"}  # fmt: skip
WITHOUT_SPACES = frozenset(["zh", "ja", "th", "lo", "km", "my"])
"""Languages that put no spaces between words."""


def normal(tag: str) -> str:
    """A tag as the names of models have it: small letters, ``-`` between its parts."""
    found = tag.lower().replace("_", "-")
    return _SAME.get(found, found)


def base(tag: str) -> str:
    """The language of a tag, without script and region."""
    return normal(tag).partition("-")[0]


def english_name(tag: str) -> str:
    """What people call it; the tag itself where that is not known."""
    known = normal(tag)
    return NAMES.get(known) or NAMES.get(base(tag)) or tag


def means(wanted: str, known: str) -> bool:
    """A tag means a model's language: the same, or one of the two leaves script and region open."""
    one, other = normal(wanted), normal(known)
    if one == other:
        return True
    return base(one) == base(other) and (one == base(one) or other == base(other))


def pair_in(text: str) -> tuple[str, str] | None:
    """The two languages that two tags in a row are, as in ``ende`` and ``enzh_hant``."""
    written = normal(text)
    if "-" in written and written.count("-") == 1:
        first, _, second = written.partition("-")
        if first in NAMES and second in NAMES:
            return first, second
    for cut in range(2, len(written) - 1):
        first, second = written[:cut], written[cut:].removeprefix("-")
        if first in NAMES and second in NAMES:
            return first, second
    return None


def pair_of(name: str) -> tuple[str, str] | None:
    """The two languages in a model's name, as in ``opus:en-de`` and ``owner/opus-mt-en-de``."""
    family, _, tag = name.partition("@")[0].rpartition("/")[2].partition(":")
    for text in (tag, family):
        while text:
            if pair := pair_in(text):
                return pair
            text = text.partition("-")[2]
    return None
