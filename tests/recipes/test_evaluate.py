"""The evaluation: how it judges, counts and compares. `test_ember` runs it on a real server."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from recipes.ember import (  # noqa: E402
    bad_input,
    cards,
    chat,
    corpus,
    evaluate,
    intervals,
    loop,
    ngram,
    overlap,
    precision,
    served,
)
from recipes.ember.scale import SCALES  # noqa: E402

pytestmark = pytest.mark.extras


def choice(content: str, reason: str = "stop", calls: list[Any] | None = None) -> dict[str, Any]:
    return {"message": {"content": content, "tool_calls": calls}, "finish_reason": reason}


def test_wilson_is_what_the_textbook_says() -> None:
    low, high = intervals.wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert intervals.wilson(0, 10)[0] == 0
    assert intervals.wilson(10, 10)[1] == 1


def test_more_documents_make_a_narrower_interval() -> None:
    rng = np.random.default_rng(0)
    few = intervals.bootstrap(list(rng.random(10)), [1.0] * 10)
    many = intervals.bootstrap(list(rng.random(1000)), [1.0] * 1000)
    assert many[1] - many[0] < few[1] - few[0]
    assert many[0] < 0.5 < many[1] + 0.03


def test_the_same_questions_are_compared_one_by_one() -> None:
    low, high = intervals.paired([True] * 50 + [False] * 50, [False] * 100)
    assert 0.3 < low < 0.5 < high < 0.7
    assert intervals.paired([True, False] * 50, [True, False] * 50) == (0, 0)


def test_an_exact_match_is_one_of_words() -> None:
    check = {"equals": "Twelve euros"}
    assert evaluate.is_right(check, {"content": " twelve  euros.\n"})
    assert not evaluate.is_right(check, {"content": "It is twelve euros."})
    assert not evaluate.is_right(check, {"content": None})


def test_probabilities_of_the_5_gram_model_sum_to_one() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 9, 4000).astype(np.uint16)
    tokens[::3] = 4
    model = ngram.KneserNey(tokens, vocabulary=12)
    for context in ([4, 1, 2, 4], [4, 4, 4, 4], [11, 10, 11, 10], [0]):
        rows = [model.bits(np.array([*context, word], np.uint16))[-1] for word in range(12)]
        assert sum(2.0**-bits for bits in rows) == pytest.approx(1)


def test_the_5_gram_model_remembers_what_it_counted() -> None:
    tokens = np.tile(np.arange(50, dtype=np.uint16), 40)
    model = ngram.KneserNey(tokens, vocabulary=64)
    assert model.bits(tokens[:200]).mean() < 0.2
    assert model.bits(tokens[:200][::-1].copy()).mean() > 5


def test_shares_of_13_grams_between_texts() -> None:
    words = [f"w{i}" for i in range(40)]
    found = overlap.between(
        [" ".join(words), " ".join(words[:13] + [f"x{i}" for i in range(200)]), "too short"],
        [" ".join(words)],
    )
    assert found == {"texts": 2, "any": 1, "over_10_percent": 0.5, "same": 0.5}


def test_brief_is_short_and_ended_and_calls_nothing() -> None:
    assert bad_input.is_brief(choice("I don't know that."))
    assert not bad_input.is_brief(choice("word " * 100))
    assert not bad_input.is_brief(choice("I don't", "length"))
    assert not bad_input.is_brief(choice(""))
    assert not bad_input.is_brief(choice("", "tool_calls", [{"function": {"name": "f"}}]))
    assert bad_input.says_so(choice("I can't call that."))
    assert not bad_input.says_so(choice("It is Paris."))


def test_calls_are_sent_as_the_interface_has_them() -> None:
    conversation = [
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
        {"role": "tool", "content": "2"},
    ]
    sent = served.as_openai(conversation)
    assert sent[0]["tool_calls"][0]["function"]["arguments"] == '{"a": 1}'
    assert sent[0]["tool_calls"][0]["id"] == sent[1]["tool_call_id"]


def test_the_last_question_is_what_was_asked() -> None:
    conversation = chat.Conversation(
        [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "a"},
        ]
    )
    assert evaluate.asked(conversation) == "q"


def test_log_softmax_is_normalised() -> None:
    found = precision.log_softmax(np.array([[1000.0, 1000.0], [0.0, -1e4]], np.float32))
    assert np.exp(found).sum(1) == pytest.approx([1, 1])


def test_the_5_gram_model_counts_no_more_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"w": 0, "?": 1}, "?"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    monkeypatch.setattr(evaluate.tokenizers_stage, "load", lambda folder: tokenizer)
    documents = [
        corpus.Document(f"d{i}", "p", "man", "t", "w", "train" if i % 2 else "test", "w " * 50)
        for i in range(400)
    ]
    lines = [json.dumps(asdict(document)) for document in documents]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    some, share = evaluate.training_tokens(tmp_path, most=1_000)
    assert len(some) <= 1_000
    assert 0 < share < 0.5
    every, share = evaluate.training_tokens(tmp_path, most=100_000)
    assert share == 1
    assert len(every) == 200 * 53  # of each `# t`, its words and an end; none of the test


def test_licences_are_grouped_and_odd_ones_named() -> None:
    found = cards.by_family(
        {"a": "GPL-3+, Expat", "b": "GPL-2", "c": "LGPL-2.1+", "d": "Odd", "e": "Artistic"}
    )
    assert list(found.items()) == [
        ("GNU GPL", ["a", "b"]),
        ("GNU LGPL", ["c"]),
        ("Artistic or GPL, as Perl", ["e"]),
        ("others", ["d (Odd)"]),
    ]


def test_what_training_costs_adds_up_over_its_runs(tmp_path: Path) -> None:
    section = cards.ENVIRONMENT.get_template("compute")
    assert "Planned" in section.render(compute=loop.costs(tmp_path), scale=SCALES["tiny"])
    for _ in range(2):
        loop.note(tmp_path, "pretrain", tokens=500_000, seconds=30.0, devices="2 GPU")
    told = section.render(compute=loop.costs(tmp_path))
    assert told == "- pretrain: 1.00 M tokens in 60 s on 2 GPU\n"
