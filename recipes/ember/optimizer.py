"""Muon (Jordan et al., 2024) for the matrices, AdamW for embeddings and norms, one schedule."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .scale import Scale


class Optimizer:
    def __init__(self, model: nn.Module, scale: Scale, rate: float = 1.0) -> None:
        named = list(model.named_parameters())
        matrices = [p for n, p in named if p.ndim == 2 and "token_embd" not in n]
        others = [p for n, p in named if p.ndim != 2 or "token_embd" in n]
        self.muon = torch.optim.Muon(matrices)
        self.adam = torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=0.0)
        self.rates = scale.muon_rate * rate, scale.adam_rate * rate

    def step(self, factor: float, decay: float = 0.05) -> None:
        """`decay` is of the matrices alone."""
        self.muon.param_groups[0]["weight_decay"] = decay
        for part, rate in zip((self.muon, self.adam), self.rates, strict=True):
            part.param_groups[0]["lr"] = rate * factor
            part.step()
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])


def schedule(progress: float, warmup: float = 0.02, decay: float = 0.5) -> float:
    """Factor on the rates: warm up, hold, then fall linearly to nothing."""
    return min(1.0, (progress + 1e-3) / warmup, (1.0 - progress) / decay)


def held(progress: float) -> float:
    """Warm up and hold: for a stage that another one ends."""
    return min(1.0, (progress + 1e-3) / 0.02)


def falling(progress: float) -> float:
    """The end of a schedule: from the held rate to nothing, after a short warm-up."""
    return min(1.0 - progress, (progress + 1e-3) / 0.02)
