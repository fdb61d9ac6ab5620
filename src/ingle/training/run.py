"""A run: training one adapter, from its first step to its files, over any number of kills.

Everything a run is lies in its folder::

    run.json             what was asked for, and what it is trained on
    train/, validation/  the tokens
    state.safetensors    adapter, optimiser and place, of one moment; replaced whole
    losses.jsonl         a line for each step
    adapter.gguf, peft/  the result so far

Which rows a step sees and what dropout drops follow from the seed and the
step's number, so a run that goes on after a kill is, number for number, the
run that was never killed.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ingle.errors import DiskFull, InvalidRequest, RunNotFound, StorageError, TrainingFailed
from ingle.training import adapter_files, memory, schedule
from ingle.training.dataset import Dataset
from ingle.training.devices import open_executor
from ingle.training.lora import TARGETS, Shape
from ingle.training.step import Step

STATE_EVERY_S = 30.0
Share = Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)]


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked for. Never changes once a run has begun."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    model: str
    digest: str
    base: str
    """Path of the base's GGUF file."""
    data: str
    data_sha256: str
    rank: Annotated[int, msgspec.Meta(ge=1)] = 16
    alpha: float = 32.0
    targets: tuple[str, ...] = TARGETS
    rank_stabilised: bool = False
    dropout: Share = 0.0
    rate: Annotated[float, msgspec.Meta(ge=0.0)] = 2e-4
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    warm_up: Annotated[int, msgspec.Meta(ge=0)] = 10
    epochs: Annotated[float, msgspec.Meta(gt=0.0)] = 3.0
    steps: Annotated[int, msgspec.Meta(ge=0)] = 0
    """0: as many as the epochs take."""
    rows: Annotated[int, msgspec.Meta(ge=1)] = 8
    """Rows of a step."""
    micro_rows: Annotated[int, msgspec.Meta(ge=1)] = 4
    """Rows that are worked on at once."""
    sequence: Annotated[int, msgspec.Meta(ge=8)] = 512
    """Tokens of a row."""
    decay: float = 0.0
    clip: float = 1.0
    seed: int = 0
    device: str = "cpu"
    dtype: Literal["float32", "bfloat16"] = "float32"


class Progress(NamedTuple):
    """After a step."""

    step: int
    steps: int
    loss: float
    rate: float
    tokens_per_s: float
    left_s: float
    validation: float | None
    """Mean loss of the validation rows, after some steps."""


