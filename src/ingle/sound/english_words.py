"""Dates, times, money, units and signs in English text, as one would say them.

Plain numbers stay: espeak-ng, under every voice here, reads them itself, and so does it for other
languages, whose text this module does not touch.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_MONTH = "|".join(f"{name}|{name[:3]}\\.?" for name in _MONTHS) + r"|Sept\.?"
_SCALE = r"(?:\s+(hundred|thousand|million|billion|trillion))?"
_NUMBER = r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?"
_CURRENCIES = {
    "$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny"), "¥": ("yen", ""),
    "₹": ("rupee", "paisa"), "USD": ("US dollar", "cent"), "EUR": ("euro", "cent"),
    "GBP": ("pound", "penny"), "CHF": ("Swiss franc", "centime"),
}  # fmt: skip
_PLURALS = {"penny": "pence", "yen": "yen", "paisa": "paise", "foot": "feet", "hertz": "hertz"}
_UNITS = {
    "km/h": "kilometre per hour", "m/s": "metre per second", "mph": "mile per hour",
    "km": "kilometre", "cm": "centimetre", "mm": "millimetre", "m": "metre", "mi": "mile",
    "ft": "foot", "kg": "kilogram", "mg": "milligram", "g": "gram", "lb": "pound", "lbs": "pound",
    "oz": "ounce", "°C": "degree Celsius", "°F": "degree Fahrenheit", "°": "degree",
    "ms": "millisecond", "sec": "second", "min": "minute", "hr": "hour", "hrs": "hour",
    "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte",
    "KiB": "kibibyte", "MiB": "mebibyte", "GiB": "gibibyte", "TiB": "tebibyte", "Hz": "hertz",
    "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "kW": "kilowatt",
    "kWh": "kilowatt-hour", "mAh": "milliampere-hour", "ml": "millilitre", "mL": "millilitre",
    "L": "litre", "px": "pixel",
}  # fmt: skip
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_WORDS = {
    "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missis", "Prof.": "Professor", "vs.": "versus",
    "etc.": "et cetera", "e.g.": "for example", "i.e.": "that is", "approx.": "approximately",
    "No.": "number", "dept.": "department", "min.": "minutes", "max.": "maximum", "w/": "with",
    "w/o": "without", "St.": "Saint", "Jr.": "Junior", "Sr.": "Senior", "Fig.": "Figure",
}  # fmt: skip
_SIGNS = {
    "&": " and ", "≈": " about ", "≤": " at most ", "≥": " at least ", "≠": " is not ",
    "×": " times ", "÷": " divided by ", "±": " plus or minus ", "→": " to ", "⇒": " so ",
    "½": " one half ", "¼": " one quarter ", "¾": " three quarters ", "⅓": " one third ",
    "∞": " infinity ", "√": " square root of ", "©": " copyright ", "®": " registered ",
    "™": " trademark ", "§": " section ",
}  # fmt: skip
_SLASHED = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})/(\d{4})(?![\d/])")
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def english_words(text: str, *, american: bool = True) -> str:
    """A text with what is not written as it is said.

    Args:
        american: 3/4/2026 is in March, and not in April.
    """
    text = _SLASHED.sub(lambda found: _slashed_date(found, american), text)
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    return text


def year_words(year: int) -> str:
    """A year from 1100 to 2099 as people say it: twenty twenty-six, nineteen oh five."""
    century, rest = divmod(year, 100)
    if year // 10 == 200:
        return "two thousand" + (f" {_ONES[rest]}" if rest else "")
    if not rest:
        return f"{_two_digits(century)} hundred"
    return f"{_two_digits(century)} {'oh ' if rest < 10 else ''}{_two_digits(rest)}"


def ordinal(number: int) -> str:
    """As in ``1st``, ``22nd``, ``13th``."""
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ends.get(number % 10, 'th')}"


def _two_digits(number: int) -> str:
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")


def _plural(word: str, one: bool) -> str:
    if one:
        return word
    head, per, tail = word.partition(" per ")
    if head.startswith("degree"):
        head = head.replace("degree", "degrees", 1)
    else:
        head = _PLURALS.get(head) or (head if head.endswith("hertz") else f"{head}s")
    return f"{head}{per}{tail}"


def _iso_date(found: re.Match[str]) -> str:
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not (1 <= month <= 12 and 1 <= day <= 31 and 1100 <= year < 2100):
        return found[0]
    return f"{_MONTHS[month - 1]} {ordinal(day)}, {year_words(year)}"


def _slashed_date(found: re.Match[str], american: bool) -> str:
    month, day = (1, 2) if american else (2, 1)
    if int(found[month]) > 12:
        month, day = day, month
    number, in_month, year = int(found[month]), int(found[day]), int(found[3])
    if not (1 <= number <= 12 and 1 <= in_month <= 31 and 1100 <= year < 2100):
        return found[0]
    name = _MONTHS[number - 1]
    if american:
        return f"{name} {ordinal(in_month)}, {year_words(year)}"
    return f"the {ordinal(in_month)} of {name}, {year_words(year)}"


def _month_first(found: re.Match[str]) -> str:
    return f"{_full_month(found[1])} {ordinal(int(found[2]))}{_year_after(found[3])}"


def _day_first(found: re.Match[str]) -> str:
    return f"the {ordinal(int(found[1]))} of {_full_month(found[2])}{_year_after(found[3])}"


def _year_after(year: str | None) -> str:
    if year is None:
        return ""
    number = int(year)
    return f", {year_words(number) if 1100 <= number < 2100 else number}"


def _full_month(name: str) -> str:
    return next(month for month in _MONTHS if month.startswith(name[:3]))


def _year(found: re.Match[str]) -> str:
    return f"{found[1]}{year_words(int(found[2]))}"


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found[1]), int(found[2])
    if hour > 24 or minute > 59:
        return found[0]
    half = f" {found[3][0].upper()} M" if found[3] else ""
    if not minute:
        return f"{hour}{half or ' o’clock'}"
    return f"{hour} {'oh ' if minute < 10 else ''}{minute}{half}"


def _money(found: re.Match[str], sign: str, whole: str, part: str | None, scale: str | None) -> str:
    unit, small = _CURRENCIES[sign]
    whole = whole.replace(",", "")
    if scale:
        return f"{whole}{f'.{part}' if part else ''} {scale} {_plural(unit, False)}"
    if not part or not small or len(part) != 2:
        number = f"{whole}.{part}" if part else whole
        return f"{number} {_plural(unit, number == '1')}"
    cents = int(part)
    said = f"{whole} {_plural(unit, whole == '1')}" if int(whole) or not cents else ""
    tail = f"{cents} {_plural(small, cents == 1)}" if cents else ""
    return " and ".join(filter(None, (said, tail)))


def _money_before(found: re.Match[str]) -> str:
    return _money(found, found[1], found[2], found[3], found[4])


def _money_after(found: re.Match[str]) -> str:
    return _money(found, found[4], found[1], found[2], found[3])


def _measure(found: re.Match[str]) -> str:
    number = found[1].replace(",", "")
    return f"{number} {_plural(_UNITS[found[2]], number == '1')}"


def _digits(found: re.Match[str]) -> str:
    return found[0].replace(",", "")


def _version(found: re.Match[str]) -> str:
    return found[0].replace(".", " point ")


_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\b(\d{4})-(\d{2})-(\d{2})(?=T?\b)"), _iso_date),
    (re.compile(rf"\b({_MONTH})\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(\d{{4}}))?\b"), _month_first),
    (re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+({_MONTH})(?:,?\s+(\d{{4}}))?\b"), _day_first),
    (re.compile(r"(?i)\b((?:in|since|until|by|of|from|year|to)\s+)(1[1-9]\d\d|20\d\d)\b(?![.,]?\d)"),
     _year),
    (re.compile(r"\b(\d{1,2}):(\d{2})(?::\d{2})?(?:\s?([ap])\.?m\b\.?)?", re.IGNORECASE), _time),
    (re.compile(r"\b(\d{1,2})\s?([ap])\.?m\b\.?", re.IGNORECASE),
     lambda found: f"{found[1]} {found[2].upper()} M"),
    (re.compile(rf"([$€£¥₹])\s?{_NUMBER}{_SCALE}"), _money_before),
    (re.compile(rf"\b{_NUMBER}{_SCALE}\s?(€|£|USD\b|EUR\b|GBP\b|CHF\b)"), _money_after),
    (re.compile(rf"\b(\d+(?:,\d{{3}})*(?:\.\d+)?)\s?({_UNIT})(?![\w/])"), _measure),
    (re.compile(r"\b\d{1,3}(?:,\d{3})+\b"), _digits),
    (re.compile(r"(?<![\d.])\d{1,4}(?:\.\d{1,4}){2,3}(?![\d.]*\d)"), _version),
    (re.compile(r"(?<=\d)\s?%"), " percent"),
    (re.compile(r"(?<![\w-])(\d{1,4})\s?[–-]\s?(?=\d{1,4}(?![\w-]))"), r"\1 to "),
    (re.compile(r"(?<![\w)])[-−](?=\d)"), "minus "),
    (re.compile(r"#(?=\d)"), "number "),
    (re.compile(r"(?<=[\w)])\s*\+\s*(?=[\w(])"), " plus "),
    (re.compile(r"(?<=[\w)])\s+=\s+(?=[\w(-])|(?<=\d)=(?=\d)"), " equals "),
    (re.compile(r"(?<=\d)\s*\*\s*(?=\d)"), " times "),
    (re.compile("|".join(map(re.escape, _SIGNS))), lambda found: _SIGNS[found[0]]),
    (re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(_WORDS, key=len, reverse=True)))
                + r")(?!\w)"), lambda found: _WORDS[found[0]]),
)  # fmt: skip
