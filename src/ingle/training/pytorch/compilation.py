"""torch's compiler, as training uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

VARIANTS = 64
"""Of one function. Beyond torch's own eight it would quietly compute without the compiler, and a
base of a few tensor types, each in two precisions, needs more."""


def compiled(function: Callable[..., Any], *, dynamic: bool = False) -> Callable[..., Any]:
    """The function, compiled when it is first called and for each kind of argument.

    Args:
        dynamic: one variant serves all sizes.
    """
    import torch._dynamo

    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, VARIANTS)
    return torch.compile(function, dynamic=dynamic)
