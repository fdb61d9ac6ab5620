"""Rollouts: what one update learns from: prompts, sampled answers, and what these are worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from ingle.errors import InvalidRequest, StorageError
from ingle.operations.encoded import UNREADABLE
from ingle.training.batch import Batch
from ingle.training.reinforcement.policy import advantages, batches
from ingle.training.reinforcement.rewards import Reward, SampledAnswer, total
from ingle.training.reinforcement.sampler import Sampler, SampleRequest

PROMPTS, CHECKS = "prompts.jsonl", "prompts-apart.jsonl"
"""In a run's folder: what is learnt from, and what is set apart to check on."""


class Prompt(msgspec.Struct, frozen=True):
    """A question, as the model reads it, with the example it is of."""

    text: str
    tokens: list[int]
    fields: dict[str, Any]


class SamplingSettings(NamedTuple):
    """How answers are sampled."""

    prompts: int = 8
    """Of a step."""
    num_generations: int = 8
    """Answers to each."""
    temperature: float = 1.0
    max_completion_length: int = 256
    slots: int = 8
    """Answers that are decoded at once."""


class Rollout(NamedTuple):
    """The answers of one step."""

    batches: list[Batch]
    reward: float
    """Mean of all answers."""


def write_prompts(path: Path, prompts: Iterable[Prompt]) -> int:
    """Keep a run's prompts; returns their number."""
    count = 0
    with path.open("wb") as file:
        for prompt in prompts:
            file.write(msgspec.json.encode(prompt) + b"\n")
            count += 1
    return count


def read_prompts(path: Path) -> list[Prompt]:
    """A run's prompts.

    Raises:
        StorageError: the file is damaged.
    """
    try:
        lines = path.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=Prompt) for line in lines]
    except (OSError, *UNREADABLE) as error:
        raise StorageError(f"{path} is damaged: {error}") from None


def check_prompts(prompts: list[Prompt], rewards: list[Reward], *, room: int) -> None:
    """Refuse what no reward could judge.

    Args:
        room: tokens that a prompt may have.

    Raises:
        InvalidRequest: names the prompt and what it lacks.
    """
    if not prompts:
        raise InvalidRequest("there are no prompts", field="data")
    for number, prompt in enumerate(prompts, 1):
        lacking = [r.spec for r in rewards if r.compares and "answer" not in prompt.fields]
        if lacking:
            raise InvalidRequest(
                f"example {number} needs an answer field for the reward {lacking[0]}",
                hint='give each example an answer: {"prompt": "...", "answer": "..."}',
                field="data",
            )
        if len(prompt.tokens) > room:
            raise InvalidRequest(
                f"example {number}: a prompt of {len(prompt.tokens)} tokens leaves no room for "
                f"an answer",
                hint="raise --max-length, or lower --max-completion-length",
                field="data",
            )


class Rollouts:
    """Samples and judges, step by step. Which prompts and seeds follows from the step alone."""

    def __init__(
        self, prompts: list[Prompt], rewards: list[Reward], settings: SamplingSettings, *, seed: int
    ) -> None:
        self._prompts = prompts
        self._rewards = rewards
        self._settings = settings
        self._seed = seed

    def chosen(self, step: int) -> list[Prompt]:
        """The prompts of a step: each of an epoch once, in an order that the seed fixes."""
        count, found = len(self._prompts), []
        for index in range(step * self._settings.prompts, (step + 1) * self._settings.prompts):
            epoch, at = divmod(index, count)
            order = np.random.default_rng((self._seed, epoch)).permutation(count)
            found.append(self._prompts[order[at]])
        return found

    def roll(self, step: int, sampler: Sampler, *, rows: int) -> Rollout:
        """Answers to a step's prompts, and what is to be learnt from them.

        Raises:
            EngineFault: the engine failed.
            TrainingFailed: a reward failed.
        """
        how, chosen = self._settings, self.chosen(step)
        asked = [prompt for prompt in chosen for _ in range(how.num_generations)]
        answers = sampler.answers(
            [
                SampleRequest(p.tokens, seed)
                for p, seed in zip(asked, self._seeds(step), strict=False)
            ],
            temperature=how.temperature,
            max_tokens=how.max_completion_length,
        )
        worth = self.judge(asked, answers).reshape(len(chosen), how.num_generations)
        better = advantages(worth)
        return Rollout(
            list(batches([p.tokens for p in asked], answers, better.reshape(-1), rows=rows)),
            float(worth.mean()),
        )

    def judge(self, asked: list[Prompt], answers: list[SampledAnswer]) -> np.ndarray[Any, Any]:
        """What each answer is worth."""
        return np.array(
            [
                total(self._rewards, prompt.text, answer, prompt.fields)
                for prompt, answer in zip(asked, answers, strict=True)
            ]
        )

    def _seeds(self, step: int) -> Iterator[int]:
        chance = np.random.default_rng((self._seed, 1, step))
        while True:
            yield int(chance.integers(2**32))


def mean_reward(
    prompts: list[Prompt],
    rewards: list[Reward],
    sampler: Sampler,
    settings: SamplingSettings,
    *,
    seed: int,
) -> float:
    """The mean reward of one answer to each prompt."""
    rollouts = Rollouts(prompts, rewards, settings, seed=seed)
    answers = sampler.answers(
        [SampleRequest(prompt.tokens, seed + number) for number, prompt in enumerate(prompts)],
        temperature=settings.temperature,
        max_tokens=settings.max_completion_length,
    )
    return float(rollouts.judge(prompts, answers).mean())
