"""A batch: rows of tokens on the host, as every executor takes them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

IGNORE = -100
"""Label of a token that is not supervised."""


class Batch(NamedTuple):
    """Rows of tokens. All ``[rows, positions]``."""

    tokens: NDArray[np.int64]
    labels: NDArray[np.int64]
    """The token that should follow, or `IGNORE`."""
    positions: NDArray[np.int64]
    """Places for RoPE; they start again at each document of a packed row."""
    documents: NDArray[np.int64] | None = None
    """For packed rows: which document a token belongs to; tokens of different ones
    do not see each other. None: each row is one document."""
    advantages: NDArray[np.float32] | None = None
    """What each token's loss is multiplied by (reinforcement learning); None: 1."""

    @property
    def supervised(self) -> int:
        """Tokens that count."""
        return int((self.labels != IGNORE).sum())

    @property
    def filled(self) -> int:
        """Tokens that are not padding."""
        return self.tokens.size if self.documents is None else int((self.documents >= 0).sum())

    def part(self, rows: slice) -> Batch:
        """Some of the rows."""
        return Batch(
            self.tokens[rows],
            self.labels[rows],
            self.positions[rows],
            None if self.documents is None else self.documents[rows],
            None if self.advantages is None else self.advantages[rows],
        )
