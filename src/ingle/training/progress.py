"""`StepProgress` of a run after each step, and the `LossCurve` that keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ingle.capabilities.train.operation import LossPoint, TrainingProgress
from ingle.training.loss_log import LossLog
from ingle.training.step_timer import StepTimer


class StepProgress(NamedTuple):
    """After a step."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    tokens_per_s: float
    left_s: float
    validation: float | None
    """Mean loss of the validation rows, after some steps."""
    tokens: int
    """Tokens of the step."""
    reward: float | None
    """Mean reward of the answers that were sampled, in a run with rewards."""
    fewer_rows: int
    """Out of memory: from this step on only that many rows are computed at once.
    0: it did."""

    @property
    def event(self) -> TrainingProgress:
        """As others are told."""
        fields = self._asdict()
        del fields["fewer_rows"]
        return TrainingProgress(**fields)


class LossCurve:
    """The steps of a run: each is noted in a file, with the time that the rest will take.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._losses = LossLog(path)
        self._clock = StepTimer()

    def begin(self, step: int) -> None:
        """Continue after a step: what was noted of later ones is done again. The clock starts."""
        self._losses.trim(step)
        self._clock = StepTimer()

    def add(
        self,
        *,
        step: int,
        steps: int,
        loss: float,
        learning_rate: float,
        tokens: int,
        seconds: float,
        validation: float | None = None,
        reward: float | None = None,
        fewer_rows: int = 0,
    ) -> StepProgress:
        """Note a step, once it is made and looked at.

        Args:
            seconds: that the step took, without the look at the validation rows.

        Raises:
            DiskFull: it could not be written.
        """
        self._clock.tick()
        speed = tokens / max(1e-9, seconds)
        self._losses.note(LossPoint(
            step=step, loss=loss, learning_rate=learning_rate, tokens_per_s=round(speed, 1),
            validation=validation, reward=reward,
        ))  # fmt: skip
        left = self._clock.left(steps - step)
        return StepProgress(
            step, steps, loss, learning_rate, speed, left, validation, tokens, reward, fewer_rows
        )  # fmt: skip

    def shortened(self) -> list[list[float | None]]:
        """Some of its points, to go into a file: step, loss, validation loss."""
        return self._losses.curve()
