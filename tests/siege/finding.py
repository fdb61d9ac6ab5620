"""What a siege finds."""

from __future__ import annotations

from typing import NamedTuple


class Found(AssertionError):
    """What was attacked did what it must not."""


class Finding(NamedTuple):
    """What to look into. The same seed and number make the same attack."""

    part: str
    seed: int
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.part}, seed {self.seed}, probe {self.number}: {self.text}"
