"""What sound is, to all that work on it: mono float32 samples, 16,000 in a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingle.errors import InvalidRequest

RATE = 16_000
"""Samples per second that recognisers and voice activity detection are made for."""
Samples = NDArray[np.float32]


def finite(samples: NDArray[Any], at: int = 0) -> Samples:
    """Samples as they may be worked on: within -1 and 1.

    Args:
        at: how many came before, for the message.

    Raises:
        InvalidRequest: one is not a finite number.
    """
    wrong = ~np.isfinite(samples)
    if wrong.any():
        second = (at + int(wrong.argmax())) / RATE
        raise InvalidRequest(
            f"sound: the sample at {second:.2f} s is not a finite number",
            hint="record or convert the file again",
            field="sound",
            second=round(second, 2),
        )
    bounded: Samples = np.clip(samples, -1.0, 1.0).astype(np.float32, copy=False)
    return bounded
