"""What can be asked, and what comes back."""

from __future__ import annotations

from typing import Annotated

from ingle.operations.blob import Blob
from ingle.operations.events import ModelResult
from ingle.operations.guest_rules import Estimated
from ingle.operations.operation import Event, ModelOperation


class Loudness(ModelOperation, frozen=True, kw_only=True, tag="loudness"):
    """Measure sound: 16-bit mono PCM, little-endian, at the model's rate.

    A `Level` for each second, then one `Measured`.
    """

    sound: Annotated[Blob | None, Estimated()] = None
    """A recording. None: it is sent in pieces while it is measured."""


class Level(Event, frozen=True, kw_only=True, tag="loudness.level"):
    """One second."""

    piece = True

    second: int
    decibels: float


class Measured(ModelResult, frozen=True, kw_only=True, tag="loudness.measured"):
    """All of it."""

    seconds: float
    decibels: float
    """The mean."""
    loudest: int = 0
    """The second with the highest level."""
