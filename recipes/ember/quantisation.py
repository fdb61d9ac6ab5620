"""Quantisation: how far a file's predictions are from those of the weights in half precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .intervals import bootstrap

TOKENS = 384  # of each text


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    found: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return found


def predictions(file: Path, texts: list[str], threads: int = 2) -> list[NDArray[np.float64]]:
    """Log-probabilities of every token of the vocabulary at every place of the texts."""
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
    """KL(reference || file) in nats a token, its interval, equal first choices, and bytes."""
    right = predictions(reference, texts)
    found: dict[str, Any] = {}
    for name, file in files.items():
        divergence, sizes, same = [], [], 0
        for ours, theirs in zip(right, predictions(file, texts), strict=True):
            divergence.append(float((np.exp(ours) * (ours - theirs)).sum()))
            sizes.append(float(len(ours)))
            same += int((ours.argmax(1) == theirs.argmax(1)).sum())
        found[name] = {
            "kl": sum(divergence) / sum(sizes),
            "interval": bootstrap(divergence, sizes),
            "same_first": same / sum(sizes),
            "bytes": file.stat().st_size,
        }
    return found
