"""python -m recipes.orders --out DIR [--scale tiny|full] [--stages train,reward,same]

Adapts the embedded model on this machine, as a person would, and says what came of it:

    train   a few hundred order slips; exact slips of held-out customers, before and after
    reward  words put in order, learnt from a reward alone; held-out words, before and after
    same    a few steps on the processor and on Vulkan: is it the same adapter?

Everything it makes, and results.json, is in DIR.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

import ingle

from ..ember.intervals import paired, wilson
from .slips import slips
from .sorting import lists

STAGES = ("train", "reward", "same")


@dataclass(frozen=True)
class Scale:
    examples: int
    steps: int
    reward_steps: int
    asked: int  # held-out questions
    same_steps: int


SCALES = {
    "tiny": Scale(examples=40, steps=3, reward_steps=1, asked=6, same_steps=2),
    "full": Scale(examples=600, steps=150, reward_steps=40, asked=200, same_steps=8),
}


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def right(node: Any, model: str, asked: list[tuple[str, str]]) -> list[bool]:
    """Which questions are answered exactly, each in a conversation of its own."""
    return [
        node.chat(model, temperature=0.0, max_tokens=40).send(prompt).text.strip() == answer
        for prompt, answer in asked
    ]


def figures(before: list[bool], after: list[bool]) -> dict[str, Any]:
    found = {
        name: {"right": sum(hits), "of": len(hits), "interval": wilson(sum(hits), len(hits))}
        for name, hits in (("before", before), ("after", after))
    }
    return found | {"gain": paired(after, before)}


def train(node: Any, out: Path, scale: Scale) -> dict[str, Any]:
    rows = [slip._asdict() for slip in slips(scale.examples, seed=1)]
    data = write(out / "slips.jsonl", rows)
    asked = [(s.prompt, s.completion) for s in slips(scale.asked, seed=2, held_out=True)]
    before = right(node, "ember", asked)
    node.train(
        "ember", data, "slips", lora_rank=16, learning_rate=2e-3, max_steps=scale.steps,
        batch_size=2, micro_batch_size=2, max_length=256, device="cpu", keep="last",
    )  # fmt: skip
    return figures(before, right(node, "ember+slips", asked))


def reward(node: Any, out: Path, scale: Scale) -> dict[str, Any]:
    rows = [{"prompt": q, "answer": a} for q, a in lists(scale.examples, seed=3)]
    data = write(out / "lists.jsonl", rows)
    asked = lists(scale.asked, seed=4, held_out=True)
    before = right(node, "ember", asked)
    node.train(
        "ember", data, "lists", reward_funcs=["answer"], lora_rank=8, learning_rate=2e-3,
        warmup_steps=2, max_steps=scale.reward_steps, batch_size=8, num_generations=8,
        max_completion_length=24, max_length=160, micro_batch_size=16, device="cpu", keep="last",
    )  # fmt: skip
    return figures(before, right(node, "ember+lists", asked))


def same(node: Any, out: Path, scale: Scale) -> dict[str, Any]:
    data = write(out / "few.jsonl", [slip._asdict() for slip in slips(16, seed=5)])
    found = {}
    for device in ("cpu", "vulkan:0"):
        name = f"same-{device.partition(':')[0]}"
        node.train(
            "ember", data, name, lora_rank=8, learning_rate=1e-3,
            max_steps=scale.same_steps, batch_size=1, micro_batch_size=1, max_length=128,
            warmup_steps=1, device=device, keep="last",
        )  # fmt: skip
        details = node.show_run(name)
        found[device] = details, sides(Path(details.run.folder) / "adapter.gguf")
    (one, a), (other, b) = found.values()
    difference = np.concatenate([(a[n] - b[n]).ravel() for n in a])
    learnt = np.concatenate([b[n].ravel() for n in b])
    return {
        "steps": scale.same_steps,
        "losses": [[round(p.loss, 5) for p in run.losses] for run in (one, other)],
        "relative_difference": float(np.linalg.norm(difference) / np.linalg.norm(learnt)),
    }


def sides(path: Path) -> dict[str, Any]:
    """The numbers of B: they begin at zero, so all of them was learnt."""
    tensors = gguf.GGUFReader(path).tensors
    return {t.name: np.array(t.data) for t in tensors if t.name.endswith("lora_b")}


def main() -> int:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("recipes.orders", description=__doc__, formatter_class=plain)
    parser.add_argument("--scale", choices=SCALES, default="tiny")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "results.json"
    results: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    stages = {"train": train, "reward": reward, "same": same}
    with ingle.open(state_dir=str(out / "state")) as node:
        for name in arguments.stages.split(","):
            print(f"== {name}", flush=True)
            results[name] = stages[name](node, out, SCALES[arguments.scale])
            kept.write_text(json.dumps(results, indent=1))
            print(json.dumps(results[name]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
