"""Runs that TRL makes: from the command's request to an adapter or a model in the store."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

from ingle.capabilities.train.operation import LossPoint, Train, TrainingProgress
from ingle.capabilities.train.request import training_request
from ingle.client.home import AsyncHome, open_async
from ingle.config import Settings
from ingle.errors import InvalidRequest, WorkerDied
from ingle.models import adapter_provenance
from ingle.models.gguf import read_header
from ingle.training.run import Run
from ingle.training.run_plan import RunPlan
from tests.training.test_node import Watched
from tests.training.trl.conftest import write

pytestmark = [pytest.mark.extras, pytest.mark.anyio, pytest.mark.timeout(240)]
TRL: dict[str, Any] = {
    "backend": "trl", "device": "cpu", "lora_rank": 2, "max_length": 16, "batch_size": 4,
    "micro_batch_size": 2, "learning_rate": 1e-2, "warmup_steps": 1,
}  # fmt: skip


def watch(home: AsyncHome, data: Path, name: str, **options: Any) -> Watched:
    return Watched(home, training_request("tiny", str(data), name, options))


def folder_of(home: AsyncHome, name: str) -> Path:
    return Path(os.environ["INGLE_STATE_DIR"]) / "runs" / name


async def finished(home: AsyncHome, watched: Watched) -> list[LossPoint]:
    ended = await watched.task
    assert ended is not None, watched.events
    assert ended.run.state == "done", ended
    return (await home.show_run(ended.run.name)).losses


async def test_examples_are_learnt_as_here_and_a_killed_run_of_two_processes_continues(
    home: AsyncHome, data: Path, checks: Path, tmp_path: Path
) -> None:
    how = {
        **TRL, "batch_size": 2, "max_steps": 12, "eval_every": 1, "keep": "last",
        "validation": str(checks),
    }  # fmt: skip
    whole = watch(home, data, "whole", **how)
    losses = await finished(home, whole)
    assert [point.step for point in losses] == list(range(1, 13))
    assert losses[-1].loss < losses[0].loss
    assert losses[-1].validation is not None
    assert losses[0].learning_rate == pytest.approx(1e-2)
    folder = folder_of(home, "whole")
    made = adapter_provenance.provenance(folder / "adapter.gguf")
    plan = msgspec.json.decode((folder / "run.json").read_bytes(), type=RunPlan)
    assert (made.base, made.data, made.step, made.rank) == (
        plan.digest, plan.data_sha256, 12, 2,
    )  # fmt: skip
    assert [adapter.name for adapter in await home.adapters()] == ["whole", "whole:1"]
    answer = await home.complete("aaa", "tiny+whole", max_tokens=2)
    assert answer.text is not None
    peft = json.loads((folder / "peft" / "adapter_config.json").read_text())
    assert peft["base_model_name_or_path"] == "tiny"

    begun = watch(home, data, "killed", **{**how, "nproc_per_node": 2})
    await begun.reaches(3)
    ranks = [p for p in psutil.Process().children(recursive=True) if _is_rank(p)]
    assert len(ranks) == 2
    ranks[0].send_signal(signal.SIGKILL)
    with pytest.raises(WorkerDied) as died:
        await begun.task
    assert died.value.hint == "ingle train --resume killed"
    assert "died" in died.value.message
    with pytest.raises(InvalidRequest, match="killed started on cpu"):
        await home.resume_run("killed", device="cuda")
    again = Watched(home, Train(name="killed", resume=True))
    resumed = await finished(home, again)
    assert [point.step for point in resumed] == list(range(1, 13))
    assert "from step" in again.notes
    np.testing.assert_allclose(
        [point.loss for point in resumed], [point.loss for point in losses], rtol=1e-3
    )


async def test_it_warms_up_by_a_share_and_is_saved_every_so_many_steps(
    home: AsyncHome, data: Path
) -> None:
    how = {name: value for name, value in TRL.items() if name != "warmup_steps"}
    how |= {"max_steps": 2000, "warmup_ratio": 0.005, "save_every": 4}
    begun = watch(home, data, "killed", **how)
    await begun.reaches(6)
    steps = [event for event in begun.events if isinstance(event, TrainingProgress)]
    assert [event.learning_rate for event in steps[:6]] == pytest.approx(
        [1e-2 * step / 10 for step in range(1, 7)]
    )
    for process in psutil.Process().children(recursive=True):
        if _is_rank(process):
            process.send_signal(signal.SIGKILL)
    with pytest.raises(WorkerDied):
        await begun.task
    places = (folder_of(home, "killed") / "trl" / "checkpoints").glob("*/place.json")
    saved = sorted(json.loads(place.read_bytes())["step"] for place in places)
    assert saved
    assert all(step % 4 == 0 for step in saved)
    again = Watched(home, Train(name="killed", resume=True))
    await again.reaches(saved[-1] + 1)
    first = next(event for event in again.events if isinstance(event, TrainingProgress))
    assert first.step == saved[-1] + 1
    await home.stop_run("killed")
    await again.task


async def test_two_nodes_train_a_whole_model_from_the_loss_that_we_find(
    home: AsyncHome, trl_settings: Settings, data: Path, checks: Path, tmp_path: Path
) -> None:
    how = {k: v for k, v in TRL.items() if k != "lora_rank"} | {
        "full": True, "max_steps": 2, "batch_size": 8, "learning_rate": 1e-3,
        "validation": str(checks), "nnodes": 2, "rdzv_endpoint": f"127.0.0.1:{_free_port()}",
    }  # fmt: skip
    second = msgspec.structs.replace(trl_settings, state_dir=str(tmp_path / "second"), port=0)
    async with open_async(second) as other:
        alone = watch(other, data, "alone", **{**how, "node_rank": 1})
        while "TRL trains" not in alone.notes:  # now it waits for the first node
            await alone.changed()
        await other.stop_run("alone")
        paused = await alone.task
        assert paused is not None
        assert (paused.run.state, paused.run.step) == ("paused", 0)
        there = watch(other, data, "both", **{**how, "node_rank": 1})
        found = await finished(home, watch(home, data, "both", **how))
        ended = await there.task
    assert ended is not None
    assert (ended.run.state, ended.run.made, ended.run.loss) == ("done", "", found[1].loss)
    run = (await home.show_run("both")).run
    assert (run.made, run.adapter) == ("both", "")
    header = read_header(Path((await home.show("both")).files[0]))
    assert {tensor.type.name for tensor in header.tensors} == {"F32", "F16"}
    assert header.metadata["ingle.step"] == "2"
    assert header.metadata["ingle.base"] == (await home.show("tiny")).digest
    assert (await home.complete("aaa", "both", max_tokens=2)).text is not None
    entry = (await home.ledger())[0]
    assert (entry.operation, entry.to, entry.outcome) == ("train", how["rdzv_endpoint"], "done")
    # Our own trainer, given the same files, begins with the same loss.
    folder, ours = folder_of(home, "both"), tmp_path / "ours"
    shutil.copytree(folder / "train", ours / "train")
    plan = msgspec.json.decode((folder / "run.json").read_bytes(), type=RunPlan)
    plan = msgspec.structs.replace(plan, backend="ingle", lora_rank=2, max_steps=1)
    (ours / "run.json").write_bytes(msgspec.json.encode(plan))
    (first,) = Run.resume(ours).train()
    assert found[0].loss == pytest.approx(first.loss, abs=1e-4)
    await home.remove_run("both")
    with pytest.raises(InvalidRequest, match="there is a model 'both' already"):
        await watch(home, data, "both", **how).task


async def test_pairs_are_learnt(home: AsyncHome, tmp_path: Path) -> None:
    pairs = write(
        tmp_path / "pairs.jsonl",
        [{"prompt": chr(97 + n) * 3, "chosen": "yes", "rejected": "no"} for n in range(20)],
    )
    how = {
        **TRL,
        "method": "dpo",
        "max_steps": 500,
        "eval_every": 2,
        "beta": 0.5,
        "learning_rate": 3e-3,
    }
    run = watch(home, pairs, "pairs", **how)
    await run.reaches(5)
    told = await home.stop_run("pairs", keep=True)
    ended = await run.task
    assert ended is not None
    assert (ended.run.state, ended.run.adapter) == ("stopped", "pairs:1")
    assert "its adapter is pairs:1" in told
    losses = (await home.show_run("pairs")).losses
    assert "19 pairs of answers" in run.notes
    assert "1 for validation" in run.notes
    assert losses[0].loss == pytest.approx(math.log(2), abs=1e-4)  # nothing is preferred yet
    assert losses[4].loss < losses[0].loss
    assert [point.step for point in losses if point.validation is not None][:2] == [2, 4]
    found = json.loads((folder_of(home, "pairs") / "pairs.jsonl").read_text().splitlines()[0])
    assert len(found["prompt_ids"]) == 3
    assert found["chosen_ids"][-1] == found["rejected_ids"][-1] == 599


async def test_rewards_are_ours_and_judge_there_before_and_after_a_kill(
    home: AsyncHome, tmp_path: Path
) -> None:
    prompts = write(tmp_path / "prompts.jsonl", [{"prompt": "aaa", "answer": "b"}] * 2)
    judge = tmp_path / "judge.py"
    judge.write_text(
        "from pathlib import Path\n"
        "def judge(prompt, answer, example):\n"
        "    with Path(__file__).with_name('judged').open('a') as file:\n"
        "        print(prompt, example['answer'], file=file)\n"
        "    return 2.0\n"
    )
    run = watch(
        home, prompts, "rewarded",
        **{**TRL, "reward_funcs": [f"0.5*python:{judge}:judge", "length:1"], "batch_size": 2,
           "num_generations": 4,
           "max_completion_length": 4, "max_steps": 10, "validation": str(prompts),
           "eval_every": 2},
    )  # fmt: skip
    await run.reaches(3)
    (rank,) = (p for p in psutil.Process().children(recursive=True) if _is_rank(p))
    rank.send_signal(signal.SIGKILL)
    with pytest.raises(WorkerDied):
        await run.task
    judged = folder_of(home, "rewarded") / "judged"
    before = [point.reward for point in (await home.show_run("rewarded")).losses]
    judged.unlink()
    again = Watched(home, Train(name="rewarded", resume=True))
    losses = await finished(home, again)
    assert [point.step for point in losses] == list(range(1, 11))
    assert all(1.0 <= (point.reward or 0.0) <= 2.0 for point in losses)
    assert -2.0 <= (losses[-1].validation or 0.0) <= -1.0
    # What was sampled after the last saved moment is sampled once more, and the same.
    assert [point.reward for point in losses[: len(before)]] == before
    found = re.search(r"from step (\d)", again.notes)
    assert found
    assert int(found[1]) in (2, 4, 6, 8)
    left = 10 - int(found[1])
    lines = judged.read_text().splitlines()
    assert len(lines) == left * 2 * 4 + left // 2 * 2
    assert set(lines) == {"aaa b"}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _is_rank(process: psutil.Process) -> bool:
    try:
        line = process.cmdline()
    except psutil.NoSuchProcess:  # it has ended, perhaps without anyone having looked yet
        return False
    return "ingle.training.trl.inside" in line and "accelerate.commands.launch" not in line
