"""Flags that say which documents are looked at, and what is said of documents."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ingle.capabilities.collections.operation import AttributeFilter, Attributes, AttributeValue
from ingle.config.settings import parse_duration
from ingle.errors import InvalidRequest

F = TypeVar("F", bound=Callable[..., Any])

_KINDS = {"=": "eq", "!=": "ne", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_COMPARISON = re.compile(
    r"(?P<key>[^=<>!]+?)\s*(?P<sign>!=|>=|<=|=|>|<)\s*(?P<value>.*)", re.DOTALL
)


def filter_options(command: F) -> F:
    """Add the flags to a command; `fields` makes fields of an operation of their values."""
    for option in (
        click.option("--until", default="", metavar="WHEN", help="Files changed before then."),
        click.option(
            "--since", default="", metavar="WHEN",
            help="Files changed since then: a date (2026-01-31), or a duration (7d).",
        ),
        click.option(
            "--where", multiple=True, metavar="KEY=VALUE",
            help="Documents with this attribute; also !=, <, <=, >, >=. Repeatable.",
        ),
        click.option("--tag", "tags", multiple=True, help="Documents with this tag. Repeatable."),
        click.option("--kind", "kinds", multiple=True, help="Documents of a kind, such as pdf."),
        click.option(
            "--in", "places", multiple=True, metavar="PATTERN", help="Files such as '*/docs/*'."
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def fields(given: dict[str, Any]) -> dict[str, Any]:
    """The values of `filter_options` as fields of a search or a question; taken out of the others.

    Raises:
        InvalidRequest: a flag that cannot be read.
    """
    return {
        "places": list(given.pop("places")),
        "kinds": list(given.pop("kinds")),
        "tags": list(given.pop("tags")),
        "since_s": moment(given.pop("since"), "since"),
        "until_s": moment(given.pop("until"), "until"),
        "where": comparisons(given.pop("where")),
    }


def comparisons(texts: Sequence[str]) -> AttributeFilter | None:
    """What ``--where`` says; all of several have to hold."""
    found = [_comparison(text) for text in texts]
    if len(found) < 2:
        return found[0] if found else None
    return AttributeFilter(type="and", filters=found)


def attributes(tags: Sequence[str], texts: Sequence[str]) -> Attributes:
    """What ``--tag`` and ``--attribute KEY=VALUE`` say of documents.

    Raises:
        InvalidRequest: it is not in that form.
    """
    found: Attributes = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not key or not sign:
            raise InvalidRequest(
                f"--attribute: {text!r} is not in the form KEY=VALUE",
                hint="--attribute author=ann",
                field="attributes",
            )
        found[key.strip()] = _value(value)
    return {**found, "tags": list(tags)} if tags else found


def moment(text: str, field: str) -> float:
    """Unix time of a date, or of a span back from now; 0 for an empty text.

    Raises:
        InvalidRequest: it is neither.
    """
    if not text:
        return 0.0
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            return time.mktime(time.strptime(text, "%Y-%m-%d"))
        except (ValueError, OverflowError):
            raise InvalidRequest(f"--{field}: not a valid date: {text}", field=field) from None
    return time.time() - parse_duration(text, field)


def _comparison(text: str) -> AttributeFilter:
    parts = _COMPARISON.fullmatch(text)
    if parts is None:
        raise InvalidRequest(
            f"--where: {text!r} is not in the form KEY=VALUE",
            hint="--where 'year>=2024'",
            field="where",
        )
    kind = _KINDS[parts["sign"]]
    return AttributeFilter(type=kind, key=parts["key"].strip(), value=_value(parts["value"]))  # type: ignore[arg-type]


def _value(text: str) -> AttributeValue:
    """A number, true or false where it is written so, else the text itself."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, (bool, int, float)) else text
