"""A run: training one adapter, from its first step to its files, over any number of kills.

Everything a run is lies in its folder::

    run.json              what was asked for, and what it is trained on
    train/, validation/   the tokens
    state.safetensors     adapter, optimiser and place, of one moment; replaced whole
    best-STEP.safetensors the adapter of the best validation loss
    losses.jsonl          a line for each step
    adapter.gguf, peft/   the result so far

Which rows a step sees and what dropout drops follow from the seed and the
step's number, so a run that continues after a kill is, number for number, the
run that was never killed.
"""

from __future__ import annotations

import functools
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ingle.capabilities.train import aliases
from ingle.errors import (
    DeviceLost,
    DiskFull,
    DoesNotFit,
    IngleError,
    InvalidRequest,
    RunNotFound,
    StorageError,
    TrainingFailed,
    WorkerDied,
)
from ingle.models.disk_room import check_room
from ingle.operations.encoded import UNREADABLE
from ingle.training import adapter_files, fitting, memory_plan, schedule, step_count
from ingle.training.devices import open_executor
from ingle.training.early_stopping import EarlyStopping
from ingle.training.executor import Numbers
from ingle.training.exhaustion import is_out_of_memory
from ingle.training.files import LOSSES, PLAN
from ingle.training.outcome import Outcome
from ingle.training.progress import LossCurve, StepProgress
from ingle.training.reinforcement import rewards
from ingle.training.reinforcement.rollouts import SamplingSettings
from ingle.training.reinforcement.sampler import slots
from ingle.training.run_plan import RunPlan
from ingle.training.step import Step
from ingle.training.step_batch import ExampleBatches, StepBatch, StepBatches, halves

MEETING = "meeting"
"""The file by which the processes of a run on several devices find each other."""
STATE_EVERY_S = 30.0


