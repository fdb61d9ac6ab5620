"""Step batches of rollouts: answers are sampled with the current adapter, and rewarded."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from ingle.training.reinforcement.rewards import Reward
from ingle.training.reinforcement.rollouts import (
    CHECKS,
    PROMPTS,
    Rollouts,
    SamplingSettings,
    mean_reward,
    read_prompts,
)
from ingle.training.reinforcement.sampler import Sampler
from ingle.training.step_batch import StepBatch


class RolloutBatches:
    """The step batches of a run with rewards.

    Args:
        folder: of the run; its prompts are there.
        base: the model that answers.
        policy: writes the adapter as it is, and says where.
        end: the token that ends a turn.
        context: tokens of a prompt and its answer.
    """

    def __init__(
        self,
        folder: Path,
        base: Path,
        policy: Callable[[], Path],
        rewards: list[Reward],
        settings: SamplingSettings,
        *,
        end: int,
        context: int,
        seed: int,
    ) -> None:
        self._base, self._policy = base, policy
        self._rewards, self._settings = rewards, settings
        self._end, self._context, self._seed = end, context, seed
        self._prompts = read_prompts(folder / PROMPTS)
        self._checks = read_prompts(folder / CHECKS) if (folder / CHECKS).exists() else []
        self._rollouts = Rollouts(self._prompts, rewards, settings, seed=seed)

    @property
    def checked(self) -> bool:
        return bool(self._checks)

    def steps(self, epochs: float) -> int:
        return max(1, math.ceil(epochs * len(self._prompts) / self._settings.prompts))

    def step_batch(self, step: int, rows: int) -> StepBatch:
        with self._sampler() as sampler:
            rollout = self._rollouts.roll(step, sampler, rows=rows)
        return StepBatch(rollout.batches, rollout.reward)

    def check(self, rows: int) -> float:
        """Minus the mean reward of the likeliest answers to the prompts set apart."""
        likeliest = self._settings._replace(temperature=0.0)
        with self._sampler() as sampler:
            return -mean_reward(self._checks, self._rewards, sampler, likeliest, seed=self._seed)

    def loss(self, rows: int) -> None:
        """As `StepBatches.loss`: rewards have none."""
        return

    def _sampler(self) -> Sampler:
        return Sampler(
            self._base,
            self._policy(),
            slots=self._settings.slots,
            context=self._context,
            end=self._end,
        )
