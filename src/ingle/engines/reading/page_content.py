"""A document that is open for reading, and what a page of it is before it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ingle.capabilities.ocr.operation import OcrLine
from ingle.engines.reading.page_reader import Advance, Pixels
from ingle.pages.geometry import Box


class PageContent(NamedTuple):
    """A page, before anything is read on it."""

    width: int
    height: int
    dpi: int
    lines: Sequence[OcrLine] = ()
    """Text that is there as text."""
    picture: Pixels | None = None
    """What is to be read as a picture; None: nothing."""
    places: Sequence[Box] = ()
    """Where in the picture there may be text that is not among the lines; empty: anywhere."""
    notes: Sequence[str] = ()
    """What is left out of it; sentences."""


class OpenDocument(Protocol):
    """An open document."""

    kind: str
    """``pdf``, or the image's format, such as ``jpeg``."""
    pages: int
    notes: list[str]
    """What is left out of it; sentences."""

    def page(self, number: int, advance: Advance) -> PageContent:
        """A page, by its number from 1. Drawing one may take a while; ``advance`` is told.

        Raises:
            InvalidRequest: it is damaged, too large, or takes too long to draw.
            Cancelled: as raised by ``advance``.
        """
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...
