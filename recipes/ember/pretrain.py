"""Stage 5, pretrain: next-token prediction on documentation, with conversations beside it.

`train` is the loop of both this stage and the next: batches in, a checkpoint every so often, and
where it left off when it starts again. The rate is held here; the instruct stage lets it fall.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from . import mixture, model, optimizer, parallel
from .mixture import device
from .scale import Scale

CHECKPOINT_SECONDS = 120


class Progress:
    """How far a stage is, by its steps or, if it must end within a time, by the clock."""

    def __init__(self, steps: int, within: float, place: torch.device) -> None:
        self.steps, self.seconds, self.place = steps, within * 60, place
        self.started = self.asked = time.monotonic()
        self.known, self.per_step, self.step = 0.0, 0.0, 0

    def __call__(self, step: int) -> float:
        if math.isinf(self.seconds):
            return step / self.steps
        if step % 20 == 0 and step > self.step:
            now = time.monotonic()
            per_step = (now - self.asked) / (step - self.step) / self.seconds
            first = self.step == 0  # those steps have compiled, too
            known = (now - self.started) / self.seconds
            known, per_step = parallel.agreed([known, 0.0 if first else per_step], self.place)
            self.known, self.per_step, self.step, self.asked = known, per_step, step, now
        return max(step / self.steps, self.known + (step - self.step) * self.per_step)


def train(
    network: model.Qwen3,
    batch: Callable[[int], mixture.Batch],
    steps: int,
    scale: Scale,
    checkpoint: Path,
    *,
    schedule: Callable[[float], float] = optimizer.schedule,
    minutes: float = math.inf,
    within: float = math.inf,
) -> bool:
    """Train to `steps`, or until the minutes are over (False; call again to go on).

    `within` so many minutes the schedule comes to its end, whatever the step.
    """
    started = time.monotonic()
    torch.set_flush_denormal(True)  # on a CPU they cost a hundredfold
    place = device()
    network.to(place)
    optimise = optimizer.Optimizer(network, scale)
    step = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True, map_location=place)
        network.load_state_dict(saved["network"])
        optimise.load_state_dict(saved["optimizer"])
        step = saved["step"]
        print(f"resumed at step {step} of {steps}")
    compiled = torch.compile(network) if place.type == "cuda" else network

    def write_checkpoint() -> None:
        if parallel.rank() > 0:
            return
        state = {"network": network.state_dict(), "optimizer": optimise.state_dict(), "step": step}
        torch.save(state, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)

    written = time.monotonic()
    seen, since, running = 0, time.monotonic(), torch.zeros((), device=place)
    progress = Progress(steps, within, place)
    while progress(step) < 1:
        parts = batch(step)
        for inputs, labels in parts:
            with torch.autocast(place.type, torch.bfloat16, enabled=place.type == "cuda"):
                loss = compiled(inputs, labels)
            (loss / len(parts)).backward()
            running += loss.detach() / len(parts)
            seen += inputs.numel()
        parallel.average_gradients(network.parameters())
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimise.step(schedule(progress(step)))
        step += 1
        now = time.monotonic()
        if step % 50 == 0 or step == steps:
            mean, speed = (
                running.item() / (step % 50 or 50),
                seen * parallel.world() / (time.monotonic() - since),
            )
            print(f"step {step}/{steps} loss {mean:.4f} {speed:,.0f} tokens/s", flush=True)
            seen, since, running = 0, time.monotonic(), torch.zeros((), device=place)
        if now - started > minutes * 60:
            write_checkpoint()
            return False
        if now - written > CHECKPOINT_SECONDS:
            write_checkpoint()
            written = now
    parallel.wait()
    if parallel.rank() == 0:
        checkpoint.unlink(missing_ok=True)
    return True


@torch.no_grad()
def held_out_loss(network: model.Qwen3, tokens: NDArray[np.uint16], scale: Scale) -> float:
    """Mean loss in nats per token over up to 400 windows."""
    place = device()
    length = min(scale.sequence, len(tokens) - 1)
    total, count = 0.0, 0
    network.to(place)
    for start in range(0, min(len(tokens) - length, 400 * length), length):
        rows = torch.from_numpy(tokens[start : start + length + 1].astype(np.int64)).to(place)[None]
        with torch.autocast(place.type, torch.bfloat16, enabled=place.type == "cuda"):
            total += network(rows[:, :-1], rows[:, 1:]).item()
        count += 1
    return total / max(1, count)


def run(scale: Scale, folder: Path, minutes: float = math.inf, within: float = math.inf) -> bool:
    """Write pretrained.pt."""
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    network = model.Qwen3(model.Config.of(scale))
    print(f"pretrain: {sum(p.numel() for p in network.parameters()) / 1e6:.1f} M parameters")
    rows = scale.pretrain_rows
    steps = max(1, scale.pretrain_tokens // (sum(rows) * scale.sequence))
    batch = mixture.batches(scale, folder, "pretrain", scale.sequence, rows)
    checkpoint = folder / "pretrain.ckpt"
    if not train(
        network, batch, steps, scale, checkpoint,
        schedule=optimizer.held, minutes=minutes, within=within,
    ):  # fmt: skip
        return False
    if parallel.rank() == 0:
        model.save(network, folder / "pretrained.pt")
    loss = held_out_loss(network, np.load(folder / "documents-validation.npy"), scale)
    print(f"pretrain: validation loss {loss:.4f} nats/token")
    return True
