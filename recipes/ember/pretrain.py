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
from torch import Tensor

from . import compute, mixture, model, optimizer, parallel
from .mixture import device
from .scale import Scale

CHECKPOINT_SECONDS = 60
TOGETHER = 20  # steps after which the processes agree on the time


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
        self.started = self.asked = time.monotonic()
        self.seconds = max(1e-3, self.end - self.started)
        self.known, self.per_step, self.step = 0.0, 0.0, -1

    def __call__(self, step: int) -> float:
        if math.isinf(self.end):
            return step / self.steps
        if self.step < 0:
            self.step = step
        if step % TOGETHER == 0 and step > self.step:
            now = time.monotonic()
            per_step = (now - self.asked) / (step - self.step) / self.seconds
            known = (now - self.started) / self.seconds
            known, per_step = parallel.agreed([known, per_step], self.place)
            self.known, self.per_step, self.step, self.asked = known, per_step, step, now
        return max(step / self.steps, self.known + (step - self.step) * self.per_step)


def warmed(
    network: Callable[..., Tensor], place: torch.device, shapes: set[tuple[int, int]]
) -> None:
    """Compile for micro-batches of these rows and lengths, while the data may still be made."""
    for rows, length in sorted(shapes):
        zeros = torch.zeros(
            (rows, length + 1), dtype=torch.long, device=place
        )  # as batches are cut
        with torch.autocast(place.type, torch.bfloat16):
            network(zeros[:, :-1], zeros[:, 1:]).backward()  # type: ignore[no-untyped-call]


def train(
    network: model.Qwen3,
    folder: Path,
    stage: str,
    steps: int,
    scale: Scale,
    *,
    length: int,
    rows: tuple[int, int],
    schedule: Callable[[float], float] = optimizer.schedule,
    minutes: float = math.inf,
    within: float = math.inf,
) -> bool:
    """Train to `steps` of so many rows of documents and of conversations, or until the minutes are
    over (False; call again to go on).

    `within` so many minutes the schedule comes to its end, whatever the step.
    """
    started = time.monotonic()
    torch.set_flush_denormal(True)  # on a CPU they cost a hundredfold
    place = device()
    network.to(place)
    optimise = optimizer.Optimizer(network, scale)
    step, checkpoint = 0, folder / f"{stage}.ckpt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True, map_location=place)
        network.load_state_dict(saved["network"])
        optimise.load_state_dict(saved["optimizer"])
        step = saved["step"]
        print(f"resumed at step {step} of {steps}")
    before = step
    progress = Progress(steps, within, place)
    if progress(step) >= 1:
        return True
    compiled = torch.compile(network, dynamic=False) if place.type == "cuda" else network
    if place.type == "cuda":
        own = mixture.micro_rows(scale, length, rows) // parallel.world()
        warmed(compiled, place, {(own, length)})
        network.zero_grad(set_to_none=True)
        print(f"{stage}: compiled after {time.monotonic() - started:.0f} s", flush=True)
    batch = mixture.batches(scale, folder, stage, length, rows)

    def write_checkpoint() -> None:
        if parallel.rank() > 0:
            return
        state = {"network": network.state_dict(), "optimizer": optimise.state_dict(), "step": step}
        torch.save(state, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)

    def note() -> None:
        if parallel.rank() == 0:
            compute.note(
                folder, stage, tokens=(step - before) * sum(rows) * length,
                seconds=time.monotonic() - started, devices=parallel.devices(place),
            )  # fmt: skip

    written = time.monotonic()
    seen, since, running = 0, time.monotonic(), torch.zeros((), device=place)
    parallel.wait()
    progress.begin()
    print(f"{stage}: first step after {time.monotonic() - started:.0f} s", flush=True)
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
        if step % TOGETHER == 0:
            parallel.same(network.parameters())
            if (
                not math.isinf(minutes)
                and parallel.agreed([now - started], place)[0] > minutes * 60
            ):
                write_checkpoint()
                note()
                return False
        if now - written > CHECKPOINT_SECONDS:
            write_checkpoint()
            written = now
    parallel.wait()
    note()
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
    """Write pretrained.pt, from nothing or from the weights that the run began with."""
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    begun = folder / "begun.pt"
    network = model.load(begun) if begun.exists() else model.Qwen3(model.Config.of(scale))
    print(f"pretrain: {sum(p.numel() for p in network.parameters()) / 1e6:.1f} M parameters")
    rows = scale.pretrain_rows
    steps = max(1, scale.pretrain_tokens // (sum(rows) * scale.sequence))
    if not train(
        network, folder, "pretrain", steps, scale, length=scale.sequence, rows=rows,
        schedule=optimizer.held, minutes=minutes, within=within,
    ):  # fmt: skip
        return False
    model.finish(network, folder / "pretrained.pt", folder / "pretrain.ckpt")
    loss = held_out_loss(network, np.load(folder / "documents-validation.npy"), scale)
    print(f"pretrain: validation loss {loss:.4f} nats/token")
    return True
