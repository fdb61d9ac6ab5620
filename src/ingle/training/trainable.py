"""`Trainable`: what the training process knows of a run, whether we or TRL make its steps."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from ingle.errors import IngleError
from ingle.training.progress import StepProgress
from ingle.training.run_plan import RunPlan


class Trainable(Protocol):
    """A run of our own (`ingle.training.run.Run`), or one that TRL makes
    (`ingle.training.trl.trl_run.TrlRun`)."""

    plan: RunPlan
    stopping: bool
    """Set it from another thread: the run saves after the current step, and ends."""

    @property
    def step(self) -> int:
        """The last one that was made."""
        ...

    @property
    def finished(self) -> bool:
        """No step is left to be made."""
        ...

    @property
    def lost(self) -> Future[None]:
        """Gets the error if a process dies that `train` may wait for without an end. What
        `train` notices by itself, it raises."""
        ...

    def check(self) -> None:
        """Asked before the first step.

        Raises:
            DoesNotFit: it would not fit into the memory that is free now; says what would.
            DiskFull: what it saves would not fit on the disk.
        """
        ...

    def summary(self) -> str:
        """What will be done, and what it takes, in a sentence."""
        ...

    def outcome(self) -> str:
        """What the run has changed, in a sentence; empty if it was not measured."""
        ...

    def train(self) -> Iterator[StepProgress]:
        """Train to the end, or until `stopping`; yields after each step. Saves by itself.

        Raises:
            IngleError: what ended it.
        """
        ...

    def ended_by(self, error: IngleError) -> IngleError:
        """The error of `lost`, with what is saved."""
        ...

    def write_adapter(self) -> Path | None:
        """Write what came out as files; returns the GGUF one. None: it is on another node."""
        ...
