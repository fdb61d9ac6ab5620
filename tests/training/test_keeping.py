"""What a run keeps: the best adapter, its states; and what it does when memory or disk run out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from ingle.errors import DeviceLost, DiskFull, DoesNotFit
from ingle.training.early_stopping import EarlyStopping
from ingle.training.exhaustion import is_out_of_memory
from ingle.training.run import Run
from ingle.training.step_timer import StepTimer
from tests.training.test_run import begin as begin_any
from tests.training.test_run import losses

pytestmark = pytest.mark.extras

torch.set_num_threads(1)


def begin(folder: Path, **more: Any) -> Path:
    """A run of short rows: what is asked here does not depend on their length."""
    return begin_any(folder, **{"max_length": 16, **more})


def looks(run: Run, found: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the validation say these losses, one after the other."""
    values = iter(found)
    monkeypatch.setattr(run.step_batches, "check", lambda _: next(values))


def test_it_ends_early_and_keeps_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.resume(begin(tmp_path, max_steps=40, eval_every=2, early_stopping_patience=2))
    looks(run, [5.0, 4.0, 4.5, 4.2], monkeypatch)
    kept: dict[int, Any] = {}
    for progress in run.train():
        kept[progress.step] = {n: x.copy() for n, x in run.executor.parameters().items()}
    assert run.step == 8
    assert run.finished
    assert (run.watch.best, run.watch.best_step) == (4.0, 4)
    assert [path.name for path in run.folder.glob("best-*")] == ["best-4.safetensors"]
    run.write_adapter()
    written = load_file(run.folder / "peft" / "adapter_model.safetensors")
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"
    assert np.array_equal(written[name], kept[4]["blk.0.attn_q.weight.lora_b"])
    assert not np.array_equal(written[name], kept[8]["blk.0.attn_q.weight.lora_b"])
    again = Run.resume(run.folder)
    assert again.finished
    assert list(again.train()) == []
    last = Run.resume(begin(tmp_path, name="last", max_steps=4, eval_every=2, keep="last"))
    looks(last, [4.0, 5.0], monkeypatch)
    list(last.train())
    last.write_adapter()
    written = load_file(last.folder / "peft" / "adapter_model.safetensors")
    assert np.array_equal(written[name], last.executor.parameters()["blk.0.attn_q.weight.lora_b"])


def test_patience_of_none_has_no_end() -> None:
    watch = EarlyStopping()
    assert watch.look(1, 2.0)
    for step in range(2, 50):
        assert not watch.look(step, 2.0)
    assert not watch.enough(0)
    assert watch.enough(48)
    assert not watch.enough(49)


KILLED = """
import sys, pathlib
import torch
torch.set_num_threads(1)
from ingle.training import run
run.STATE_EVERY_S = 1e9
for progress in run.Run.resume(pathlib.Path(sys.argv[1])).train():
    print(progress.step, flush=True)
"""


def test_after_a_kill_the_best_is_that_of_a_run_that_was_not_killed(tmp_path: Path) -> None:
    whole = Run.resume(begin(tmp_path, name="whole", max_steps=12, eval_every=2))
    list(whole.train())
    killed = begin(tmp_path, name="killed", max_steps=12, eval_every=2)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(killed)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        while (line := process.stdout.readline()) and int(line) < 5:
            pass
        os.kill(process.pid, signal.SIGKILL)
    with (killed / "losses.jsonl").open("a") as file:
        file.write('{"step": 6, "lo')  # as a kill in a write leaves it
    again = Run.resume(killed)
    assert again.step == again.watch.best_step == 4
    list(again.train())
    assert losses(killed) == losses(whole.folder)
    for name in ("state.safetensors", f"best-{whole.watch.best_step}.safetensors"):
        assert (killed / name).read_bytes() == (whole.folder / name).read_bytes()


