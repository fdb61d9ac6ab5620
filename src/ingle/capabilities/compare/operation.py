"""Comparing quantised models with the original, as a job."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.job_events import JobOperation
from ingle.operations.operation import Event

Name = Annotated[str, msgspec.Meta(max_length=512)]


class CompareModels(JobOperation, frozen=True, kw_only=True, tag="compare"):
    """Measure how far quantisations of a model are from it, on texts.

    Events: `JobNote`, `JobProgress` in chunks, one `ModelsCompared`, at last `JobEnded`.
    """

    model: Name = ""
    """The original, or what comes nearest to it. Not needed to resume."""
    others: Annotated[list[Name], msgspec.Meta(max_length=32)] = []
    data: Annotated[list[str], msgspec.Meta(max_length=1000)] = []
    """Text files; absolute. Empty: the text that comes with ingle."""
    ctx_size: Annotated[int, msgspec.Meta(ge=16, le=65536)] = 512
    """Tokens of a chunk."""
    chunks: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How many at most; 0: all of the texts."""
    device: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Such as ``cuda``; empty: the fastest that torch has."""

    def check(self) -> None:
        if not self.resume and not (self.model and self.others):
            raise InvalidRequest(
                "others: name a model, and at least one that is compared with it", field="others"
            )


class MeanInterval(msgspec.Struct, frozen=True, kw_only=True):
    """A mean, and its interval of 95 %."""

    mean: float
    low: float
    high: float


class ComparedModel(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one model. The first one is the original itself."""

    model: str
    size: int
    """Bytes of its tensors."""
    bits_per_weight: float
    perplexity: float
    divergence: MeanInterval
    """KL from the original, in nats."""
    percentiles: dict[str, float]
    """Of the divergence over all places: ``50``, ``90``, ``99``, ``100``."""
    same_top: MeanInterval
    """Share of places where it finds the same token the most likely."""
    among_five: MeanInterval
    """Share where the original's first is among its first five."""


class ModelsCompared(Event, frozen=True, kw_only=True, tag="compare.done"):
    """The figures of all models."""

    models: list[ComparedModel]
    tokens: int
    """Places that were looked at."""
    chunks: int


class ModelsToCompare(msgspec.Struct, frozen=True, kw_only=True):
    """What the reading process is given."""

    request: CompareModels
    bases: list[str]
    """Files of the models: the original first."""
    names: list[str]
    data: list[str]
    folder: str
