"""Stage 10, embed: the first blocks of pretraining's trunk, taught to bring queries to passages.

Mean pooling over all tokens; InfoNCE with the other passages of the batch as negatives, many of
them neighbours from the same page. In the second half each query also sees the best wrong passage
that the model itself, searching a good many pairs, has just found for it.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import compute, mixture, model, optimizer, pairing, parallel, pretrain
from .scale import Scale

TEMPERATURE = 0.03
RATE = 0.3  # of pretraining's learning rates
SEARCHED = 65_536  # pairs among which a wrong passage is looked for
TOO_GOOD = 0.95  # of the right passage's similarity: what is above may well be right too


class Embedder(torch.nn.Module):
    def __init__(self, trunk: model.Qwen3) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Causal attention makes padding on the right invisible to what is before it."""
        hidden = self.trunk.hidden(tokens).float()
        inside = torch.arange(tokens.shape[1], device=tokens.device)[None] < lengths[:, None]
        mean = (hidden * inside[:, :, None]).sum(1) / lengths[:, None]
        return F.normalize(mean, dim=-1)


def first_blocks(trunk: model.Qwen3, layers: int) -> model.Qwen3:
    config = model.Config(**{**vars(trunk.config), "layers": layers})
    shorter = model.Qwen3(config)
    wanted = set(shorter.state_dict())
    shorter.load_state_dict({n: t for n, t in trunk.state_dict().items() if n in wanted})
    return shorter


class Pairs:
    """The rows of the pairing stage, on the device."""

    def __init__(self, folder: Path, place: torch.device) -> None:
        rows = np.load(mixture.awaited(folder / "pairs.npy"))
        self.rows = torch.from_numpy(rows.view(np.int16)).to(place)
        self.keys = torch.from_numpy(np.load(folder / "pairs-keys.npy")).to(place)

    def queries(self, index: slice | Tensor) -> tuple[Tensor, Tensor]:
        rows = self.rows[index].long()
        return rows[:, : pairing.QUERY_TOKENS], rows[:, -2]

    def passages(self, index: slice | Tensor) -> tuple[Tensor, Tensor]:
        rows = self.rows[index].long()
        return rows[:, pairing.QUERY_TOKENS : -2], rows[:, -1]


def loss_of(q: Tensor, p: Tensor, keys: Tensor, wrong: Tensor | None, wrong_keys: Tensor) -> Tensor:
    """Cross-entropy of the right passage among the batch's, both ways, and the wrong ones."""
    own = torch.arange(len(q), device=q.device)
    same = (keys[:, None] == keys[None]) & ~torch.eye(len(q), dtype=torch.bool, device=q.device)
    scores = (q @ p.T / TEMPERATURE).masked_fill(same, -math.inf)
    wide = scores
    if wrong is not None:
        more = q @ wrong.T / TEMPERATURE
        wide = torch.cat([scores, more.masked_fill(keys[:, None] == wrong_keys, -math.inf)], 1)
    return (F.cross_entropy(wide, own) + F.cross_entropy(scores.T, own)) / 2


@torch.no_grad()
def mined(embedder: Embedder, pairs: Pairs, first: int, last: int) -> Tensor:
    """For each pair of a range the row whose passage is most like its query and is wrong."""
    place, size = pairs.rows.device, 1024
    found = []
    for start in range(first, last, SEARCHED):
        end = min(start + SEARCHED, last)
        vectors: list[tuple[Tensor, Tensor]] = []
        for i in range(start, end, size):
            index = slice(i, min(i + size, end))
            with torch.autocast(place.type, torch.bfloat16, enabled=place.type == "cuda"):
                vectors.append((embedder(*pairs.queries(index)), embedder(*pairs.passages(index))))
        queries, passages = (torch.cat(part) for part in zip(*vectors, strict=True))
        keys = pairs.keys[start:end]
        for i in range(0, len(queries), size):
            own = slice(i, min(i + size, len(queries)))
            scores = queries[own] @ passages.T
            right = (queries[own] * passages[own]).sum(1, keepdim=True)
            refused = (scores > TOO_GOOD * right) | (keys[own, None] == keys[None])
            found.append(scores.masked_fill(refused, -2.0).argmax(1) + start)
    return torch.cat(found)


def run(scale: Scale, folder: Path, minutes: float = math.inf, within: float = math.inf) -> bool:
    """Write embedder.pt."""
    torch.manual_seed(2)
    torch.set_float32_matmul_precision("high")
    torch.set_flush_denormal(True)
    started, place = time.monotonic(), mixture.device()
    progress = pretrain.Progress(scale.embed_steps, within, place)
    network = first_blocks(model.load(folder / "pretrained.pt"), scale.embed_layers)
    embedder = Embedder(network).to(place)
    optimise = optimizer.Optimizer(embedder, scale, RATE)
    step, first = 0, 0  # the step, and the next pair
    checkpoint = folder / "embed.ckpt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True, map_location=place)
        embedder.load_state_dict(saved["embedder"])
        optimise.load_state_dict(saved["optimizer"])
        step, first = saved["step"], saved["first"]
        print(f"resumed at step {step} of {scale.embed_steps}")
    before = step

    def note() -> None:
        seconds = time.monotonic() - started
        compute.note(
            folder, "embed", steps=step - before, seconds=seconds, devices=parallel.devices(place)
        )

    compiled = torch.compile(embedder, dynamic=False) if place.type == "cuda" else embedder
    pairs = Pairs(folder, place)
    progress.begin()
    wrong_of, searched = torch.zeros(0), range(0)  # rows of wrong passages for these pairs
    while (part := progress(step)) < 1:
        # A step of the second half has wrong passages beside the right ones, and half the pairs.
        size = scale.embed_batch if part < 0.5 else scale.embed_batch // 2
        size = min(size, len(pairs.rows))
        first = first if first + size <= len(pairs.rows) else 0
        index = slice(first, first + size)
        if part >= 0.5 and not (first in searched and first + size - 1 in searched):
            searched = range(first, min(first + SEARCHED, len(pairs.rows)))
            wrong_of = mined(embedder, pairs, searched.start, searched.stop)
        keys = pairs.keys[index]
        with torch.autocast(place.type, torch.bfloat16, enabled=place.type == "cuda"):
            q, p = compiled(*pairs.queries(index)), compiled(*pairs.passages(index))
            wrong, wrong_keys = None, keys
            if part >= 0.5:
                chosen = wrong_of[first - searched.start : first - searched.start + size]
                wrong, wrong_keys = compiled(*pairs.passages(chosen)), pairs.keys[chosen]
        loss = loss_of(q, p, keys, wrong, wrong_keys)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(embedder.parameters(), 1.0)
        optimise.step(optimizer.schedule(part))
        step, first = step + 1, first + size
        if step % 50 == 0:
            own = torch.arange(len(q), device=place)
            hit = ((q @ p.T).argmax(1) == own).float().mean().item()
            print(f"embed step {step} ({part:.0%}) loss {loss.item():.4f} first {hit:.3f} {time.monotonic() - started:.0f} s", flush=True)  # noqa: E501  # fmt: skip
        if time.monotonic() - started > minutes * 60:
            state = {"embedder": embedder.state_dict(), "optimizer": optimise.state_dict()}
            torch.save({**state, "step": step, "first": first}, checkpoint)
            note()
            return False
    print(f"embed: {step} steps")
    note()
    checkpoint.unlink(missing_ok=True)
    model.save(network, folder / "embedder.pt")
    return True
