"""Stage 7, probe: quick figures of every task in torch, greedy, before anything is exported.

`seen` are phrasings of training with other contents, `held out` those that training never showed.
The evaluate stage measures again, on the shipped file.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from pathlib import Path

from tokenizers import Tokenizer

from . import chat, model, sampling, tasks, tokenizer
from .loop import device
from .scale import Scale
from .tasks.checks import is_json, is_right

UNUSED_SEEDS = 90_000_000  # beyond those of training and of the evaluate stage
LIMIT = 220


def read(encoder: Tokenizer, reply: list[int]) -> chat.Message:
    return chat.parse(encoder.decode(reply, skip_special_tokens=False))


def label(conversation: chat.Conversation) -> str:
    if conversation.task == "arithmetic":
        return "arithmetic, " + ("thinking" if conversation.thinking else "direct")
    return conversation.task


def figures(
    network: model.Qwen3, facts: tasks.Facts, encoder: Tokenizer, split: str, items: int
) -> tuple[dict[str, list[float]], dict[str, list[str]]]:
    """For each task the share of right answers and their number; and some wrong answers."""
    asked = [
        tasks.one(facts, name, split, UNUSED_SEEDS + index)
        for name in tasks.TASKS
        for index in range(items * (2 if name == "arithmetic" else 1))
    ]
    prompts = [encoder.encode(chat.render(c)[0]).ids for c in asked]
    end = encoder.token_to_id(chat.TURN_END) or 0
    replies = sampling.answers(sampling.for_sampling(network), prompts, LIMIT, end)
    hits: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    wrong: dict[str, list[str]] = defaultdict(list)
    for conversation, reply in zip(asked, replies, strict=True):
        name, message = label(conversation), read(encoder, reply)
        right = is_right(conversation.check, message)
        judged = {name: right, "stops": len(reply) < LIMIT}
        if "json" in conversation.check:
            judged["JSON is valid"] = is_json(message["content"])
        for key, good in judged.items():
            counts[key] += 1
            hits[key] += good
        if not right and len(wrong[name]) < 6:
            prompt, answer = chat.render(conversation)
            written = encoder.decode(reply, skip_special_tokens=False)
            wrong[name].append(f"{prompt[-900:]}\n>>> {answer}\n<<< {written}")
    return {key: [hits[key] / n, n] for key, n in counts.items()}, wrong


def run(scale: Scale, folder: Path, source: str = "instructed.pt") -> None:
    """Write probe.json and probe-wrong.txt."""
    started = time.monotonic()
    facts, encoder = tasks.load_facts(folder), tokenizer.load(folder)
    network = model.load(folder / source).to(device())
    seen, _ = figures(network, facts, encoder, "train", scale.evaluation_items)
    held, wrong = figures(network, facts, encoder, "test", scale.evaluation_items)
    for name in held:
        print(f"{name:24} seen {seen[name][0]:6.1%}  held out {held[name][0]:6.1%}", flush=True)
    (folder / "probe.json").write_text(json.dumps({"seen": seen, "held out": held}, indent=1))
    text = "\n\n".join(f"## {name}\n\n{case}" for name in wrong for case in wrong[name])
    (folder / "probe-wrong.txt").write_text(text, encoding="utf-8")
    print(f"probe: {source} took {time.monotonic() - started:.0f} s")