def exhaust(run: Run, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """No more than that many rows fit into memory."""
    accumulate = run._engine.accumulate

    def limited(batch: Any, **more: Any) -> Any:
        if len(batch.tokens) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return accumulate(batch, **more)

    monkeypatch.setattr(run._engine, "accumulate", limited)


def test_out_of_memory_in_the_middle_continues_with_fewer_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {"max_steps": 4, "micro_batch_size": 4, "lora_dropout": 0.0}
    whole = Run.resume(begin(tmp_path, name="whole", **plan))
    list(whole.train())
    short = Run.resume(begin(tmp_path, name="short", **plan))
    steps = short.train()
    assert not next(steps).fewer_rows
    exhaust(short, monkeypatch, most=1)
    assert [progress.fewer_rows for progress in steps] == [1, 0, 0]
    assert short.micro_batch_size == 1
    assert Run.resume(short.folder).micro_batch_size == 1
    assert losses(short.folder) == pytest.approx(losses(whole.folder), rel=1e-4)


def test_when_not_even_one_row_fits_the_last_step_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.resume(begin(tmp_path, max_steps=4))
    steps = run.train()
    next(steps)
    exhaust(run, monkeypatch, most=0)
    with pytest.raises(DoesNotFit, match="saved at step 1") as error:
        next(steps)
    assert "ingle train --resume run" in error.value.hint
    assert Run.resume(run.folder).step == 1


def test_a_device_that_is_lost_is_told_with_what_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.resume(begin(tmp_path, max_steps=6, eval_every=2))
    looks(run, [5.0, 4.0, 3.0], monkeypatch)
    steps = run.train()
    for _ in range(3):
        next(steps)

    def lost(*_: Any, **__: Any) -> None:
        raise DeviceLost("the graphics device does not answer")

    monkeypatch.setattr(run._engine, "accumulate", lost)
    with pytest.raises(DeviceLost, match="saved at step 2") as error:
        next(steps)
    assert "ingle train --resume run" in error.value.hint
    assert Run.resume(run.folder).step == 2


def test_other_errors_are_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.resume(begin(tmp_path, max_steps=4))

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("size mismatch")

    monkeypatch.setattr(run._engine, "accumulate", broken)
    with pytest.raises(RuntimeError, match="size mismatch"):
        next(iter(run.train()))
    assert run.micro_batch_size == 2
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 bytes"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(ValueError("out of memory"))


def test_a_disk_that_is_too_small_is_told_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.resume(begin(tmp_path, max_steps=4))
    run.check()
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**20))
    with pytest.raises(DiskFull, match="1 MiB are free"):
        run.check()


def test_a_disk_that_fills_up_in_the_middle_keeps_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.resume(begin(tmp_path, max_steps=8, eval_every=2))
    looks(run, [5.0, 4.0, 3.0, 2.0], monkeypatch)
    steps = run.train()
    for _ in range(3):
        next(steps)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ingle.training.run.save_file", full)
    with pytest.raises(DiskFull, match="intact") as error:
        next(steps)
    assert "ingle train --resume run" in error.value.hint
    again = Run.resume(run.folder)
    assert again.step == again.watch.best_step == 2
    assert sorted(path.name for path in run.folder.glob("*.part")) == []


def test_the_first_step_hardly_counts_for_the_time_left() -> None:
    seconds = iter([0.0, 100.0, 102.0, 104.0])
    clock = StepTimer(lambda: next(seconds))
    clock.tick()
    assert clock.left(3) == 300.0
    clock.tick()
    assert clock.left(2) == 4.0
    clock.tick()
    assert clock.left(1) == 2.0


def test_an_adapter_carries_where_it_came_from(tmp_path: Path) -> None:
    from ingle.models.gguf import read_header

    run = Run.resume(begin(tmp_path, max_steps=4, data_sha256="ab" * 32))
    list(run.train())
    notes = read_header(run.write_adapter()).metadata
    assert notes["ingle.base"] == "sha256:x"
    assert notes["ingle.data"] == "ab" * 32
    assert json.loads(str(notes["ingle.plan"]))["lora_rank"] == 4
    curve = json.loads(str(notes["ingle.losses"]))
    assert [point[0] for point in curve] == [1, 2, 3, 4]
