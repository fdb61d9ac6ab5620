"""One run on several devices of a machine, through the node: as one, and nothing is left behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from ingle.capabilities.train.operation import RunSummary, Train
from ingle.client.home import AsyncHome
from ingle.errors import InvalidRequest, WorkerDied
from tests.training.watched import SMALL, Watched, processes, watch
from tests.waiting import eventually_async

pytestmark = [pytest.mark.extras, pytest.mark.anyio, pytest.mark.timeout(240)]
WORKER, REPLICA = "ingle.training.training_worker", "ingle.training.pytorch.replica"
STEPS = 60
TWO: dict[str, Any] = {
    **SMALL,
    "batch_size": 4,
    "micro_batch_size": 2,
    "max_steps": STEPS,
    "lora_dropout": 0.1,
}


async def gone(pids: set[int]) -> None:
    """Return when none of these processes is there any more."""
    await eventually_async(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def adapter(run: RunSummary) -> dict[str, Any]:
    return dict(load_file(Path(run.folder) / "peft" / "adapter_model.safetensors"))


async def losses(home: AsyncHome, name: str) -> list[tuple[float, float | None]]:
    return [(p.loss, p.validation) for p in (await home.show_run(name)).losses]


async def test_two_devices_are_as_one_whoever_dies(home: AsyncHome, data: Path) -> None:
    plan = {**TWO, "eval_every": 2, "early_stopping_patience": 100}
    one = await home.train("tiny", data, "one", **plan, device="cpu")
    run = watch(home, data, "two", **plan, device="cpu,cpu")
    await run.reaches(3)
    assert "on cpu,cpu" in run.notes
    replicas = processes(REPLICA)
    assert len(replicas) == 1
    os.kill(*replicas, signal.SIGKILL)
    with pytest.raises(WorkerDied, match=r"trained on cpu died \(killed by SIGKILL") as error:
        await run.task
    assert "the run is saved at step" in error.value.message
    assert error.value.hint == "ingle train --resume two"
    failed = (await home.show_run("two")).run
    assert failed.state == "failed"
    assert not processes(WORKER)
    # The worker itself: whatever it had started goes with it.
    run = Watched(home, Train(name="two", resume=True))
    await run.reaches(failed.step + 3)
    replicas, workers = processes(REPLICA), processes(WORKER)
    assert len(replicas) == 1
    os.kill(max(workers), signal.SIGKILL)  # the sandbox around it, if there is one, began before
    with pytest.raises(WorkerDied, match="SIGKILL"):
        await run.task
    await gone(replicas | workers)
    # It is stopped, and continues with fewer devices to its end.
    run = Watched(home, Train(name="two", resume=True))
    await run.reaches(failed.step + 4)
    await home.stop_run("two")
    ended = await run.task
    assert ended is not None
    assert ended.run.state == "paused"
    assert not processes(REPLICA)
    with pytest.raises(InvalidRequest, match="there is no 'warp'"):
        await home.resume_run("two", device="warp")
    two = await home.resume_run("two", device="cpu")
    assert (two.state, two.step, two.device) == ("done", STEPS, "cpu")
    alone, together = await losses(home, "one"), await losses(home, "two")
    assert [loss for loss, _ in together] == pytest.approx([x for x, _ in alone], rel=1e-4)
    for (_, look), (_, expected_look) in zip(together, alone, strict=True):
        assert look == (expected_look and pytest.approx(expected_look, rel=1e-4))
    expected, found = adapter(one), adapter(two)
    assert found.keys() == expected.keys()
    for name, numbers in expected.items():
        assert found[name] == pytest.approx(numbers, abs=1e-4)


async def test_more_devices_than_a_step_has_parts_are_refused(home: AsyncHome, data: Path) -> None:
    with pytest.raises(InvalidRequest, match="2 micro-batches, which is too few for 3") as error:
        await home.train("tiny", data, "three", **TWO, device="cpu,cpu,cpu")
    assert "--micro-batch-size" in error.value.hint
    assert await home.runs() == []
