"""The arithmetic of retrieval metrics."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ingle.collections.retrieval_eval import (
    AnswerScores,
    EvalQuestion,
    difference,
    metric,
    read_questions,
    scored,
)
from ingle.errors import InvalidRequest


def test_metrics_of_known_lists() -> None:
    found = scored([[True, False], [False, False, True, True], [False] * 10, []])
    assert found.recall_1 == [1, 0, 0, 0]
    assert found.recall_5 == found.recall_10 == [1, 1, 0, 0]
    assert found.mrr == pytest.approx([1, 1 / 3, 0, 0])
    second = (1 / 2 + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    assert found.ndcg == pytest.approx([1, second, 0, 0])


def test_intervals_hold_what_they_promise() -> None:
    found = metric([1.0] * 60 + [0.0] * 40)
    assert found.mean == 0.6
    assert 0.49 < found.low < 0.53 < 0.67 < found.high < 0.71
    assert metric([1.0] * 9) == (1, 1, 1)
    paired = difference([1.0] * 50 + [0.0] * 50, [1.0] * 40 + [0.0] * 60)
    assert paired.mean == pytest.approx(0.1)
    assert paired.low > 0


def test_questions_are_read_and_matched(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "q", "place": "*/a.md", "text": "Two  words"}\n\n')
    (question,) = read_questions(path)
    assert question.answered_by("/x/a.md", "here are two\nwords.")
    assert not question.answered_by("/x/b.md", "here are two words.")
    assert not question.answered_by("/x/a.md", "here are words.")
    assert EvalQuestion("q", "*").answered_by("/any", "thing")
    for text in ("", "{}", '{"question": 1}', "no"):
        path.write_text(text)
        with pytest.raises(InvalidRequest, match=r"q\.jsonl"):
            read_questions(path)


def test_an_answer_is_exact_if_it_has_the_words() -> None:
    asked = EvalQuestion(question="how hot?", place="*", answer="eighty degrees|80 °C")
    assert asked.exactly("It is brewed at *eighty* degrees [1].")
    assert asked.exactly("At 80 °C.")
    assert not asked.exactly("At one hundred and eighty-degrees-less-one.".replace("degrees", "x"))
    assert not asked.exactly("At 180 °C.")


def test_what_is_counted_of_answers() -> None:
    known = EvalQuestion(question="how hot?", place="*", answer="eighty")
    unknown = EvalQuestion(question="and why?", place="*")
    scores = AnswerScores([], [], [])
    scores.add(known, "Eighty [1]. Hot.", [True, False], found=True)
    scores.add(unknown, "Because.", [False], found=True)
    scores.add(known, "Not in your documents. Eighty.", [False], found=False)
    assert scores.exactness == [1.0, 0.0]
    assert scores.groundedness == [0.5, 0.0]
    assert scores.found == [1.0, 1.0, 0.0]
