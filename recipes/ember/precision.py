"""Stage precision (by name only): what the exported file loses against the weights in half
precision, measured where those are. The file is then all that has to travel."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from torch import Tensor

from . import begin, model
from .intervals import bootstrap
from .mixture import device
from .scale import Scale

TOKENS = 384  # of each text
TEXTS = 24


@torch.no_grad()
def likely(network: model.Qwen3, tokens: Tensor) -> Tensor:
    logits = torch.nn.functional.linear(network.hidden(tokens), network.token_embd.weight)
    return torch.log_softmax(logits.float(), -1)


def run(scale: Scale, folder: Path) -> None:
    """Write precision.json: KL in nats a token, its interval, the share of equal first choices."""
    rewarded = folder / "rewarded.pt"
    place = device()
    ours = model.load(rewarded if rewarded.exists() else folder / "instructed.pt").to(place)
    theirs = begin.network_of(gguf.GGUFReader(folder / "ember.gguf")).to(place)
    stream = np.load(folder / "documents-validation.npy").astype(np.int64)
    length = min(TOKENS, len(stream))
    starts = np.linspace(0, len(stream) - length, TEXTS).astype(int)
    divergence, sizes, same = [], [], 0
    for start in starts:
        tokens = torch.from_numpy(stream[start : start + length])[None].to(place)
        left, right = likely(ours, tokens)[0], likely(theirs, tokens)[0]
        divergence.append(float((left.exp() * (left - right)).sum()))
        sizes.append(float(length))
        same += int((left.argmax(1) == right.argmax(1)).sum())
    found = {
        "kl": sum(divergence) / sum(sizes),
        "interval": bootstrap(divergence, sizes),
        "same_first": same / sum(sizes),
    }
    (folder / "precision.json").write_text(json.dumps(found), encoding="utf-8")
    print(f"precision: {found}")
