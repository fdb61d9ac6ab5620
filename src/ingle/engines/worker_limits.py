"""`WorkerLimits`: how long a worker may be silent, and what memory it may have of its own."""

from __future__ import annotations

from typing import NamedTuple

from ingle.config import Settings
from ingle.engines.declaration import EngineDeclaration

HEARTBEAT_S = 2.0
"""Seconds between the pings of a worker that has loaded its model."""
SILENCE_S = 30.0
"""A worker that does not answer a ping for this long is taken for hung and killed.

A thread of its own answers, whatever the engine does: a long evaluation is not taken for
silence. What is noticed is a process that is stopped, or that does not get to run any Python,
for example since the engine waits and holds Python's lock. An engine that is stuck without
that lock is noticed by `WorkerLimits.stall`.
"""
LOADING_SILENCE_S = 120.0
"""No pings are answered while a model is loaded, since engines hold Python's lock then. A process
that neither computes nor touches new memory for this long is not loading any more."""
CEILING_FACTOR = 1.5
CEILING_ALLOWANCE = 2 * 2**30
"""What a worker may have of its own: its planned memory times the factor, and the allowance.

Plans are of what a load takes. Beside it a request takes some for its grammar, its images and its
text, and a graphics driver takes hundreds of megabytes for itself."""


class WorkerLimits(NamedTuple):
    """What is watched of a worker."""

    memory: int | None = None
    """Bytes that the process and its descendants may have of their own; None: any."""
    stall: float | None = None
    """Seconds without progress of any of its requests; None: any."""
    heartbeat: float = HEARTBEAT_S
    silence: float = SILENCE_S
    loading_silence: float = LOADING_SILENCE_S


HEARTBEAT_ONLY = WorkerLimits()


def planned_limits(settings: Settings, engine: EngineDeclaration, planned: int) -> WorkerLimits:
    """The limits of a worker for which admission planned this many bytes."""
    chosen = settings.worker_memory_bytes()
    usual = int(planned * CEILING_FACTOR) + CEILING_ALLOWANCE
    stall = settings.stall_s
    return WorkerLimits(
        memory=usual if chosen is None else chosen or None,
        stall=stall if engine.reports_progress and stall >= 0 else None,
    )
