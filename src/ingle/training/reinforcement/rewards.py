"""Rewards that can be verified: what an answer is worth, computed and not judged by a model.

A reward is written ``[WEIGHT*]KIND[:ARGUMENT]``, such as ``answer``, ``0.2*format:\\d+`` or
``python:check.py:score``.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ingle.errors import InvalidRequest, TrainingFailed

PYTHON = "python:"
"""Begins rewards that are functions of the owner's."""
Fields = Mapping[str, Any]
"""The example that a prompt is of: ``answer``, and whatever else its line has."""


class SampledAnswer(NamedTuple):
    """One sampled answer."""

    tokens: list[int]
    """With the token that ends a turn, if it came."""
    text: str
    finished: bool
    """It ended by itself, not at the limit."""

    @property
    def said(self) -> str:
        """The text without its thoughts."""
        return self.text.rpartition("</think>")[2].strip()


class Reward(NamedTuple):
    """One of a run's rewards."""

    spec: str
    weight: float
    judge: Callable[[str, SampledAnswer, Fields], float]
    compares: bool = False
    """It needs the field ``answer`` of an example."""

    def of(self, prompt: str, answer: SampledAnswer, fields: Fields) -> float:
        """What the answer is worth, weighed.

        Raises:
            TrainingFailed: a function of the owner's failed, or gave no finite number.
        """
        worth = self.judge(prompt, answer, fields)
        if not math.isfinite(worth):
            raise TrainingFailed(
                f"the reward {self.spec} gave {worth}, which is not a finite number",
                hint="fix the function, then resume the run",
            )
        return self.weight * worth


def total(rewards: list[Reward], prompt: str, answer: SampledAnswer, fields: Fields) -> float:
    """The sum of all rewards of one answer."""
    return sum(reward.of(prompt, answer, fields) for reward in rewards)


def parse(spec: str) -> Reward:
    """A reward of its text.

    Raises:
        InvalidRequest: no such kind, or its argument is wrong.
    """
    number, star, rest = spec.partition("*")
    weight = 1.0
    if star and re.fullmatch(r"-?\d+(\.\d+)?", number.strip()):
        weight, spec_of = float(number), rest
    else:
        spec_of = spec
    kind, _, argument = spec_of.partition(":")
    if kind not in _KINDS:
        raise _bad(spec, f"there is no reward {kind!r}; there are: {', '.join(_KINDS)}")
    return Reward(spec, weight, _KINDS[kind](spec, argument), kind in _COMPARE)


def _answer(spec: str, argument: str) -> Callable[[str, SampledAnswer, Fields], float]:
    _without(spec, argument)
    return lambda _, answer, fields: float(_plain(answer.said) == _plain(str(fields["answer"])))


def _contains(spec: str, argument: str) -> Callable[[str, SampledAnswer, Fields], float]:
    _without(spec, argument)
    return lambda _, answer, fields: float(_plain(str(fields["answer"])) in _plain(answer.said))


def _number(spec: str, argument: str) -> Callable[[str, SampledAnswer, Fields], float]:
    """The last number said is the one of the answer."""
    _without(spec, argument)

    def judge(_: str, answer: SampledAnswer, fields: Fields) -> float:
        said, wanted = _numbers(answer.said), _numbers(str(fields["answer"]))
        return float(bool(said and wanted) and math.isclose(said[-1], wanted[-1]))

    return judge


def _format(spec: str, argument: str) -> Callable[[str, SampledAnswer, Fields], float]:
    try:
        pattern = re.compile(argument, re.DOTALL)
    except re.error as error:
        raise _bad(spec, f"{argument!r} is not a valid regular expression: {error}") from None
    if not argument:
        raise _bad(spec, "a regular expression is needed, such as format:\\d+")
    return lambda _, answer, __: float(pattern.fullmatch(answer.said) is not None)


def _length(spec: str, argument: str) -> Callable[[str, SampledAnswer, Fields], float]:
    """1 up to that many tokens, falling to 0 at twice as many."""
    if not argument.isdigit() or int(argument) < 1:
        raise _bad(spec, "a number of tokens is needed, such as length:60")
    limit = int(argument)
    return lambda _, answer, __: min(1.0, max(0.0, 2 - len(answer.tokens) / limit))


def _json(spec: str, argument: str) -> Callable[[str, SampledAnswer, Fields], float]:
    """It is an object or a list in JSON, and nothing else."""
    _without(spec, argument)

    def judge(_: str, answer: SampledAnswer, __: Fields) -> float:
        try:
            return float(isinstance(json.loads(answer.said), (dict, list)))
        except (ValueError, RecursionError):
            return 0.0

    return judge


def _finished(spec: str, argument: str) -> Callable[[str, SampledAnswer, Fields], float]:
    _without(spec, argument)
    return lambda _, answer, __: float(answer.finished)


def _python(spec: str, argument: str) -> Callable[[str, SampledAnswer, Fields], float]:
    """A function of the owner's: of prompt, answer's text and example, to a number."""
    file, _, name = argument.rpartition(":")
    path = Path(file)
    if not file or not path.is_file():
        raise _bad(spec, "a file and a function are needed, such as python:check.py:score")
    found = importlib.util.spec_from_file_location(f"reward_{path.stem}", path)
    if found is None or found.loader is None:
        raise _bad(spec, f"{path} is not a Python file")
    module = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise _bad(spec, f"{path} cannot be run: {type(error).__name__}: {error}") from None
    function = getattr(module, name, None)
    if not callable(function):
        raise _bad(spec, f"{path} has no function {name!r}")

    def judge(prompt: str, answer: SampledAnswer, fields: Fields) -> float:
        try:
            return float(function(prompt, answer.text, dict(fields)))
        except Exception as error:
            raise TrainingFailed(
                f"the reward {spec} failed: {type(error).__name__}: {error}",
                hint="fix the function, then resume the run",
            ) from error

    return judge


_KINDS = {
    "answer": _answer,
    "contains": _contains,
    "number": _number,
    "format": _format,
    "length": _length,
    "json": _json,
    "finished": _finished,
    "python": _python,
}
_COMPARE = {"answer", "contains", "number"}


def _without(spec: str, argument: str) -> None:
    if argument:
        raise _bad(spec, "it does not take an argument")


def _plain(text: str) -> str:
    """Without what does not matter when two answers are compared."""
    return " ".join(text.casefold().split()).strip(" .!\"'`")


def _numbers(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(r"-?\d[\d,]*(?:\.\d+)?", text)]


def _bad(spec: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"reward {spec}: {what}", field="reward_funcs")
