"""Stage 8, reward: answers that can be checked are sampled, and the better ones made likelier.

GRPO (Shao et al., 2024) in its plainest form: several answers to one prompt, each with the reward
of `tasks.checks`, advantages against the mean of the group, one step on each batch, no critic and
no reference model. Groups that are all right or all wrong teach nothing and are left out.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from . import chat, model, probe, sampling, tasks, tokenizer
from .loop import Loop, begin
from .scale import Scale
from .tasks.checks import is_json, is_right

FIRST_SEED = 40_000_000  # of training's phrasings, with contents that instruct has not shown
CHECKED = """extractive extractive extractive unanswerable yes_no documentation json_by_schema
json_by_schema json_by_schema json_array tool_call tool_call tool_call tool_call tool_calls
tool_none tool_result lookup sorting counting arithmetic""".split()  # noqa: SIM905
TEMPERATURE = 1.0
RATE = 0.04  # of the rates of pretraining
LONGEST_PROMPT, LIMIT = 900, 200
MICRO = 32  # answers whose gradients are computed at once


def reward(conversation: chat.Conversation, message: chat.Message, stopped: bool) -> float:
    """1 for a right answer; a little for what at least has the right form."""
    if not stopped:
        return -0.2
    if is_right(conversation.check, message):
        return 1.0
    if "json" in conversation.check:
        return 0.1 if is_json(message["content"]) else -0.1
    if "calls" in conversation.check:
        wanted = {c["function"]["name"] for c in conversation.check["calls"]}
        made = {c["function"]["name"] for c in message.get("tool_calls", [])}
        return 0.2 if made == wanted else 0.0
    return 0.0


def loss_of(
    network: model.Qwen3, prompts: list[list[int]], replies: list[list[int]], advantages: Tensor
) -> Tensor:
    """Log-likelihood of each answer's tokens, weighed by its advantage."""
    place = advantages.device
    width = max(len(p) + len(r) for p, r in zip(prompts, replies, strict=True))
    width = -(-width // 128) * 128  # few different shapes
    tokens = torch.zeros(len(prompts), width, dtype=torch.long)
    mask = torch.zeros(len(prompts), width, dtype=torch.bool)
    for row, (prompt, reply) in enumerate(zip(prompts, replies, strict=True)):
        tokens[row, : len(prompt) + len(reply)] = torch.tensor(prompt + reply)
        mask[row, len(prompt) : len(prompt) + len(reply)] = True
    tokens, mask = tokens.to(place), mask.to(place)
    hidden = network.hidden(tokens)[:, :-1][mask[:, 1:]]
    logits = F.linear(hidden, network.token_embd.weight.to(hidden.dtype)).float()
    likely = -F.cross_entropy(logits, tokens[:, 1:][mask[:, 1:]], reduction="none")
    weights = advantages[:, None].expand_as(mask)[:, 1:][mask[:, 1:]]
    return -(likely * weights).sum() / mask.sum()


def run(scale: Scale, folder: Path, minutes: float = math.inf, within: float = math.inf) -> bool:
    """Write rewarded.pt."""
    begin(seed=3)
    facts, encoder = tasks.load_facts(folder), tokenizer.load(folder)
    end = encoder.token_to_id(chat.TURN_END) or 0
    network = model.load(folder / "instructed.pt")
    loop = Loop(
        "reward", network, scale, folder, steps=scale.reward_steps, minutes=min(minutes, within),
        within=within, rate=RATE, resumes=False,
    )  # fmt: skip
    seeds, group = itertools.count(FIRST_SEED), scale.reward_group
    for part in loop.each():
        asked: list[chat.Conversation] = []
        prompts: list[list[int]] = []
        while len(asked) < scale.reward_prompts:
            seed = next(seeds)
            conversation = tasks.one(facts, CHECKED[seed % len(CHECKED)], "train", seed)
            ids = encoder.encode(chat.render(conversation)[0]).ids
            if len(ids) <= LONGEST_PROMPT:
                asked.append(conversation)
                prompts.append(ids)
        many = [p for p in prompts for _ in range(group)]
        sampler = sampling.for_sampling(network)
        replies = sampling.answers(sampler, many, LIMIT, end, TEMPERATURE)
        worth = [
            reward(asked[i // group], probe.read(encoder, reply), len(reply) < LIMIT)
            for i, reply in enumerate(replies)
        ]
        rewards = torch.tensor(worth).view(-1, group)
        centred = rewards - rewards.mean(1, keepdim=True)
        advantages = (centred / (rewards.std(1, keepdim=True) + 0.1)).flatten()
        useful = [i for i, a in enumerate(advantages.tolist()) if abs(a) > 1e-3]
        useful.sort(key=lambda i: len(many[i]))
        for first in range(0, len(useful), MICRO):
            chosen = useful[first : first + MICRO]
            ended = [[*replies[i], end] if len(replies[i]) < LIMIT else replies[i] for i in chosen]
            advantage = advantages[chosen].to(loop.place)
            with torch.autocast(loop.place.type, torch.bfloat16, enabled=loop.place.type == "cuda"):
                loss = loss_of(network, [many[i] for i in chosen], ended, advantage)
            (loss * len(chosen) / len(useful)).backward()  # type: ignore[no-untyped-call]
        if useful:
            loop.update(min(1.0, 2 * (1 - part)), decay=0.0)
        if loop.step % 5 == 0 or loop.step == scale.reward_steps - 1:
            right, used = (rewards >= 1).float().mean(), f"{len(useful)} of {len(many)} used"
            shown = f"right {right:.1%}, mean {rewards.mean():.3f}, {used}, {loop.seconds:.0f} s"
            print(f"reward step {loop.step}/{scale.reward_steps}: {shown}", flush=True)
    if not loop.in_time:
        print(f"reward: the time is over after {loop.step} steps")
    model.save(network, folder / "rewarded.pt")
    return True
