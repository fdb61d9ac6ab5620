"""Training's parts: the mixture, the schedule by the clock, sampling with a cache, and rewards."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from recipes.ember import chat, loop, mixture, model, reward, sampling

pytestmark = pytest.mark.extras

CONFIG = model.Config(
    vocabulary=64, layers=2, width=64, heads=4, key_value_heads=2, head=16, feed_forward=64,
    context=256, rope_base=10_000.0,
)  # fmt: skip


def small() -> model.Qwen3:
    torch.manual_seed(0)
    network = model.Qwen3(CONFIG)
    for parameter in network.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    return network.eval()


def greedy(network: model.Qwen3, prompt: list[int], limit: int) -> list[int]:
    """The slow way: everything again for each token."""
    tokens = list(prompt)
    for _ in range(limit):
        hidden = network.hidden(torch.tensor([tokens]))[0, -1]
        tokens.append(int((network.token_embd.weight @ hidden).argmax()))
    return tokens[len(prompt) :]


def test_sampling_with_a_cache_and_padding_writes_what_the_plain_model_does() -> None:
    network = small()
    prompts = [[1, 2, 3, 4, 5, 6, 7], [9], [11, 12, 13]]
    found = sampling.answers(network, prompts, 12, end=63)
    for prompt, reply in zip(prompts, found, strict=True):
        expected = greedy(network, prompt, 12)
        expected = expected[: expected.index(63)] if 63 in expected else expected
        assert reply == expected


def test_rows_of_conversations_come_in_order_across_shards_and_begin_again(tmp_path: Path) -> None:
    folder = tmp_path / "conversations"
    folder.mkdir()
    (folder / "counts.json").write_text(json.dumps({"pretrain": 2}))
    for number, first in enumerate((0, 3)):
        rows = np.arange(first, first + 3, dtype=np.uint16)[:, None].repeat(9, axis=1)
        masks = np.packbits(np.ones_like(rows, dtype=bool), axis=1)
        np.savez(folder / f"pretrain-{number:05d}.npz", rows=rows, masks=masks)
    reader = mixture.Conversations(tmp_path, "pretrain")
    seen = [reader.rows(first, 2)[0][:, 0].tolist() for first in range(0, 10, 2)]
    assert [row for pair in seen for row in pair] == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]


def test_progress_goes_by_steps_unless_a_time_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    place = torch.device("cpu")
    assert loop.Progress(200, float("inf"), place)(50) == 0.25
    now = 0.0
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now))
    by_clock = loop.Progress(10**9, 0.002, place)  # minutes
    step = 0
    while by_clock(step) < 1:
        now += 0.001
        step += 1
    assert now == pytest.approx(0.12, abs=0.03)


def test_a_right_answer_is_worth_most_and_one_that_does_not_stop_least() -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    asked = chat.Conversation([], check={"calls": [call]})
    right = chat.parse('<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>')
    named = chat.parse('<tool_call>\n{"name": "f", "arguments": {"a": 2}}\n</tool_call>')
    other = chat.parse("None of my functions can do that.")
    worth = [reward.reward(asked, answer, True) for answer in (right, named, other)]
    assert worth == sorted(worth, reverse=True)
    assert worth[0] == 1.0
    assert reward.reward(asked, right, False) < worth[-1]


def test_a_step_on_rewards_makes_the_better_answer_likelier() -> None:
    network = small()
    prompts, replies = [[1, 2, 3]] * 2, [[4, 5], [6, 7]]
    advantages = torch.tensor([1.0, -1.0])

    def gap() -> float:
        only = torch.tensor([1.0])
        likely = [-reward.loss_of(network, [p], [r], only).item() for p, r in zip(prompts, replies, strict=True)]  # noqa: E501  # fmt: skip
        return likely[0] - likely[1]

    before = gap()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    loss = reward.loss_of(network, prompts, replies, advantages)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    assert gap() > before
