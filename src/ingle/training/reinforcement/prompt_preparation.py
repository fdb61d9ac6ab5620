"""Preparation of a run with rewards: its prompts, tokenised as the engine does it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec
import numpy as np

from ingle.errors import InvalidRequest
from ingle.training.examples import Source
from ingle.training.examples.question import Question
from ingle.training.reinforcement.rewards import PYTHON, parse
from ingle.training.reinforcement.rollouts import (
    CHECKS,
    PROMPTS,
    Prompt,
    check_prompts,
    write_prompts,
)
from ingle.training.rendering import Renderer

FEW = 20
"""With fewer prompts than this none is set apart to check on."""
SHARE, MOST = 0.1, 64
"""Of the prompts, how many are set apart if nothing was given to check on."""


class PreparedPrompts(msgspec.Struct, frozen=True, kw_only=True):
    """What a run with rewards asks."""

    prompts: int
    apart: int
    tokens: int
    """Of the longest prompt."""
    sha256: str = ""

    def sentences(self, sequence: int) -> list[str]:
        """The same for people."""
        apart = f", {self.apart} for validation" if self.apart else ""
        return [f"{self.prompts} prompts of up to {self.tokens} tokens{apart}"]


async def prepare(
    data: Source,
    folder: Path,
    renderer: Renderer,
    *,
    rewards: Iterable[str],
    room: int,
    split: str = "",
    validation: Source | None = None,
    seed: int = 0,
) -> PreparedPrompts:
    """Write a run's prompts into its folder.

    Args:
        room: tokens that a prompt may have.

    Raises:
        InvalidRequest, CapabilityMissing: the data, a row, a reward or the template.
    """
    judges = [parse(spec) for spec in rewards]
    split = data.split(split)
    prompts = [p async for p in _prompts(data.questions(split), renderer)]
    checks: list[Prompt] = []
    given = data.checks(split, validation)
    if given is not None:
        source, name = given
        checks = [p async for p in _prompts(source.questions(name), renderer)]
    elif len(prompts) >= FEW:
        order = np.random.default_rng(seed).permutation(len(prompts))
        apart = set(order[: max(1, min(MOST, round(SHARE * len(prompts))))].tolist())
        checks = [prompt for n, prompt in enumerate(prompts) if n in apart]
        prompts = [prompt for n, prompt in enumerate(prompts) if n not in apart]
    check_prompts([*prompts, *checks], judges, room=room)
    write_prompts(folder / PROMPTS, prompts)
    if checks:
        write_prompts(folder / CHECKS, checks)
    longest = max(len(prompt.tokens) for prompt in (*prompts, *checks))
    return PreparedPrompts(
        prompts=len(prompts), apart=len(checks), tokens=longest, sha256=data.sha256(split)
    )


def kept(rewards: Iterable[str], folder: Path) -> tuple[str, ...]:
    """The rewards, with functions copied into the run's folder: a run that resumes has them.

    Raises:
        InvalidRequest: there is no such file.
    """
    found = []
    for number, spec in enumerate(rewards):
        before, python, rest = spec.partition(PYTHON)
        if not python:
            found.append(spec)
            continue
        file, _, name = rest.rpartition(":")
        copy = folder / f"reward-{number}.py"
        try:
            shutil.copyfile(file, copy)
        except OSError as error:
            raise InvalidRequest(f"reward {spec}: {error.strerror}", field="reward_funcs") from None
        found.append(f"{before}{PYTHON}{copy}:{name}")
    return tuple(found)


async def _prompts(questions: Iterable[Question], renderer: Renderer) -> AsyncIterator[Prompt]:
    for asked in questions:
        found = await renderer.prompt(asked)
        yield Prompt(found.text, found.tokens, asked.fields)
