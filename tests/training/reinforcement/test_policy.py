"""Advantages, the batches made of them, and a policy that is moved towards what pays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ingle.models.embedded import embedded_files
from ingle.models.gguf import read_header
from ingle.training.adapter_files import write_gguf
from ingle.training.architecture import Architecture
from ingle.training.batch import IGNORE
from ingle.training.lora import LoraConfig, fresh
from ingle.training.reinforcement.policy import advantages, batches
from ingle.training.reinforcement.rewards import SampledAnswer
from ingle.training.reinforcement.sampler import Sampler, SampleRequest

pytestmark = pytest.mark.extras


def test_advantages_are_of_a_group_and_nothing_where_it_agrees() -> None:
    found = advantages(np.array([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]]))
    np.testing.assert_allclose(found, [[1, -1, -1, 1], [0, 0, 0, 0]])


def test_a_batch_weighs_the_tokens_of_an_answer_and_no_others() -> None:
    prompts = [[1, 2, 3], [4], [5, 6]]
    answers = [
        SampledAnswer([7, 8], "", True),
        SampledAnswer([9], "", True),
        SampledAnswer([], "", False),
    ]
    (batch,) = batches(prompts, answers, np.array([0.5, -1.0, 2.0]), rows=4)
    assert batch.tokens.shape == (2, 32)
    assert batch.tokens[1, :5].tolist() == [1, 2, 3, 7, 8]
    assert batch.labels[1, :6].tolist() == [IGNORE, IGNORE, 7, 8, IGNORE, IGNORE]
    assert batch.advantages is not None
    assert batch.advantages[1, :6].tolist() == [0, 0, 0.5, 0.5, 0, 0]
    assert batch.labels[0, :2].tolist() == [9, IGNORE]
    assert batch.supervised == 3
    assert len(list(batches(prompts, answers, np.array([1.0, 1.0, 0.0]), rows=1))) == 2
    assert not list(batches(prompts, answers, np.zeros(3), rows=4))


def test_the_engine_samples_with_the_adapter_and_says_which_tokens(tmp_path: Path) -> None:
    base = embedded_files()["ember"]
    architecture, shape = Architecture.of(read_header(base)), LoraConfig(rank=2)
    write_gguf(tmp_path / "a.gguf", fresh(shape, architecture, seed=0), shape, architecture, {})
    prompt = list(range(300, 320))
    with Sampler(base, tmp_path / "a.gguf", slots=4, context=256, end=2) as sampler:
        requests = [SampleRequest(prompt, seed) for seed in (1, 2, 3, 1, 4, 5)]
        found = sampler.answers(requests, temperature=1.0, max_tokens=12)
    assert len(found) == 6
    assert found[0].tokens == found[3].tokens
    assert len({tuple(answer.tokens) for answer in found}) > 1
    for answer in found:
        assert 1 <= len(answer.tokens) <= 13
        assert answer.finished or len(answer.tokens) == 12


@pytest.mark.timeout(240)
def test_a_reward_is_learnt_from_the_command_line(tmp_path: Path) -> None:
    """Short answers pay, by a function of the owner's; and what cannot be judged is refused."""
    from tests.cli.place import Place, ended

    place = Place(tmp_path)
    try:
        data = tmp_path / "ask.jsonl"
        words = ["bread", "river", "copper", "lantern", "violin", "orchard"]
        lines = [{"prompt": f"Say something about {w} and {v}."} for w in words for v in words]
        data.write_text("".join(json.dumps(line) + "\n" for line in lines))
        code = tmp_path / "short.py"
        code.write_text("def score(prompt, text, example): return 1 / (1 + len(text) / 20)\n")
        how = [
            "train", "ember", "--data", str(data), "--reward-funcs", f"python:{code}:score",
            "--max-steps", "3", "--batch-size", "3", "--num-generations", "4",
            "--max-completion-length", "12", "--max-length", "128", "--learning-rate", "5e-3",
            "--lora-rank", "4",
            "--warmup-steps", "1",
        ]  # fmt: skip
        trained = ended(place.start(*how), seconds=220)
        assert trained.status == 0, trained
        assert "reward" in trained.err
        losses = place.ok("runs", "show", "ask", "--json").data["losses"]
        assert len(losses) == 3
        assert all(0 < point["reward"] <= 1 for point in losses)
        looks = [point["validation"] for point in losses if "validation" in point]
        assert all(-1 <= look < 0 for look in looks)  # minus the reward of what is set apart
        none = place.ingle("train", "ember", "--data", str(data), "--reward", "answer", "--json",
                           "--name", "b")  # fmt: skip
        assert "needs an answer" in none.error["message"]
        away = place.ingle("train", "ember", "--data", str(data), "--reward", "json", "--json",
                           "--name", "c", "--on", "desk")  # fmt: skip
        assert away.error["code"] == "invalid_request"
    finally:
        place.close()
