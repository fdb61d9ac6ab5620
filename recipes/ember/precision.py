"""Stage precision (by name only): what the exported file loses against the weights in half
precision, measured where those are. The file is then all that has to travel.

The evaluate stage compares the files of other precisions with each other, through llama.cpp.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from numpy.typing import NDArray

from . import begin, model
from .intervals import bootstrap
from .loop import device
from .scale import Scale

Predicted = NDArray[np.float64]  # log-probabilities of every token at every place of a text
TOKENS = 384  # of each text
TEXTS = 24


def log_softmax(logits: NDArray[np.float32]) -> Predicted:
    return torch.from_numpy(logits).double().log_softmax(-1).numpy()


def divergence(reference: Iterable[Predicted], others: Iterable[Predicted]) -> dict[str, Any]:
    """KL(reference || other) in nats a token, its interval, the share of equal first choices."""
    parts, sizes, same = [], [], 0
    for ours, theirs in zip(reference, others, strict=True):
        parts.append(float((np.exp(ours) * (ours - theirs)).sum()))
        sizes.append(float(len(ours)))
        same += int((ours.argmax(1) == theirs.argmax(1)).sum())
    kl = sum(parts) / sum(sizes)
    return {"kl": kl, "interval": bootstrap(parts, sizes), "same_first": same / sum(sizes)}


def served_predictions(file: Path, texts: list[str], threads: int = 2) -> list[Predicted]:
    from ingle.engines.llama.library import LlamaContext  # the C interface that ingle scores with

    weights = LlamaContext(str(file), context=TOKENS, batch=TOKENS, threads=threads)
    try:
        found = []
        for text in texts:
            weights.start()
            logits = weights.logits(weights.tokenize(text)[:TOKENS])
            found.append(log_softmax(np.array(logits, np.float32)))
        return found
    finally:
        weights.close()


def compared(reference: Path, files: dict[str, Path], texts: list[str]) -> dict[str, Any]:
    """The divergence of each file from the reference, and its bytes."""
    right = served_predictions(reference, texts)
    return {
        name: {**divergence(right, served_predictions(file, texts)), "bytes": file.stat().st_size}
        for name, file in files.items()
    }


def predictions(network: model.Qwen3, rows: list[NDArray[np.int64]]) -> Iterator[Predicted]:
    network.to(device())
    for row in rows:
        with torch.no_grad():
            hidden = network.hidden(torch.from_numpy(row)[None].to(device()))
            logits = torch.nn.functional.linear(hidden, network.token_embd.weight)[0]
        yield log_softmax(logits.float().cpu().numpy())


def run(scale: Scale, folder: Path) -> None:
    """Write precision.json."""
    rewarded = folder / "rewarded.pt"
    ours = model.load(rewarded if rewarded.exists() else folder / "instructed.pt")
    theirs = begin.network_of(gguf.GGUFReader(folder / "ember.gguf"))
    stream = np.load(folder / "documents-validation.npy").astype(np.int64)
    length = min(TOKENS, len(stream))
    starts = np.linspace(0, len(stream) - length, TEXTS).astype(int)
    rows = [stream[start : start + length] for start in starts]
    found = divergence(predictions(ours, rows), predictions(theirs, rows))
    (folder / "precision.json").write_text(json.dumps(found), encoding="utf-8")
    print(f"precision: {found}")
