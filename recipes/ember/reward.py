"""Stage 8, reward: answers that can be checked are sampled, and the better ones made likelier.

GRPO (Shao et al., 2024) in its plainest form: several answers to one prompt, each with the reward
of `tasks.checks`, advantages against the mean of the group, one step on each batch, no critic and
no reference model. Groups that are all right or all wrong teach nothing and are left out.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from . import chat, compute, model, optimizer, parallel, probe, sampling, tasks, tokenizer
from .mixture import device
from .scale import Scale
from .tasks.checks import is_json, is_right

FIRST_SEED = 40_000_000  # of training's phrasings, with contents that instruct has not shown
CHECKED = """extractive extractive extractive unanswerable yes_no documentation json_by_schema
json_by_schema json_by_schema json_array tool_call tool_call tool_call tool_call tool_calls
tool_none tool_result lookup sorting counting arithmetic""".split()  # noqa: SIM905
TEMPERATURE = 1.0
RATE = 0.04  # of the rates of pretraining
LONGEST_PROMPT, LIMIT = 900, 200


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
    torch.manual_seed(3)
    started = time.monotonic()
    torch.set_flush_denormal(True)
    facts, encoder = tasks.load_facts(folder), tokenizer.load(folder)
    end = encoder.token_to_id(chat.TURN_END) or 0
    place = device()
    network = model.load(folder / "instructed.pt").to(place)
    optimise = optimizer.Optimizer(network, scale)
    seed, group = FIRST_SEED, scale.reward_group
    step = -1
    for step in range(scale.reward_steps):
        asked: list[chat.Conversation] = []
        prompts: list[list[int]] = []
        while len(asked) < scale.reward_prompts:
            name = CHECKED[seed % len(CHECKED)]
            conversation = tasks.one(facts, name, "train", seed)
            seed += 1
            ids = encoder.encode(chat.render(conversation)[0]).ids
            if len(ids) <= LONGEST_PROMPT:
                asked.append(conversation)
                prompts.append(ids)
        sampler = sampling.for_sampling(network)
        many = [p for p in prompts for _ in range(group)]
        replies = sampling.answers(sampler, many, LIMIT, end, TEMPERATURE)
        rewards = torch.tensor(
            [
                reward(asked[i // group], probe.read(encoder, reply), len(reply) < LIMIT)
                for i, reply in enumerate(replies)
            ]
        ).view(-1, group)
        centred = rewards - rewards.mean(1, keepdim=True)
        advantages = (centred / (rewards.std(1, keepdim=True) + 0.1)).flatten()
        useful = [i for i, a in enumerate(advantages.tolist()) if abs(a) > 1e-3]
        useful.sort(key=lambda i: len(many[i]))
        micro = 32
        for first in range(0, len(useful), micro):
            chosen = useful[first : first + micro]
            ended = [[*replies[i], end] if len(replies[i]) < LIMIT else replies[i] for i in chosen]
            with torch.autocast(place.type, torch.bfloat16, enabled=place.type == "cuda"):
                loss = loss_of(
                    network, [many[i] for i in chosen], ended, advantages[chosen].to(place)
                )
            (loss * len(chosen) / max(1, len(useful))).backward()  # type: ignore[no-untyped-call]
        if useful:
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            passed = (time.monotonic() - started) / (within * 60)
            progress = min(1.0, max(step / scale.reward_steps, passed))
            optimise.step(RATE * min(1.0, 2 * (1 - progress)), decay=0.0)
        share = (rewards >= 1).float().mean().item()
        if step % 5 == 0 or step == scale.reward_steps - 1:
            used = f"{len(useful)} of {len(many)} used, {time.monotonic() - started:.0f} s"
            shown = f"right {share:.1%}, mean {rewards.mean():.3f}, {used}"
            print(f"reward step {step}/{scale.reward_steps}: {shown}", flush=True)
        if time.monotonic() - started > min(minutes, within) * 60:
            print(f"reward: the time is over after {step + 1} steps")
            break
    compute.note(
        folder, "reward", steps=step + 1, seconds=time.monotonic() - started,
        devices=parallel.devices(place),
    )  # fmt: skip
    model.save(network, folder / "rewarded.pt")
    return True
