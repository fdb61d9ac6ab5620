"""Group-relative policy optimisation (GRPO; Shao et al. 2024), in its plain on-policy form.

Several answers to each prompt are sampled by the policy itself. An answer's advantage is how much
better it is than its group, in the group's standard deviations; its tokens' log-probabilities are
raised or lowered by it. One update per sampling: the ratio to the policy that sampled is one, so
there is nothing to clip, and no second model to keep. Each token of a step weighs the same
(Yu et al. 2025), so long answers are not favoured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ingle.training.batch import IGNORE, Batch
from ingle.training.reinforcement.rewards import SampledAnswer

ROUND_TO = 32
"""Rows are filled up to a multiple, so that few shapes occur."""


def advantages(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of ``[prompts, group]`` rewards; zero where a group is of one mind, and teaches nothing."""
    spread = rewards.std(axis=1, keepdims=True)
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    found: NDArray[np.float64] = np.zeros_like(centred)
    np.divide(centred, spread, out=found, where=spread > 1e-8)
    return found


def batches(
    prompts: Sequence[list[int]],
    answers: Sequence[SampledAnswer],
    worth: NDArray[np.float64],
    *,
    rows: int,
) -> Iterator[Batch]:
    """The answers that teach something, as batches of that many rows; similar lengths together.

    Args:
        prompts, answers: one of each for each answer.
        worth: their advantages.
    """
    chosen = [n for n in range(len(answers)) if worth[n] and answers[n].tokens]
    chosen.sort(key=lambda n: (len(prompts[n]) + len(answers[n].tokens), n))
    for at in range(0, len(chosen), rows):
        part = chosen[at : at + rows]
        longest = max(len(prompts[n]) + len(answers[n].tokens) for n in part)
        width = -(-longest // ROUND_TO) * ROUND_TO
        tokens = np.zeros((len(part), width), dtype=np.int64)
        labels = np.full((len(part), width), IGNORE, dtype=np.int64)
        weights = np.zeros((len(part), width), dtype=np.float32)
        for row, n in enumerate(part):
            before, said = prompts[n], answers[n].tokens
            tokens[row, : len(before) + len(said)] = before + said
            inside = slice(len(before) - 1, len(before) + len(said) - 1)
            labels[row, inside] = said
            weights[row, inside] = worth[n]
        positions = np.broadcast_to(np.arange(width), tokens.shape)
        yield Batch(tokens, labels, positions, None, weights)
