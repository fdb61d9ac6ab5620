"""Loop: what the training stages share: their clock, their checkpoint, their step and its cost."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from . import parallel
from .optimizer import Optimizer
from .scale import Scale

CHECKPOINT_SECONDS = 60
COSTS = "compute.json"


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def begin(seed: int) -> None:
    """Settings of torch for a stage."""
    torch.manual_seed(seed)
    torch.set_float32_matmul_precision("high")
    torch.set_flush_denormal(True)  # on a CPU they cost a hundredfold


def costs(folder: Path) -> dict[str, dict[str, Any]]:
    """What the training stages have cost, kept beside their weights for the model cards."""
    path = folder / COSTS
    found: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    return found


def note(folder: Path, stage: str, **row: Any) -> None:
    """Keep what a stage has cost; seconds and amounts of its earlier runs are added."""
    stored = costs(folder)
    earlier = stored.get(stage, {})
    numbers = {k: v + earlier.get(k, 0) for k, v in row.items() if not isinstance(v, str)}
    stored[stage] = {**row, **numbers}
    (folder / COSTS).write_text(json.dumps(stored, indent=1), encoding="utf-8")


class Progress:
    """How far a stage is, by its steps or, if it must end within a time, by the clock.

    The clock of the schedule begins with the first step; what came before (compiling, waiting for
    data) shortens it.
    """

    def __init__(self, steps: int, within: float, place: torch.device) -> None:
        self.steps, self.place = steps, place
        self.end = time.monotonic() + within * 60
        self.begin()

    def begin(self) -> None:
        self.started, self.known = time.monotonic(), 0.0

    def __call__(self, step: int) -> float:
        if math.isfinite(self.end) and parallel.agree_after(step):
            passed, whole = time.monotonic() - self.started, max(1e-3, self.end - self.started)
            self.known = parallel.agreed(passed / whole, self.place)
        return max(step / self.steps, self.known)


class Loop:
    """The steps of a stage: on from its checkpoint, until its schedule or its time is over.

    Args:
        tokens: of a step; a stage that counts its cost in steps has none.
        resumes: has checkpoints.
    """

    def __init__(
        self, stage: str, network: nn.Module, scale: Scale, folder: Path, *, steps: int,
        minutes: float, within: float, tokens: int = 0, rate: float = 1.0, resumes: bool = True,
    ) -> None:  # fmt: skip
        self.stage, self.network, self.folder, self.steps = stage, network, folder, steps
        self.minutes, self.tokens, self.resumes = minutes, tokens, resumes
        self.started = self.written = time.monotonic()
        self.place = device()
        network.to(self.place)
        self.optimizer = Optimizer(network, scale, rate)
        self.step, self.checkpoint = 0, folder / f"{stage}.ckpt"
        if resumes and self.checkpoint.exists():
            saved = torch.load(self.checkpoint, weights_only=True, map_location=self.place)
            network.load_state_dict(saved["network"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step = saved["step"]
            print(f"{stage}: resumed at step {self.step} of {steps}")
        self.before, self.in_time = self.step, True
        self.progress = Progress(steps, within, self.place)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def each(self) -> Iterator[float]:
        """How far the stage is, at each of its steps."""
        parallel.wait()
        self.progress.begin()
        print(f"{self.stage}: first step after {self.seconds:.0f} s", flush=True)
        while (part := self.progress(self.step)) < 1:
            yield part
            self.step += 1
            if parallel.agree_after(self.step):
                parallel.same(self.network.parameters())
                if parallel.agreed(self.seconds, self.place) > self.minutes * 60:
                    self.in_time = False
                    self.save()
                    break
            if time.monotonic() - self.written > CHECKPOINT_SECONDS:
                self.save()
        parallel.wait()
        if parallel.rank() == 0:
            done = self.step - self.before
            amount = {"tokens": done * self.tokens} if self.tokens else {"steps": done}
            devices = parallel.devices(self.place)
            note(self.folder, self.stage, **amount, seconds=self.seconds, devices=devices)

    def update(self, factor: float, decay: float = 0.05) -> None:
        """A step of the optimizer by the gradients of all processes."""
        parallel.average_gradients(self.network.parameters())
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step(factor, decay=decay)

    def save(self) -> None:
        self.written = time.monotonic()
        if self.resumes and parallel.rank() == 0:
            state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
            part = self.checkpoint.with_suffix(".part")
            torch.save({**state, "step": self.step}, part)
            part.replace(self.checkpoint)
