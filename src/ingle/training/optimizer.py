"""AdamW (Loshchilov and Hutter 2019), with clipping by the norm of all gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class AdamW:
    """Updates parameters in place. Its state is plain tensors, saved by name.

    Args:
        decay: weight decay, decoupled from the gradient.
        clip: largest norm of all gradients together; 0: no limit.
    """

    def __init__(self, parameters: dict[str, Tensor], *, decay: float, clip: float) -> None:
        self._parameters = parameters
        self._decay = decay
        self._clip = clip
        self.steps = 0
        self.first = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.second = {name: torch.zeros_like(p) for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, gradients: dict[str, Tensor], rate: float) -> float:
        """One update; returns the norm of the gradients before clipping.

        A norm that is no number changes nothing: the caller decides what that means.
        """
        norm = math.sqrt(sum(float(g.float().square().sum()) for g in gradients.values()))
        if not math.isfinite(norm):
            return norm
        factor = min(1.0, self._clip / (norm + 1e-6)) if self._clip else 1.0
        self.steps += 1
        correction_1 = 1 - BETA_1**self.steps
        correction_2 = 1 - BETA_2**self.steps
        for name, parameter in self._parameters.items():
            gradient = gradients[name].float() * factor
            first, second = self.first[name], self.second[name]
            first.mul_(BETA_1).add_(gradient, alpha=1 - BETA_1)
            second.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
            parameter.mul_(1 - rate * self._decay)
            root = (second / correction_2).sqrt_().add_(EPSILON)
            parameter.addcdiv_(first, root, value=-rate / correction_1)
        return norm
