"""`ProgressCallback`: tells what each step did, saves now and then, and stops when asked."""

from __future__ import annotations

import json
import math
import signal
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from ingle.errors import TrainingFailed
from ingle.training.trl.inside.channel import Channel
from ingle.training.trl.trl_job import DONE, STOP, TrlJob

SAVE_EVERY_S = 30.0
SAVE_SHARE = 0.05
"""Of the time, saving may take at most so much: a large model is saved more seldom."""


class ProgressCallback(TrainerCallback):
    """What a trainer does after each step. All processes stop, and save, after the same one.

    Args:
        leads: this process speaks for those of its node.
    """

    def __init__(self, job: TrlJob, channel: Channel, *, leads: bool) -> None:
        self._job, self._channel, self._leads = job, channel, leads
        self._stop = Path(job.folder) / STOP
        self._pending: dict[str, Any] = {}
        self._began = self._worked = self._saved = time.monotonic()
        self._saving = 0.0
        """How long the last time took."""
        self._tokens = 0
        self._terminated = False
        self.stopped = False
        """It was asked to stop before its end."""
        signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, *_: object) -> None:
        self._terminated = True

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Say how many steps there are."""
        self._began = self._saved = time.monotonic()
        self._tokens = int(state.num_input_tokens_seen or 0)
        if self._leads:
            self._channel.tell("begun", step=state.global_step, steps=state.max_steps)

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """The clock of a step."""
        self._flush()
        self._began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop or save, if any process wants to."""
        wishes = torch.tensor(
            [
                float(self._terminated or self._stop.exists()),
                float(self._leads and self._save_is_due(state.global_step)),
            ]
        )
        stop, save = _largest(wishes, args.device)
        last = state.global_step >= state.max_steps
        if last and args.eval_strategy != "no":
            control.should_evaluate = control.should_save = True
        elif stop:
            self.stopped = control.should_training_stop = True
            control.should_evaluate = False
        if stop or save:
            control.should_save = True
        self._worked = time.monotonic()

    def _save_is_due(self, step: int) -> bool:
        if self._job.save_every:
            return step % self._job.save_every == 0
        due = max(SAVE_EVERY_S, self._saving / SAVE_SHARE)
        return time.monotonic() - self._saved > due

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """A step's numbers; those of a check come after them."""
        if not logs or "loss" not in logs:
            return
        loss, norm = float(logs["loss"]), float(logs.get("grad_norm", 0.0))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingFailed(
                f"the loss of step {state.global_step} is not a number; "
                "what was saved before is as it was",
                hint=f"train again with a lower --learning-rate than {self._job.learning_rate:g}",
                step=state.global_step - 1,
            )
        total = int(logs.get("num_tokens", 0))
        tokens, self._tokens = max(0, total - self._tokens), total
        self._pending = {
            "step": state.global_step, "steps": state.max_steps, "loss": loss,
            "learning_rate": float(logs.get("learning_rate", 0.0)), "tokens": tokens,
            "seconds": time.monotonic() - self._began,
        }  # fmt: skip
        if "reward" in logs:
            self._pending["reward"] = float(logs["reward"])
        if not control.should_evaluate:
            self._flush()

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any
    ) -> None:
        """What a check found."""
        if self._job.method == "grpo":
            self._pending["validation"] = -float(metrics["eval_reward"])
        else:
            self._pending["validation"] = float(metrics["eval_loss"])
        self._flush()
        self._worked = time.monotonic()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint as whole."""
        self._saved = time.monotonic()
        self._saving = self._saved - self._worked
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if folder.is_dir() and args.should_save:
            write_place(folder, state.global_step)

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """The last step's numbers."""
        self._flush()

    def _flush(self) -> None:
        pending, self._pending = self._pending, {}
        if pending.get("step") and self._leads:
            self._channel.tell("step", **pending)


def write_place(folder: Path, step: int) -> None:
    """Say that a folder is whole, and of which step it is."""
    part = folder / f"{DONE}.part"
    part.write_text(json.dumps({"step": step}))
    part.replace(folder / DONE)


def _largest(numbers: Any, device: Any) -> list[float]:
    """Over all processes."""
    import torch.distributed as processes

    if processes.is_available() and processes.is_initialized():
        numbers = numbers.to(device)
        processes.all_reduce(numbers, op=processes.ReduceOp.MAX)
    found: list[float] = numbers.tolist()
    return found
