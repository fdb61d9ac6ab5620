"""Kinds: values that only training draws, beside `functions.KINDS`."""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .draw import JOBS, SUFFIXES, Draw

ZONES = "Europe/Berlin Europe/Paris Europe/London Asia/Tokyo Asia/Kolkata America/New_York America/Lima Africa/Cairo Australia/Sydney UTC".split()
DRAWN: dict[str, Callable[[Draw], Any]] = {
    "stars": lambda d: d.number(1, 5),
    "age": lambda d: d.number(1, 99),
    "names": lambda d: [d.name() for _ in range(d.number(2, 4))],
    "words": lambda d: [d.common() for _ in range(d.number(2, 5))],
    "places": lambda d: [d.place() for _ in range(d.number(2, 3))],
    "things": lambda d: [d.noun() for _ in range(d.number(2, 4))],
    "files": lambda d: [d.file() for _ in range(d.number(2, 3))],
    "mails": lambda d: [d.email() for _ in range(d.number(2, 3))],
    "codes": lambda d: [d.code() for _ in range(d.number(2, 3))],
    "days": lambda d: list(dict.fromkeys(d.any(("Monday", "Tuesday", "Thursday", "Friday", "Sunday")) for _ in range(3))),
    "street": lambda d: d.any((f"{d.number(1, 199)} {d.noun().capitalize()} Street", f"{d.noun().capitalize()} Road {d.number(1, 99)}", f"{d.word(2).capitalize()} Lane {d.number(1, 99)}", f"{d.number(1, 60)} {d.word(2).capitalize()} Avenue")),
    "zip": lambda d: f"{d.number(10000, 99999)}",
    "company": lambda d: f"{d.word(2).capitalize()}{d.any((' Ltd', ' Inc', ' & Co', ' GmbH', '', ' ' + d.noun().capitalize() + 's'))}",
    "ip": lambda d: ".".join(str(d.number(1, 254)) for _ in range(4)),
    "branch": lambda d: d.any((d.common(), f"{d.any(('fix', 'feature', 'topic', 'wip'))}/{d.common()}", f"{d.common()}-{d.common()}")),
    "zone": lambda d: d.any(ZONES),
    "moment": lambda d: f"{d.date().isoformat()}T{d.clock()}",
    "handle": lambda d: f"@{d.word(2)}",
    "hashtag": lambda d: f"#{d.common()}",
    "job": lambda d: d.any(JOBS),
    "glob": lambda d: d.any(("*.", f"{d.common()}*.", f"{d.common()}-*.")) + d.any(SUFFIXES),
    "suffix": lambda d: d.any(SUFFIXES),
    "flight": lambda d: f"{d.any('ABDFKLQSU')}{d.any('ABDFHLRSZ')}{d.number(10, 4999)}",
    "latitude": lambda d: round(d.number(-8900, 8900) / 100, 2),
    "sql_where": lambda d: f"{d.noun()} {d.any(('=', '>', '<', '!='))} {d.number(1, 999)}",
    "reason": lambda d: d.phrase(2, 4),
    "quoted": lambda d: f"{d.common()} {d.any(('in', 'at', 'for', 'with', 'to', 'from', 'on', 'and', 'by', 'until', 'as'))} {d.common()}",
}  # fmt: skip
LISTS = frozenset("names words places things files mails codes days".split())
TYPES = {"stars": "integer", "age": "integer", "latitude": "number"} | dict.fromkeys(LISTS, "array")  # fmt: skip
