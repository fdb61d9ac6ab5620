"""Stage 5, pretrain: next-token prediction on documentation, with conversations beside it.

`train` is of both this stage and the next. The rate is held here; the instruct stage lets it fall.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from . import loop, mixture, model, optimizer, parallel
from .scale import Scale

EVERY = 50  # steps between two lines of the output


def train(
    network: model.Qwen3,
    scale: Scale,
    folder: Path,
    stage: str,
    *,
    tokens: int,
    length: int,
    rows: tuple[int, int],
    schedule: Callable[[float], float],
    minutes: float,
    within: float,
) -> bool:
    """Train on so many tokens, in steps of so many rows of documents and of conversations, and
    write STAGEed.pt; or until the minutes are over (False; call again to go on).

    `within` so many minutes the schedule comes to its end, whatever the step.
    """
    per_step = sum(rows) * length
    steps = max(1, tokens // per_step)
    run = loop.Loop(
        stage, network, scale, folder, steps=steps, minutes=minutes, within=within, tokens=per_step
    )
    cuda = run.place.type == "cuda"
    compiled = torch.compile(network, dynamic=False) if cuda else network
    if cuda and run.step < steps:  # compile while the data may still be made
        own = mixture.micro_rows(scale, length, rows) // parallel.world()
        zeros = torch.zeros((own, length + 1), dtype=torch.long, device=run.place)
        with torch.autocast("cuda", torch.bfloat16):
            compiled(zeros[:, :-1], zeros[:, 1:]).backward()
        network.zero_grad(set_to_none=True)
    batch = mixture.batches(scale, folder, stage, length, rows)
    seen, since, running = 0, time.monotonic(), torch.zeros((), device=run.place)
    for part in run.each():
        parts = batch(run.step)
        for inputs, labels in parts:
            with torch.autocast(run.place.type, torch.bfloat16, enabled=cuda):
                loss = compiled(inputs, labels)
            (loss / len(parts)).backward()
            running += loss.detach() / len(parts)
            seen += inputs.numel()
        run.update(schedule(part))
        step = run.step + 1
        if step % EVERY == 0 or step == steps:
            mean = running.item() / (step % EVERY or EVERY)
            speed = seen * parallel.world() / (time.monotonic() - since)
            print(f"step {step}/{steps} loss {mean:.4f} {speed:,.0f} tokens/s", flush=True)
            seen, since, running = 0, time.monotonic(), torch.zeros((), device=run.place)
    if run.in_time:
        model.finish(network, folder / f"{stage}ed.pt", run.checkpoint)
        loss = held_out_loss(network, np.load(folder / "documents-validation.npy"), scale)
        print(f"{stage}: validation loss of documents {loss:.4f} nats/token")
    return run.in_time


@torch.no_grad()
def held_out_loss(network: model.Qwen3, tokens: NDArray[np.uint16], scale: Scale) -> float:
    """Mean loss in nats per token over up to 400 windows."""
    place = loop.device()
    length = min(scale.sequence, len(tokens) - 1)
    losses = []
    for start in range(0, min(len(tokens) - length, 400 * length), length):
        rows = torch.from_numpy(tokens[start : start + length + 1].astype(np.int64)).to(place)[None]
        with torch.autocast(place.type, torch.bfloat16, enabled=place.type == "cuda"):
            losses.append(network(rows[:, :-1], rows[:, 1:]).item())
    return sum(losses) / max(1, len(losses))


def run(scale: Scale, folder: Path, minutes: float = math.inf, within: float = math.inf) -> bool:
    """Write pretrained.pt, from nothing or from the weights that the run began with."""
    loop.begin(seed=0)
    begun = folder / "begun.pt"
    network = model.load(begun) if begun.exists() else model.Qwen3(model.Config.of(scale))
    print(f"pretrain: {sum(p.numel() for p in network.parameters()) / 1e6:.1f} M parameters")
    return train(
        network, scale, folder, "pretrain", tokens=scale.pretrain_tokens, length=scale.sequence,
        rows=scale.pretrain_rows, schedule=optimizer.held, minutes=minutes, within=within,
    )  # fmt: skip
