"""`Losses`: the curve of a run, a line of JSON for each step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ingle.errors import DiskFull

MOST_POINTS = 200
"""Of the curve that goes into an adapter."""


class Losses:
    """The file ``losses.jsonl``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(
        self,
        step: int,
        loss: float,
        rate: float,
        speed: float,
        validation: float | None,
        reward: float | None = None,
    ) -> None:
        """Add a step.

        Raises:
            DiskFull: it could not be written.
        """
        line: dict[str, float] = {"step": step, "loss": loss, "rate": rate}
        line["tokens_per_s"] = round(speed, 1)
        if validation is not None:
            line["validation"] = validation
        if reward is not None:
            line["reward"] = reward
        try:
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise DiskFull(f"{self._path}: {error.strerror}", hint="make room") from None

    def lines(self) -> list[dict[str, Any]]:
        """All steps. Half a line at the end, as a kill leaves it, is passed over."""
        found: list[dict[str, Any]] = []
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                try:
                    found.append(json.loads(line))
                except ValueError:
                    break
        return found

    def trim(self, step: int) -> None:
        """Forget what came after a step: it is done again."""
        if not self._path.exists():
            return
        kept = [line for line in self.lines() if line["step"] <= step]
        part = self._path.with_suffix(".part")
        part.write_text("".join(json.dumps(line) + "\n" for line in kept))
        part.replace(self._path)

    def curve(self) -> list[list[float | None]]:
        """Step, loss and validation loss of about `MOST_POINTS` steps."""
        lines = self.lines()
        every = max(1, len(lines) // MOST_POINTS)
        return [
            [line["step"], line["loss"], line.get("validation")]
            for line in lines
            if line["step"] % every == 0 or "validation" in line
        ]
