"""What every format of documents is read into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ingle.errors import InvalidRequest


class ParsedDocument(NamedTuple):
    """The texts of a file, and how the file is written with others."""

    texts: Sequence[str]
    form: str
    """Of each text: ``text``, ``markdown`` or ``html``."""
    written: Callable[[Sequence[str]], bytes]
    """The file with as many texts in their place, in their order."""


def broken(why: str, form: str) -> InvalidRequest:
    """A document that is not what it should be."""
    return InvalidRequest(
        f"document: this is not a {form} file, or it is damaged: {why}", field="document"
    )
