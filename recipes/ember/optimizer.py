"""Muon for the matrices, AdamW for embeddings and norms, one schedule for both.

Muon (Jordan et al., 2024) replaces a matrix's momentum by its nearest orthogonal matrix, found
with five Newton-Schulz steps. Matrices of one shape are stacked and orthogonalised together.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn

from .scale import Scale


def orthogonal(stack: Tensor) -> Tensor:
    """The quintic Newton-Schulz iteration, on a stack of matrices."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x: Tensor = stack.bfloat16() if stack.is_cuda else stack.float()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Optimizer:
    def __init__(self, model: nn.Module, scale: Scale, rate: float = 1.0) -> None:
        matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "token_embd" not in n]
        others = [p for n, p in model.named_parameters() if p.ndim != 2 or "token_embd" in n]
        self.adam = torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0)
        self.adam_rate = scale.adam_rate * rate
        self.muon_rate = scale.muon_rate * rate
        self.by_shape: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
        for matrix in matrices:
            self.by_shape[tuple(matrix.shape)].append(matrix)
        self.momentum = {
            shape: torch.zeros(len(group), *shape, device=group[0].device)
            for shape, group in self.by_shape.items()
        }

    @torch.no_grad()
    def step(self, factor: float, momentum: float = 0.95, decay: float = 0.05) -> None:
        for settings in self.adam.param_groups:
            settings["lr"] = self.adam_rate * factor
        self.adam.step()
        rate = self.muon_rate * factor
        for shape, group in self.by_shape.items():
            gradient = torch.stack([p.grad for p in group if p.grad is not None])
            buffer = self.momentum[shape].lerp_(gradient, 1 - momentum)
            update = orthogonal(gradient.lerp(buffer, momentum))
            update = update * max(1.0, shape[0] / shape[1]) ** 0.5
            for parameter, change in zip(group, update, strict=True):
                parameter.mul_(1 - rate * decay)
                parameter.add_(change.to(parameter.dtype), alpha=-rate)
                parameter.grad = None
        self.adam.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        return {"adam": self.adam.state_dict(), "momentum": self.momentum}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.adam.load_state_dict(state["adam"])
        for shape, buffer in state["momentum"].items():
            self.momentum[shape].copy_(buffer)


def schedule(progress: float, warmup: float = 0.02, decay: float = 0.5) -> float:
    """Factor on the rates: warm up, hold, then fall linearly to nothing."""
    return min(1.0, (progress + 1e-3) / warmup, (1.0 - progress) / decay)


def held(progress: float) -> float:
    """Warm up and hold: for a stage that another one ends."""
    return min(1.0, (progress + 1e-3) / 0.02)


def falling(progress: float) -> float:
    """The end of a schedule: from the held rate to nothing, after a short warm-up."""
    return min(1.0 - progress, (progress + 1e-3) / 0.02)
