"""How well a collection finds what answers questions, and answers them, with intervals.

Of each question it is known which passages answer it (`EvalQuestion`). Metrics are means over
questions; their 95 % intervals are percentiles of a bootstrap over questions, and two ways of
searching are compared on the same questions, pair by pair.

- recall@k: the share of questions with an answering passage among the first k.
- MRR: the mean of ``1 / rank`` of the first one (0 where none is found).
- nDCG@10 (Jaervelin and Kekaelaeinen, ACM TOIS 2002) with gains of 0 and 1.
- exactness: the share of answers that have the words that are wanted, and are not refusals.
- groundedness: the share of an answer's sentences that a passage bears out, where it has any.
- found: the share of questions that got an answer other than "not in your documents".
"""

from __future__ import annotations

import fnmatch
import math
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingle.errors import InvalidRequest

_WORD = re.compile(r"\w+")
RESAMPLES = 2000
DEPTH = 10
"""Passages that are looked at."""


class EvalQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question, and where its answer stands."""

    question: str
    place: str
    """A pattern of the file's place, such as ``*/guide/peers.md``."""
    text: str = ""
    """Words that an answering passage has; empty: any passage of the file answers."""
    answer: str = ""
    """Words that a right answer has, such as ``eighty``; several ways to say it are separated by
    ``|``. Empty: what is right is not known, and only groundedness is measured."""

    def answered_by(self, place: str, text: str) -> bool:
        """A passage answers it."""
        return fnmatch.fnmatch(place, self.place) and _flat(self.text) in _flat(text)

    def exactly(self, answer: str) -> bool:
        """An answer has the words that are wanted, as whole words."""
        said = f" {_words(answer)} "
        return any(f" {_words(way)} " in said for way in self.answer.split("|"))


def _flat(text: str) -> str:
    return " ".join(text.lower().split())


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


class Metric(NamedTuple):
    """A mean over questions with its 95 % interval."""

    mean: float
    low: float
    high: float


class RetrievalScores(NamedTuple):
    """Of one way of searching: a value for each question."""

    recall_1: list[float]
    recall_5: list[float]
    recall_10: list[float]
    mrr: list[float]
    ndcg: list[float]


class AnswerScores(NamedTuple):
    """Of asking a model: a value for each question that the metric is of."""

    exactness: list[float]
    """Of questions whose answer is known."""
    groundedness: list[float]
    """Of answers that are none of the refusals."""
    found: list[float]

    def add(
        self, question: EvalQuestion, answer: str, supported: Sequence[bool], found: bool
    ) -> None:
        """Take an answer in.

        Args:
            supported: of its sentences, which ones a passage bears out.
            found: it is not a refusal.
        """
        self.found.append(float(found))
        if question.answer:
            self.exactness.append(float(found and question.exactly(answer)))
        if found and supported:
            self.groundedness.append(sum(supported) / len(supported))


def read_questions(path: Path) -> list[EvalQuestion]:
    """A question in each line of a file, as JSON.

    Raises:
        InvalidRequest: a line is not one.
        OSError: the file cannot be read.
    """
    found = list[EvalQuestion]()
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(msgspec.json.decode(line, type=EvalQuestion))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(
                f"{path.name}, line {number}: {error}",
                hint='{"question": "...", "place": "*/file.md", "text": "..."}',
                field="questions",
            ) from None
    if not found:
        raise InvalidRequest(f"{path.name} has no questions", field="questions")
    return found


def scored(answering: Sequence[Sequence[bool]]) -> RetrievalScores:
    """The metrics of each question.

    Args:
        answering: of each question, which of the passages found answer it, the best first.
    """
    scores = RetrievalScores([], [], [], [], [])
    for found in answering:
        first = next((rank for rank, right in enumerate(found, 1) if right), 0)
        scores.recall_1.append(float(first == 1))
        scores.recall_5.append(float(0 < first <= 5))
        scores.recall_10.append(float(0 < first <= 10))
        scores.mrr.append(1 / first if first else 0.0)
        gain = sum(1 / math.log2(rank + 1) for rank, right in enumerate(found[:10], 1) if right)
        best = sum(1 / math.log2(rank + 1) for rank in range(1, 1 + sum(found[:10])))
        scores.ndcg.append(gain / best if best else 0.0)
    return scores


def metric(values: Sequence[float], seed: int = 0) -> Metric:
    """The mean of values with its interval."""
    return _interval(values, seed)


def difference(ours: Sequence[float], others: Sequence[float], seed: int = 0) -> Metric:
    """By how much one way of searching is better than another, on the same questions."""
    return _interval([one - other for one, other in zip(ours, others, strict=True)], seed)


def _interval(values: Sequence[float], seed: int) -> Metric:
    chance = random.Random(seed)  # noqa: S311 (the same interval each time)
    count = len(values)
    means = sorted(sum(chance.choices(values, k=count)) / count for _ in range(RESAMPLES))
    low, high = means[round(0.025 * RESAMPLES)], means[round(0.975 * RESAMPLES) - 1]
    return Metric(sum(values) / count, low, high)
