"""Two processes that share out the micro-batches of a step train what one alone does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ingle.errors import BadModelFile, EngineMissing, InvalidRequest, TrainingFailed, WorkerDied
from ingle.training import device_list
from ingle.training.device_list import named
from ingle.training.devices import Device
from ingle.training.lora import LoraConfig
from ingle.training.pytorch.replica import Replica, ReplicaSpec
from ingle.training.pytorch.replicas import ReplicatedStep
from ingle.training.run import Run, StepProgress
from tests.training.adapters import batch
from tests.training.models import write_base
from tests.training.test_keeping import exhaust
from tests.training.test_run import begin, losses

pytestmark = pytest.mark.extras

torch.set_num_threads(1)
PLAN: dict[str, Any] = {"max_steps": 6, "batch_size": 8, "micro_batch_size": 2, "eval_every": 3}


def trained(folder: Path, **more: Any) -> tuple[Run, list[StepProgress]]:
    run = Run.resume(begin(folder, **{**PLAN, **more}))
    return run, list(run.train())


def test_two_are_as_one_and_resume_number_for_number(tmp_path: Path) -> None:
    one, alone = trained(tmp_path, name="one")
    two, together = trained(tmp_path, name="two", device="cpu,cpu")
    for found, expected in zip(together, alone, strict=True):
        assert found.loss == pytest.approx(expected.loss, rel=1e-4)
        assert found.validation == (expected.validation and pytest.approx(expected.validation))
        assert found.tokens == expected.tokens
    for name, numbers in one.executor.parameters().items():
        np.testing.assert_allclose(two.executor.parameters()[name], numbers, atol=1e-3)
    stopped = Run.resume(begin(tmp_path, **PLAN, name="stopped", device="cpu,cpu"))
    for progress in stopped.train():
        stopped.stopping = progress.step == 2
    again = Run.resume(stopped.folder)
    list(again.train())
    assert losses(again.folder) == losses(two.folder)
    state = (again.folder / "state.safetensors").read_bytes()
    assert state == (two.folder / "state.safetensors").read_bytes()
    assert not (again.folder / "meeting").exists()


def test_memory_and_numbers_that_run_out_do_so_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = trained(tmp_path, name="whole", lora_dropout=0.0)
    run = Run.resume(begin(tmp_path, **PLAN, name="short", lora_dropout=0.0, device="cpu,cpu"))
    steps = run.train()
    found = [next(steps)]
    exhaust(run, monkeypatch, most=1)
    found += [next(steps), next(steps)]
    assert [bool(progress.fewer_rows) for progress in found] == [False, True, False]
    assert [p.loss for p in found] == pytest.approx([p.loss for p in whole[:3]], rel=1e-4)
    state = run.executor.state()
    state["blk.0.attn_q.weight.lora_a"][:] = np.nan
    run.executor.load(state)
    with pytest.raises(TrainingFailed, match="not a number"):
        next(steps)


def test_one_that_dies_is_told(tmp_path: Path) -> None:
    run = Run.resume(begin(tmp_path, **PLAN, device="cpu,cpu"))
    steps = run.train()
    next(steps)
    engine = run._engine
    assert isinstance(engine, ReplicatedStep)
    engine._others[0].kill()
    with pytest.raises(WorkerDied, match=r"on cpu died .*; the run is saved at step 0") as error:
        next(steps)
    assert error.value.hint == "ingle train --resume run"
    assert isinstance(run.lost.exception(timeout=10), WorkerDied)


def test_one_that_cannot_begin_says_why(tmp_path: Path) -> None:
    run = Run.resume(begin(tmp_path, **PLAN, device="cpu,cpu"))
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF nonsense")
    bad.replace(tmp_path / "base.gguf")  # what is open already stays as it is
    with pytest.raises(BadModelFile):
        next(run.train())
    assert not run.lost.done()


def test_a_replica_says_what_went_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = str(write_base(tmp_path / "base.gguf"))
    shape = LoraConfig(rank=4, alpha=8.0)
    replica = Replica(ReplicaSpec(base, shape, "cpu", "float32", 1, 2, 24, 2, "", 1, 2))
    given = (batch(), 0, 0.1)
    assert replica.execute("add", given) is None
    done, loss = replica.execute("settle", ()) or ("", 0.0)
    assert (done, loss > 0) == ("done", True)

    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(replica._step, "accumulate", full)
        assert replica.execute("add", given) is None
    assert replica.execute("add", given) is None  # as long as no one has asked
    assert replica.execute("settle", ()) == ("full", "CUDA out of memory")
    assert replica.execute("forget", ()) is None
    assert not any(x.any() for x in replica._executor.gradients().values())
    assert replica.execute("add", given) is None
    assert replica.execute("settle", ()) == ("done", loss)


def test_what_devices_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with several of each."""

    def there(**_: Any) -> list[Device]:
        kinds = {"cuda:0": "cuda", "cuda:1": "cuda", "cuda:10": "cuda", "xpu:0": "xpu",
                 "xpu:1": "xpu", "vulkan:0": "vulkan", "vulkan:1": "vulkan",
                 "cpu": "cpu"}  # fmt: skip
        return [Device(name, kind, "", None, None) for name, kind in kinds.items()]  # type: ignore[arg-type]

    monkeypatch.setattr(device_list, "listing", there)
    assert named("cuda") == ("cuda:0", "cuda:1", "cuda:10")
    assert named("cuda:1, cuda:0") == ("cuda:1", "cuda:0")
    assert (named("vulkan"), named("xpu")) == (("vulkan:0",), ("xpu:0",))
    assert named("cpu,cpu", parts=2) == ("cpu", "cpu")
    for text, words in (
        ("cpu,vulkan", "different kinds"), ("cuda,cpu", "different kinds"),
        ("vulkan:0,vulkan:1", "a single vulkan device"), ("xpu:0,xpu:1", "a single xpu device"),
        ("cuda:1,cuda:1", "twice"), ("cuda:2", "no 'cuda:2'"), ("cuda:0,", "no ''"),
    ):  # fmt: skip
        with pytest.raises(InvalidRequest, match=words) as error:
            named(text)
        assert error.value.hint
        assert error.value.details["field"] == "device"
    with monkeypatch.context() as patched:
        without = [Device("vulkan", "vulkan", "", None, None, missing="pip install x")]
        patched.setattr(device_list, "listing", lambda **_: without)
        with pytest.raises(EngineMissing) as missing:
            named("vulkan:1")
        assert missing.value.hint == "pip install x"
    with pytest.raises(InvalidRequest, match="too few for 3 devices"):
        named("cuda", parts=2)
