"""Stage 7, embed: the first blocks of the pretrained trunk, taught to bring a query to its passage.

Mean pooling over all tokens; InfoNCE with the other passages of the batch as negatives, some of
them neighbours from the same page.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import encode, model, optimizer, pretrain
from .scale import Scale

TEMPERATURE = 0.04


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


def run(scale: Scale, folder: Path, minutes: float = math.inf) -> bool:
    """Write embedder.pt."""
    torch.manual_seed(2)
    started = time.monotonic()
    # Neighbours of one page follow each other, so a batch holds them together.
    place = pretrain.device()
    rows = torch.from_numpy(np.load(folder / "pairs.npy").astype(np.int32)).to(place)
    network = first_blocks(model.load(folder / "pretrained.pt"), scale.embed_layers)
    embedder = Embedder(network).to(place)
    compiled = torch.compile(embedder) if place.type == "cuda" else embedder
    optimise = optimizer.Optimizer(embedder, scale, rate=0.15)
    steps = min(scale.embed_steps, len(rows) // scale.embed_batch)
    own = torch.arange(scale.embed_batch, device=place)
    for step in range(steps):
        chosen = rows[step * scale.embed_batch : (step + 1) * scale.embed_batch]
        queries = chosen[:, : encode.QUERY_TOKENS].long(), chosen[:, -2]
        passages = chosen[:, encode.QUERY_TOKENS : -2].long(), chosen[:, -1]
        with torch.autocast(place.type, torch.bfloat16, enabled=place.type == "cuda"):
            q, p = compiled(*queries), compiled(*passages)
        similarity = q.float() @ p.float().T / TEMPERATURE
        loss = (F.cross_entropy(similarity, own) + F.cross_entropy(similarity.T, own)) / 2
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(embedder.parameters(), 1.0)
        optimise.step(optimizer.schedule(step / steps))
        if step % 50 == 0 or step == steps - 1:
            hit = (similarity.argmax(1) == own).float().mean().item()
            print(f"embed step {step}/{steps} loss {loss.item():.4f} first {hit:.3f}", flush=True)
        if time.monotonic() - started > minutes * 60:
            print("embed: out of time")
            break
    model.save(network, folder / "embedder.pt")
    return True


def similarities(queries: list[list[float]], passages: list[list[float]]) -> np.ndarray:
    q, p = np.array(queries, dtype=np.float32), np.array(passages, dtype=np.float32)
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    p /= np.linalg.norm(p, axis=1, keepdims=True)
    product: np.ndarray = q @ p.T
    return product
