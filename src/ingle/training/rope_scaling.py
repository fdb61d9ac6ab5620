"""How a base's rotary positions reach beyond the context that it was first trained for."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from ingle.errors import BadModelFile, CapabilityMissing
from ingle.models.gguf import Header
from ingle.training.families import Family

Kind = Literal["none", "linear", "yarn", "longrope"]
KINDS: tuple[Kind, ...] = ("none", "linear", "yarn", "longrope")


class RopeScaling(NamedTuple):
    """As a file says it. Llama 3's is not here: it is a tensor of factors."""

    kind: Kind = "none"
    factor: float = 1.0
    """Positions are divided by it: all of them, or with ``yarn`` those of slow turns."""
    magnitude: float = 1.0
    """What rotated queries and keys are multiplied by."""
    original: int = 0
    """The context before."""
    beta_fast: float = 32.0
    """YaRN: numbers that turn so often within ``original`` stay as they are."""
    beta_slow: float = 1.0
    """YaRN: those that turn no more often than this are scaled as a whole."""
    steps: bool = False
    """Queries grow from one ``original`` to the next (Llama 4), and are as they are in the
    first."""

    @classmethod
    def of(cls, header: Header, name: str, family: Family, context: int) -> RopeScaling:
        """Read it from a header, as the engine does.

        Raises:
            CapabilityMissing: a kind that is not known.
            BadModelFile: one of its numbers is none.
        """
        kind = header.metadata.get(f"{name}.rope.scaling.type", "linear")
        known = next((k for k in KINDS if k == kind), None)
        if known is None:
            raise CapabilityMissing(
                f"RoPE scaling of type {kind!r} cannot be trained; {', '.join(KINDS)} and "
                "Llama 3's can",
                hint="train another base, such as ember, which is always here",
                capability="train",
            )

        def number(key: str, otherwise: float) -> float:
            value = header.metadata.get(f"{name}.{key}", otherwise)
            if not isinstance(value, (int, float)):
                raise BadModelFile(f"{name}.{key} is not a number")
            return float(value)

        factor = number("rope.scaling.factor", number("rope.scale_linear", 1.0)) or 1.0
        scaling = cls(
            kind=known,
            factor=1.0 if known == "none" else factor,
            magnitude=number("rope.scaling.attn_factor", 1.0),
            original=int(number("rope.scaling.original_context_length", context)),
            steps=family.yarn_tuned and number("attention.temperature_scale", 0.0) != 0.0,
        )
        if known != "yarn":
            return scaling
        mixed = number("rope.scaling.yarn_log_multiplier", 0.0) if family.yarn_tuned else 0.0
        scaling = scaling._replace(
            magnitude=scaling.magnitude * _magnitude(factor) / _magnitude(factor, mixed)
        )
        if not family.yarn_tuned:
            return scaling
        return scaling._replace(
            beta_fast=number("rope.scaling.yarn_beta_fast", scaling.beta_fast),
            beta_slow=number("rope.scaling.yarn_beta_slow", scaling.beta_slow),
        )

    def limit(self, context: int) -> int:
        """Tokens of a row for which the numbers are those of the file's first context, where
        others hold beyond it."""
        return min(context, self.original) if self.kind == "longrope" or self.steps else context


def _magnitude(factor: float, weight: float = 1.0) -> float:
    """YaRN (Peng et al. 2023), equation 22: what attention is sharpened by."""
    return 1.0 if factor <= 1.0 else 0.1 * weight * math.log(factor) + 1.0
