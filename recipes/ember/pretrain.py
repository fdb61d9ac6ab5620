"""Stage 5, pretrain: next-token prediction on the documentation, with some tasks among it.

`train` is the loop of both this stage and the next: batches in, a checkpoint every so often, and
where it left off when it starts again.
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

from . import model, optimizer
from .scale import Scale

Batch = tuple[Tensor, Tensor]
CHECKPOINT_SECONDS = 120


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def windows(tokens: NDArray[np.uint16], scale: Scale, seed: int) -> Callable[[int], Batch]:
    """Batch number `step`: every window of an epoch once, in an order that the seed fixes."""
    stream = torch.from_numpy(tokens.astype(np.int32)).to(device())
    length = min(scale.sequence, len(tokens) // 2 - 1)
    count = (len(tokens) - 1) // length - 1
    offsets = torch.arange(length + 1, device=stream.device)

    def batch(step: int) -> Batch:
        starts = []
        for index in range(step * scale.batch, (step + 1) * scale.batch):
            epoch, place = divmod(index, count)
            if epoch not in orders:
                rng = np.random.default_rng((seed, epoch))
                orders[epoch] = (rng.permutation(count), int(rng.integers(length)))
            order, shift = orders[epoch]
            starts.append(int(order[place]) * length + shift)
        rows = stream[torch.tensor(starts, device=stream.device)[:, None] + offsets].long()
        return rows[:, :-1], rows[:, 1:]

    orders: dict[int, tuple[NDArray[np.int64], int]] = {}
    return batch


def train(
    network: model.Qwen3,
    batch: Callable[[int], Batch],
    steps: int,
    scale: Scale,
    checkpoint: Path,
    *,
    rate: float = 1.0,
    minutes: float = math.inf,
    micro_batch: int | None = None,
) -> bool:
    """Train to `steps`, or until the minutes are over (False; call again to go on)."""
    started = time.monotonic()
    torch.set_flush_denormal(True)  # on a CPU they cost a hundredfold
    place = device()
    network.to(place)
    optimise = optimizer.Optimizer(network, scale, rate)
    step = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True, map_location=place)
        network.load_state_dict(saved["network"])
        optimise.load_state_dict(saved["optimizer"])
        step = saved["step"]
        print(f"resumed at step {step} of {steps}")
    compiled = torch.compile(network) if place.type == "cuda" else network
    micro = micro_batch or scale.micro_batch

    def write_checkpoint() -> None:
        state = {"network": network.state_dict(), "optimizer": optimise.state_dict(), "step": step}
        torch.save(state, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)

    written = time.monotonic()
    seen, since, running = 0, time.monotonic(), torch.zeros((), device=place)
    while step < steps:
        inputs, labels = batch(step)
        parts = math.ceil(len(inputs) / micro)
        for i in range(parts):
            rows = slice(i * micro, (i + 1) * micro)
            with torch.autocast(place.type, torch.bfloat16, enabled=place.type == "cuda"):
                loss = compiled(inputs[rows], labels[rows]) / parts
            loss.backward()
            running += loss.detach()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimise.step(optimizer.schedule(step / steps))
        step += 1
        seen += inputs.numel()
        now = time.monotonic()
        if step % 50 == 0 or step == steps:
            mean, speed = running.item() / (step % 50 or 50), seen / (time.monotonic() - since)
            print(f"step {step}/{steps} loss {mean:.4f} {speed:,.0f} tokens/s", flush=True)
            seen, since, running = 0, time.monotonic(), torch.zeros((), device=place)
        if now - started > minutes * 60:
            write_checkpoint()
            return False
        if now - written > CHECKPOINT_SECONDS:
            write_checkpoint()
            written = now
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


def run(scale: Scale, folder: Path, minutes: float = math.inf) -> bool:
    """Write pretrained.pt."""
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    network = model.Qwen3(model.Config.of(scale))
    print(f"pretrain: {sum(p.numel() for p in network.parameters()) / 1e6:.1f} M parameters")
    tokens = np.load(folder / "documents-train.npy")
    steps = max(1, scale.pretrain_tokens // (scale.batch * scale.sequence))
    batches = windows(tokens, scale, seed=0)
    if not train(network, batches, steps, scale, folder / "pretrain.ckpt", minutes=minutes):
        return False
    model.save(network, folder / "pretrained.pt")
    loss = held_out_loss(network, np.load(folder / "documents-validation.npy"), scale)
    print(f"pretrain: validation loss {loss:.4f} nats/token")
    return True
