"""`Row`: what a reader finds at one place of a file, before anyone knows what it means."""

from __future__ import annotations

from typing import Any, NamedTuple

from ingle.training.examples.example import RowPosition


class Row(NamedTuple):
    """Names and values of one row."""

    place: RowPosition
    values: dict[str, Any]