class Run:
    """One run. Made by `begin` or `resume`."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan
        self.step = 0
        self.stopping = False
        """Set it from a signal handler: the run saves after the step that goes on, and ends."""
        self.shape = Shape(plan.rank, plan.alpha, plan.targets, plan.rank_stabilised, plan.dropout)
        self.executor, self.way = open_executor(
            Path(plan.base), self.shape, device=plan.device, dtype=plan.dtype, seed=plan.seed,
            rows=plan.micro_rows, sequence=plan.sequence, decay=plan.decay, clip=plan.clip,
        )  # fmt: skip
        architecture = self.executor.architecture
        if plan.sequence > architecture.context:
            raise InvalidRequest(
                f"sequence: {plan.sequence} tokens are more than the {architecture.context} "
                f"that {plan.model} was trained for",
                field="sequence",
            )
        self._engine = Step(self.executor)
        self._data = Dataset(folder / "train", plan.sequence)
        check = folder / "validation"
        self._check = Dataset(check, plan.sequence) if check.exists() else None
        self._epoch = (-1, [[0]])

    @classmethod
    def resume(cls, folder: Path) -> Run:
        """Go on where the run's last saved moment was; from the beginning if there is none.

        Raises:
            RunNotFound: no run is there.
            StorageError: what is there is damaged.
        """
        try:
            plan = msgspec.json.decode((folder / "run.json").read_bytes(), type=Plan)
        except FileNotFoundError:
            raise RunNotFound(f"there is no run {folder.name!r}", hint="ingle runs") from None
        except msgspec.DecodeError as error:
            raise StorageError(f"{folder / 'run.json'} is damaged: {error}") from None
        run = cls(folder, plan)
        state = folder / "state.safetensors"
        if state.exists():
            run._load(state)
        return run

    @property
    def steps(self) -> int:
        """How many steps it has in all."""
        if self.plan.steps:
            return self.plan.steps
        rows = len(self._data.rows(self.plan.seed, 0))
        return max(1, math.ceil(self.plan.epochs * rows / self.plan.rows))

    def needs(self) -> memory.Estimate:
        """What it will take of memory."""
        return self.way.needs

    def check_memory(self) -> None:
        """Raises DoesNotFit: it would not fit into what is free now; says what would."""
        free = memory.available(self.plan.device)
        memory.check(self.needs(), free, self.plan.micro_rows, self.plan.sequence)

    def train(self) -> Iterator[Progress]:
        """Train to the end, or until `stopping`; yields after each step. Saves by itself.

        Raises:
            TrainingFailed: the loss is no number any more; the last good moment is saved.
            DiskFull: the state could not be saved; the one before is intact.
        """
        saved = began = time.monotonic()
        first = self.step
        steps = self.steps
        self._trim_losses()
        every = max(1, steps // 10)
        while self.step < steps and not self.stopping:
            started = time.monotonic()
            rate = self.plan.rate * schedule.share(
                self.plan.schedule, self.step, steps, min(self.plan.warm_up, steps)
            )
            loss, tokens = self._one(rate)
            self.step += 1
            last = self.step == steps
            checked = None
            if self._check is not None and (self.step % every == 0 or last):
                checked = self._validate()
            now = time.monotonic()
            self._note(loss, rate, checked)
            if now - saved > STATE_EVERY_S or last:
                self.save()
                saved = now
            yield Progress(
                self.step,
                steps,
                loss,
                rate,
                tokens / max(1e-9, now - started),
                (now - began) / (self.step - first) * (steps - self.step),
                checked,
            )
        self.save()

    def save(self) -> None:
        """Write the state of this moment, whole or not at all."""
        place = {"place": json.dumps({"step": self.step})}
        part = self.folder / "state.part"
        try:
            save_file(self.executor.state(), part, metadata=place)
            with part.open("rb") as file:
                os.fsync(file.fileno())
        except (OSError, SafetensorError) as error:
            part.unlink(missing_ok=True)
            raise DiskFull(
                f"{self.plan.name} could not be saved: {error}; the state before is intact",
                hint=f"make room, then: ingle train --resume {self.plan.name}",
            ) from None
        part.replace(self.folder / "state.safetensors")

    def write_adapter(self) -> Path:
        """The adapter of this moment as files; returns the GGUF one."""
        path = self.folder / "adapter.gguf"
        notes = {
            "base": self.plan.digest,
            "data": self.plan.data_sha256,
            "plan": msgspec.json.encode(self.plan).decode(),
            "step": str(self.step),
        }
        numbers, architecture = self.executor.parameters(), self.executor.architecture
        adapter_files.write_gguf(path, numbers, self.shape, architecture, notes)
        peft = self.folder / "peft"
        adapter_files.write_peft(peft, numbers, self.shape, architecture, self.plan.model)
        return path

    def _one(self, rate: float) -> tuple[float, int]:
        """One step: its mean loss, and the tokens it saw."""
        rows = self._rows(self.step)
        micro = self.plan.micro_rows
        batches = [self._data.batch(rows[at : at + micro]) for at in range(0, len(rows), micro)]
        supervised = sum(batch.supervised for batch in batches)
        for number, batch in enumerate(batches):
            if number % self.executor.world != self.executor.rank:
                continue
            seed = (self.plan.seed * 1_000_003 + self.step) * 1009 + number
            self._engine.accumulate(batch, seed=seed, weight=1 / max(1, supervised))
        loss, norm = self._engine.update(rate)
        if not math.isfinite(norm):
            self.save()
            raise TrainingFailed(
                f"the loss of step {self.step + 1} is no number; what was before is saved",
                hint=f"train anew with a lower rate than {self.plan.rate:g}",
                step=self.step,
            )
        return loss, sum(batch.tokens.size for batch in batches)

    def _rows(self, step: int) -> list[list[int]]:
        """The rows of a step: epochs one after the other, each in an order of its own."""
        found = []
        for index in range(step * self.plan.rows, (step + 1) * self.plan.rows):
            epoch, at = divmod(index, len(self._of_epoch(0)))
            rows = self._of_epoch(epoch)
            found.append(rows[at % len(rows)])
        return found

    def _of_epoch(self, epoch: int) -> list[list[int]]:
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._data.rows(self.plan.seed, epoch))
        return self._epoch[1]

    def _validate(self) -> float:
        assert self._check is not None
        total, count = 0.0, 0
        rows = self._check.rows(0, 0)
        for at in range(0, len(rows), self.plan.micro_rows):
            batch = self._check.batch(rows[at : at + self.plan.micro_rows])
            total += self._engine.loss(batch) * batch.supervised
            count += batch.supervised
        return total / max(1, count)

    def _load(self, path: Path) -> None:
        try:
            with safe_open(path, "np") as saved:
                place: dict[str, int] = json.loads(saved.metadata()["place"])
                state: dict[str, np.ndarray] = {n: saved.get_tensor(n) for n in saved.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise StorageError(f"{path} is damaged: {error}") from None
        self.executor.load(state)
        self.step = place["step"]

    def _note(self, loss: float, rate: float, checked: float | None) -> None:
        line: dict[str, float] = {"step": self.step, "loss": loss, "rate": rate}
        if checked is not None:
            line["validation"] = checked
        with (self.folder / "losses.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _trim_losses(self) -> None:
        """Forget lines of steps that are done again."""
        path = self.folder / "losses.jsonl"
        if path.exists():
            lines = path.read_text().splitlines()
            kept = [line for line in lines if json.loads(line)["step"] <= self.step]
            path.write_text("".join(line + "\n" for line in kept))
