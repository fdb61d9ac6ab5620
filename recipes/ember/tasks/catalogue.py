"""The catalogue: functions as programs really offer them, with requests in whole sentences.

Of FUNCTIONS, and of the requests of one, each fifth is seen only by validation and test. Only
training sees SERVICES: what is held out there is not here.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from .. import tables
from .draw import CHOICES
from .signatures import Function, Parameter

LISTS = tables.lists("choices")
# Kinds whose choices the signature lists.
SHOWN = {*LISTS.of_everyday, "temperature_unit", "priority", "currency", "travel"}
DOMAINS = (
    "home", "travel", "town", "office", "messages", "papers", "trade", "people", "media", "systems",
    "data", "field", "brief",
)  # fmt: skip


def parameter(row: str) -> Parameter:
    """`name:kind:description`; a kind with / in it is a list of choices, a last ? is `optional`."""
    key, kind, text = row.split(":", 2)
    choices = CHOICES[kind] if kind in SHOWN else []
    if "/" in kind:
        kind, choices = "word", kind.split("/")
    return Parameter(key, kind, text.rstrip("?"), not text.endswith("?"), choices)


def function(row: dict[str, Any], trained: bool = False) -> Function:
    name, text, requests = row["name"], row["description"], row["requests"]
    result = [(key, kind) for key, kind in (pair.split(":") for pair in row["result"])]
    listed = [parameter(p) for p in row["parameters"]]
    return Function(name, text, listed, requests=requests, result=result, trained=trained)


def plainly(request: str) -> str:
    """A request without what its slots are called, capitals and marks."""
    slots = re.sub(r"\{[^}]*\}", "{}", request.lower())
    return " ".join(re.sub(r"[^a-z{} ]", "", slots).split())


def services() -> list[Function]:
    refused = {plainly(r) for f in FUNCTIONS for r in f.requests[4::5]}
    refused |= {plainly(r) for f in FUNCTIONS[4::5] for r in f.requests}
    found = [
        function(row, trained=True)
        for name in ("services", "everyday")
        for row in tables.read(f"functions/{name}")
    ]
    rows = [row for name in DOMAINS for row in tables.read(f"functions/{name}")]
    for number, row in enumerate(rows):
        kept = [r for r in row["requests"] if plainly(r) not in refused]
        outcome = LISTS.outcomes[number % len(LISTS.outcomes)]
        found.append(function({**row, "requests": kept, "result": [outcome]}, trained=True))
    return [replace(one, place=place) for place, one in enumerate(found)]


FUNCTIONS = [function(row) for row in tables.read("functions/catalogue")]
SERVICES = services()
