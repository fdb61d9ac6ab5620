"""Asking a collection many questions whose answers are known, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from ingle.capabilities.collections.operation import (
    AskCollection,
    CollectionAnswer,
    SearchCollection,
    SearchResults,
)
from ingle.collections.retrieval_eval import AnswerScores, EvalQuestion, RetrievalScores, scored

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome


async def searched(
    home: AsyncHome, way: SearchCollection, questions: Sequence[EvalQuestion]
) -> RetrievalScores:
    """The metrics of a way of searching."""
    answering = []
    for each in questions:
        request = msgspec.structs.replace(way, query=each.question)
        results = (await home.ask(request, SearchResults)).results
        answering.append([each.answered_by(found.place, found.text) for found in results])
    return scored(answering)


async def answered(
    home: AsyncHome, way: AskCollection, questions: Sequence[EvalQuestion]
) -> AnswerScores:
    """The metrics of what a model answers."""
    scores = AnswerScores([], [], [])
    for each in questions:
        request = msgspec.structs.replace(way, question=each.question)
        answer = await home.ask(request, CollectionAnswer)
        supported = [sentence.supported for sentence in answer.sentences]
        scores.add(each, answer.text, supported, answer.found)
    return scores
