"""`PageReader`: what reads the text of one picture, whichever engine's it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from ingle.capabilities.ocr.operation import OcrLine

Pixels = NDArray[Any]
"""Height x width x 3 bytes: red, green, blue."""
Advance = Callable[[float], None]
"""How much of a picture has been read, 0 to 1. Raises Cancelled: the caller has stopped."""


class PageReader(Protocol):
    """An open model that reads pictures of pages."""

    def check(self, languages: Sequence[str]) -> None:
        """Raises InvalidRequest: it does not know one of these languages."""
        ...

    def read(self, picture: Pixels, languages: Sequence[str], advance: Advance) -> list[OcrLine]:
        """The lines of a picture, in no order.

        Each one's polygon begins where its text begins, so that it says how the text is turned.

        Raises:
            Cancelled: as raised by ``advance``.
        """
        ...

    def close(self) -> None:
        """Free everything."""
        ...
