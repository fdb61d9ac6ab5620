"""AdamW (Loshchilov and Hutter 2019), with clipping by the norm of all gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ingle.training.memory_plan import UNPACKED
from ingle.training.pytorch.moments import EightBitMoment, Moment, PlainMoment

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
PART = 2**24
"""Numbers that are moved together; with 8-bit moments `UNPACKED`, for they are unpacked then."""


class AdamW:
    """Moves one flat tensor of parameters in place.

    Args:
        weight_decay: decay of the weights, decoupled from the gradient.
        max_grad_norm: largest norm of the gradient; 0: no limit.
        eight_bit: keep the moments in 8 bits.
    """

    def __init__(
        self,
        parameters: Tensor,
        *,
        weight_decay: float,
        max_grad_norm: float,
        eight_bit: bool = False,
    ) -> None:
        self._parameters = parameters
        self._weight_decay = weight_decay
        self._max_grad_norm = max_grad_norm
        self._part = UNPACKED if eight_bit else PART
        self.steps = 0
        self._first: Moment
        self._second: Moment
        if eight_bit:
            self._first = EightBitMoment(parameters, signed=True)
            self._second = EightBitMoment(parameters, signed=False)
        else:
            self._first, self._second = PlainMoment(parameters), PlainMoment(parameters)

    def state(self) -> dict[str, Tensor]:
        """The moments' tensors; writing into them changes the moments."""
        return {
            f"{name}.{part}": tensor
            for name, moment in (("first", self._first), ("second", self._second))
            for part, tensor in moment.state().items()
        }

    @torch.no_grad()
    def update(self, gradient: Tensor, rate: float) -> float:
        """One update; returns the norm of the gradient before clipping.

        A norm that is not a finite number changes nothing: the caller decides what that means.
        """
        norm = float(gradient.norm())
        if not math.isfinite(norm):
            return norm
        factor = (
            self._max_grad_norm / (norm + 1e-6)
            if self._max_grad_norm and norm > self._max_grad_norm
            else 1.0
        )
        self.steps += 1
        for start in range(0, len(gradient), self._part):
            self._move(slice(start, min(start + self._part, len(gradient))), gradient, factor, rate)
        return norm

    def _move(self, part: slice, gradient: Tensor, factor: float, rate: float) -> None:
        slope = gradient[part] * factor
        first = self._first.read(part).lerp_(slope, 1 - BETA_1)
        second = self._second.read(part).mul_(BETA_2).addcmul_(slope, slope, value=1 - BETA_2)
        self._first.write(part, first)
        self._second.write(part, second)
        parameters = self._parameters[part].mul_(1 - rate * self._weight_decay)
        root = (second / (1 - BETA_2**self.steps)).sqrt_().add_(EPSILON)
        parameters.addcdiv_(first, root, value=-rate / (1 - BETA_1**self.steps))