class Run:
    """One run. Made by `begin` or `resume`."""

    def __init__(self, folder: Path, plan: RunPlan) -> None:
        self.folder = folder
        self.plan = plan
        self.step = self._saved = 0
        self.stopping = False
        """Set it from a signal handler: the run saves after the current step, and ends."""
        self.shape = fitting.shape_of(plan)
        self.executor, self.way = open_executor(
            Path(plan.base), self.shape, device=plan.devices[0], dtype=plan.dtype, seed=plan.seed,
            rows=plan.micro_batch_size, sequence=plan.max_length, weight_decay=plan.weight_decay,
            max_grad_norm=plan.max_grad_norm,
            sharing=plan.devices.count(plan.devices[0]),
            eight_bit=plan.eight_bit,
        )  # fmt: skip
        fitting.check_sequence(plan, self.executor.architecture)
        self._engine = self._find_engine()
        self.step_batches = self._find_step_batches()
        self._curve = LossCurve(folder / LOSSES)
        self.watch = EarlyStopping()
        self._before: float | None = None
        self._checked: float | None = None
        self.micro_batch_size = min(plan.micro_batch_size, plan.batch_size)
        """Rows that are worked on at once; halved when memory does not suffice."""

    @classmethod
    def resume(cls, folder: Path) -> Run:
        """Continue where the run's last saved moment was; from the beginning if there is none.

        Raises:
            RunNotFound: no run is there.
            StorageError: what is there is damaged.
        """
        run = cls(folder, cls.plan_of(folder))
        state = folder / "state.safetensors"
        if state.exists():
            run._load(state)
        return run

    @staticmethod
    def plan_of(folder: Path) -> RunPlan:
        """What was asked of the run in a folder. Raises as `resume`."""
        try:
            fields = msgspec.json.decode((folder / PLAN).read_bytes(), type=dict[str, Any])
            return msgspec.convert(aliases.current(fields), RunPlan)
        except FileNotFoundError:
            raise RunNotFound(f"there is no run {folder.name!r}", hint="ingle runs") from None
        except (*UNREADABLE, InvalidRequest) as error:
            raise StorageError(f"{folder / PLAN} is damaged: {error}") from None

    @functools.cached_property
    def steps(self) -> int:
        """How many steps it has in all."""
        if self.plan.max_steps:
            return self.plan.max_steps
        return self.step_batches.steps(self.plan.epochs)

    @property
    def finished(self) -> bool:
        """It has made its last step, or nothing got better for too long."""
        return self.step >= self.steps or self.watch.enough(self.plan.early_stopping_patience)

    def needs(self) -> memory_plan.MemoryPlan:
        """What it will take of memory."""
        return self.way.needs

    def summary(self) -> str:
        """As `Trainable.summary`."""
        begun = f", {self.step} of them done" if self.step else ""
        return (
            f"{self.steps} steps of {self.plan.sized}{begun}; about "
            f"{self.needs().total / 2**20:.0f} MiB of memory, on {self.plan.device}"
            + ("" if begun or self.plan.reward_funcs else step_count.remark(self.steps))
        )

    def outcome(self) -> str:
        """As `Trainable.outcome`."""
        if self._before is None or not self.step:
            return ""
        held_out = self.step_batches.checked
        after = self._checked if held_out else self.step_batches.loss(self.micro_batch_size)
        if held_out and self.plan.keep == "best":
            after = self.watch.best
        if after is None:
            return ""
        return Outcome(before=self._before, after=after, held_out=held_out).sentence()

    def check(self) -> None:
        """Raises DoesNotFit, DiskFull: as `Trainable.check`."""
        fitting.check_memory(self.plan, self.micro_batch_size)
        numbers = self.shape.numbers(self.executor.architecture)
        # A state is three times the adapter, and is written beside the one before; then
        # the best adapter and the next, and the result in two formats.
        needed = numbers * 4 * (3 * 2 + 2 + 2)
        check_room(
            self.folder, needed, "a run's states and adapters take up to",
            hint="make room (ingle prune), or the same command with a lower --lora-rank",
        )  # fmt: skip

    def train(self) -> Iterator[StepProgress]:
        """Train to the end, or until `stopping`; yields after each step. Saves by itself.

        Raises:
            TrainingFailed: the loss is not a number any more; the last good moment is saved.
            DiskFull: the state could not be saved; the one before is intact.
            DeviceLost: the device is gone; says which step is saved.
            WorkerDied: so is the process that trained on another device.
        """
        try:
            with self._engine.ready():
                yield from self._steps()
        except (DeviceLost, WorkerDied) as error:
            raise self.ended_by(error) from None

    @property
    def lost(self) -> Future[None]:
        """Gets the error if a process on another device dies, whatever this one waits for."""
        return self._engine.lost

    def ended_by(self, error: IngleError) -> IngleError:
        """An error that ends the run, with what is saved."""
        return type(error)(
            f"{error.message}; the run is saved at step {self._saved}",
            hint=f"ingle train --resume {self.plan.name}",
        )

    def _steps(self) -> Iterator[StepProgress]:
        saved = time.monotonic()
        steps = self.steps
        self._curve.begin(self.step)
        warmup_steps = schedule.warmup(
            steps, warmup_steps=self.plan.warmup_steps, warmup_ratio=self.plan.warmup_ratio
        )
        every = self.plan.eval_every or max(1, steps // 10)
        if not self.step:
            self._before = self.step_batches.loss(self.micro_batch_size)
        while not self.finished and not self.stopping:
            share = schedule.share(self.plan.lr_scheduler_type, self.step, steps, warmup_steps)
            rate = self.plan.learning_rate * share
            rows, began = self.micro_batch_size, time.monotonic()
            step_batch = self.step_batches.step_batch(self.step, rows)
            loss = self._one(step_batch, rate)
            took = time.monotonic() - began
            self.step += 1
            last = self.step == steps
            checked, better = None, False
            if self.step_batches.checked and (self.step % every == 0 or last):
                checked = self._checked = self.step_batches.check(self.micro_batch_size)
                better = self.watch.look(self.step, checked)
            progress = self._curve.add(
                step=self.step, steps=steps, loss=loss, learning_rate=rate,
                tokens=step_batch.tokens,
                seconds=took, validation=checked, reward=step_batch.reward,
                fewer_rows=self.micro_batch_size if self.micro_batch_size != rows else 0,
            )  # fmt: skip
            if better:
                self._save_best()
            if better or self.finished or self._save_is_due(saved):
                self.save()
                self._forget_old_bests()
                saved = time.monotonic()
            yield progress
        self.save()

    def _save_is_due(self, saved: float) -> bool:
        """Is it time for the state to be saved? By steps where they are given, else by the
        clock: how long steps take is not known before.

        Args:
            saved: when it was saved last.
        """
        if self.plan.save_every:
            return self.step % self.plan.save_every == 0
        return time.monotonic() - saved > STATE_EVERY_S

    def save(self) -> None:
        """Write the state of this moment, whole or not at all."""
        place = {"place": json.dumps(self._place())}
        self._write(self.folder / "state.safetensors", self.executor.state(), place)
        self._saved = self.step

    def _write(
        self, path: Path, arrays: Mapping[str, NDArray[Any]], metadata: dict[str, str]
    ) -> None:
        """Write arrays, whole or not at all."""
        part = path.with_suffix(".part")
        try:
            save_file(dict(arrays), part, metadata=metadata)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
        except (OSError, SafetensorError) as error:
            part.unlink(missing_ok=True)
            raise DiskFull(
                f"{self.plan.name} could not be saved: {error}; the state before is intact",
                hint=f"free disk space, then: ingle train --resume {self.plan.name}",
            ) from None

    def write_adapter(self) -> Path:
        """The adapter as files, of the moment that the plan wants kept; returns the GGUF one."""
        path = self.folder / "adapter.gguf"
        numbers, step = self._chosen()
        notes = self.plan.provenance(step, self._curve.shortened())
        architecture = self.executor.architecture
        template = self.plan.template
        adapter_files.write_gguf(path, numbers, self.shape, architecture, notes, template)
        peft = self.folder / "peft"
        if not self.shape.of_experts(architecture):  # which PEFT has no names for
            adapter_files.write_peft(
                peft, numbers, self.shape, architecture, self.plan.model, template
            )
        return path

    def _chosen(self) -> tuple[Numbers, int]:
        """The adapter that is kept, and its step."""
        best = self._best_path()
        if self.plan.keep == "last" or not self.watch.best_step or not best.exists():
            return self.executor.parameters(), self.step
        with safe_open(best, "np") as kept:
            return {name: kept.get_tensor(name) for name in kept.keys()}, self.watch.best_step  # noqa: SIM118

    def _best_path(self) -> Path:
        return self.folder / f"best-{self.watch.best_step}.safetensors"

    def _save_best(self) -> None:
        """Under the name of its step: until the next state is saved, the one before counts."""
        self._write(self._best_path(), self.executor.parameters(), {})

    def _forget_old_bests(self) -> None:
        for path in self.folder.glob("best-*.safetensors"):
            if path != self._best_path():
                path.unlink()

    def _place(self) -> dict[str, Any]:
        """Where it is, beside the tensors."""
        return {
            "step": self.step,
            "micro_batch_size": self.micro_batch_size,
            "watch": msgspec.to_builtins(self.watch),
            "before": self._before,
            "checked": self._checked,
        }

    def _take_place(self, place: dict[str, Any]) -> None:
        self.step = self._saved = place["step"]
        self.micro_batch_size = aliases.current(place)["micro_batch_size"]
        self.watch = msgspec.convert(place["watch"], EarlyStopping)
        self._before, self._checked = place.get("before"), place.get("checked")

    def _find_engine(self) -> Step[Any]:
        """What makes the steps: this process, or several."""
        plan = self.plan
        if len(plan.devices) == 1:
            return Step(self.executor)
        from ingle.training.pytorch.replicas import ReplicatedStep

        return ReplicatedStep.of(self.executor, plan, self.folder / MEETING)

    def _find_step_batches(self) -> StepBatches:
        """What the steps learn from."""
        plan = self.plan
        if not plan.reward_funcs:
            return ExampleBatches(
                self.folder,
                self._engine,
                size=plan.batch_size,
                of_rows=plan.batch_of == "rows",
                sequence=plan.max_length,
                seed=plan.seed,
            )
        from ingle.training.reinforcement.rollout_batches import RolloutBatches

        settings = SamplingSettings(
            prompts=plan.batch_size, num_generations=plan.num_generations,
            temperature=plan.temperature, max_completion_length=plan.max_completion_length,
            slots=plan.slots or min(slots(), plan.batch_size * plan.num_generations),
        )  # fmt: skip
        return RolloutBatches(
            self.folder, Path(plan.base), self._write_policy,
            [rewards.parse(spec) for spec in plan.reward_funcs], settings,
            end=plan.end, context=plan.max_length, seed=plan.seed,
        )  # fmt: skip

    def _write_policy(self) -> Path:
        """The adapter as it is, for the engine that samples."""
        path = self.folder / "policy.gguf"
        numbers, architecture = self.executor.parameters(), self.executor.architecture
        adapter_files.write_gguf(path, numbers, self.shape, architecture, {})
        return path

    def _one(self, step_batch: StepBatch, rate: float) -> float:
        """One step: its mean loss. A batch without supervised tokens moves nothing."""
        if not step_batch.batches:
            return 0.0
        self._accumulate(step_batch)
        loss, norm = self._engine.update(rate)
        if not math.isfinite(norm):
            self.save()
            raise TrainingFailed(
                f"the loss of step {self.step + 1} is not a number; what was before is saved",
                hint=f"train again with a lower --learning-rate than {self.plan.learning_rate:g}",
                step=self.step,
            )
        return loss

    def _accumulate(self, step_batch: StepBatch) -> None:
        """Loss and gradients of a step, with fewer rows at once if memory runs out.

        Gradients are sums over rows, so in whatever portions, they are the same
        (but for what dropout drops).

        Raises:
            DoesNotFit: not even a single row fits; the last state is saved.
        """
        while True:
            try:
                return self._sum(step_batch)
            except (RuntimeError, MemoryError, DoesNotFit) as error:
                if not is_out_of_memory(error):
                    raise
                if self.micro_batch_size == 1:
                    self._engine.forget()
                    self.save()
                    raise DoesNotFit(
                        f"not even one row of {self.plan.max_length} tokens fits into memory "
                        f"any more; saved at step {self.step}",
                        hint=f"free memory, then: ingle train --resume {self.plan.name}; or "
                        f"train again with --max-length {self.plan.max_length // 2}",
                        device=self.plan.device,
                    ) from None
            # Only now is what the failed step held let go of.
            self.micro_batch_size //= 2
            self._engine.forget()
            step_batch = StepBatch(
                halves(step_batch.batches, self.micro_batch_size), step_batch.reward
            )

    def _sum(self, step_batch: StepBatch) -> None:
        first = (self.plan.seed * 1_000_003 + self.step) * 1009
        seeds = [first + number for number in range(len(step_batch.batches))]
        self._engine.add_up(step_batch.batches, seeds, 1 / max(1, step_batch.supervised))

    def _load(self, path: Path) -> None:
        try:
            with safe_open(path, "np") as saved:
                place = json.loads(saved.metadata()["place"])
                state: dict[str, NDArray[Any]] = {n: saved.get_tensor(n) for n in saved.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError) as error:
            raise StorageError(f"{path} is damaged: {error}") from None
        self.executor.load(state)
        self._take_place(place)
