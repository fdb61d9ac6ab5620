"""AdamW (Loshchilov and Hutter 2019), with clipping by the norm of all gradients."""

from __future__ import annotations

import torch
from torch import Tensor

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class AdamW:
    """Moves one flat tensor of parameters in place.

    Args:
        decay: weight decay, decoupled from the gradient.
        clip: largest norm of the gradient; 0: no limit.
    """

    def __init__(self, parameters: Tensor, *, decay: float, clip: float) -> None:
        self._parameters = parameters
        self._decay = decay
        self._clip = clip
        self.steps = 0
        self.first = torch.zeros_like(parameters)
        self.second = torch.zeros_like(parameters)

    @torch.no_grad()
    def update(self, gradient: Tensor, rate: float) -> float:
        """One update; returns the norm of the gradient before clipping.

        A norm that is no finite number changes nothing: the caller decides what that means.
        """
        norm = float(gradient.norm())
        if norm != norm or norm == float("inf"):
            return norm
        if self._clip and norm > self._clip:
            gradient = gradient * (self._clip / (norm + 1e-6))
        self.steps += 1
        correction_1 = 1 - BETA_1**self.steps
        correction_2 = 1 - BETA_2**self.steps
        self.first.mul_(BETA_1).add_(gradient, alpha=1 - BETA_1)
        self.second.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
        self._parameters.mul_(1 - rate * self._decay)
        root = (self.second / correction_2).sqrt_().add_(EPSILON)
        self._parameters.addcdiv_(self.first, root, value=-rate / correction_1)
        return norm
