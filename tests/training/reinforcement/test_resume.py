"""A run with rewards that is killed continues as if it had not been, if answers come one by one.

With several at once it depends on time which of them the engine computes together, and their last
digits depend on that: of 16 answers of ember with 8 slots, one differed from one time to the next.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from ingle.training.reinforcement.rollouts import CHECKS, PROMPTS, Prompt, write_prompts
from ingle.training.run_plan import RunPlan
from tests.training.models import write_base

pytestmark = [pytest.mark.extras, pytest.mark.timeout(300)]

STEPS = 4
TRAINED = """
import os, pathlib, signal, sys
# A single thread of the engine: several wait for each other, busily, where others work, too.
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
from ingle.training import run
run.STATE_EVERY_S = 0.0
folder, last = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for progress in run.Run.resume(folder).train():
    if progress.step == last - 1:
        run.STATE_EVERY_S = 1e9  # what comes after is not saved, and is done again
    if progress.step == last:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def begin(base: Path, folder: Path, **more: Any) -> Path:
    folder.mkdir()
    chance = np.random.default_rng(5)
    prompts = [Prompt(f"prompt {n}", chance.integers(100, 500, 6).tolist(), {}) for n in range(6)]
    write_prompts(folder / PROMPTS, prompts[:4])
    write_prompts(folder / CHECKS, prompts[4:])
    code = base.parent / "even.py"
    code.write_text("def score(prompt, text, example): return sum(map(ord, text)) % 7 / 7\n")
    plan = {
        "name": "run", "model": "tiny", "digest": "sha256:x", "base": str(base), "data": "",
        "data_sha256": "", "lora_rank": 4, "lora_alpha": 8.0, "max_length": 32,
        "batch_size": 2, "micro_batch_size": 2, "learning_rate": 1e-2, "max_steps": STEPS,
        "warmup_steps": 1, "eval_every": 3,
        "num_generations": 3, "max_completion_length": 5, "temperature": 4.0,
        "reward_funcs": [f"python:{code}:score"], "slots": 1,
        **more,
    }  # fmt: skip
    (folder / "run.json").write_bytes(msgspec.json.encode(msgspec.convert(plan, RunPlan)))
    return folder


def train(folder: Path, killed_after: int = 0) -> int:
    """Train in a process of its own; returns how it ended."""
    command = [sys.executable, "-c", TRAINED, str(folder), str(killed_after)]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode


def test_killed_and_resumed_it_is_as_one_that_was_not(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.gguf", kind="Q8_0")
    whole, killed = begin(base, tmp_path / "whole"), begin(base, tmp_path / "killed")
    assert train(whole) == 0
    assert train(killed, killed_after=3) == -9
    assert train(killed) == 0
    curves = [
        [
            {
                key: value
                for key, value in msgspec.json.decode(line).items()
                if key != "tokens_per_s"
            }
            for line in (folder / "losses.jsonl").read_text().splitlines()
        ]
        for folder in (whole, killed)
    ]
    assert [point["step"] for point in curves[0]] == list(range(1, STEPS + 1))
    assert len({point["reward"] for point in curves[0]}) > 1
    assert all(point["loss"] for point in curves[0])
    assert curves[0] == curves[1]
    states = [(folder / "state.safetensors").read_bytes() for folder in (whole, killed)]
    assert states[0] == states[1]
    # On several devices the answers are sampled once, and what they teach is dealt out.
    two = begin(base, tmp_path / "two", device="cpu,cpu")
    assert train(two) == 0
    found = [msgspec.json.decode(line) for line in (two / "losses.jsonl").read_text().splitlines()]
    assert found[0]["reward"] == curves[0][0]["reward"]
    assert found[0]["loss"] == pytest.approx(curves[0][0]["loss"], rel=1e-4)
    assert len(found) == STEPS
