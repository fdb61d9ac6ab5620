"""Runs: they learn, they resume number for number, and their adapters serve."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from ingle.errors import (
    DiskFull,
    DoesNotFit,
    InvalidRequest,
    RunNotFound,
    StorageError,
    TrainingFailed,
)
from ingle.training import dataset, devices, fitting, memory_plan, schedule
from ingle.training.batch import IGNORE
from ingle.training.dataset import Dataset, Document
from ingle.training.run import Run
from ingle.training.run_plan import RunPlan
from tests.training.models import write_base

pytestmark = pytest.mark.extras

torch.set_num_threads(1)


def documents(count: int = 40) -> list[Document]:
    """Each answer is its question, shifted: easy to learn, impossible to guess."""
    chance = torch.Generator().manual_seed(5)
    found = []
    for _ in range(count):
        question = torch.randint(100, 200, (8,), generator=chance).tolist()
        answer = [token + 100 for token in question]
        found.append(Document(question + answer, [False] * 8 + [True] * 8))
    return found


def begin(folder: Path, **more: Any) -> Path:
    folder.mkdir(exist_ok=True)
    base = folder / "base.gguf"
    if not base.exists():
        write_base(base, kind="Q8_0")
    run = folder / more.get("name", "run")
    dataset.write(run / "train", documents(), 64, 600)
    dataset.write(run / "validation", documents(4), 64, 600)
    plan = {
        "name": "run", "model": "tiny", "digest": "sha256:x", "base": str(base), "data": "",
        "data_sha256": "", "lora_rank": 4, "lora_alpha": 8.0, "max_length": 64,
        "batch_size": 4, "micro_batch_size": 2, "learning_rate": 1e-2, "epochs": 3.0,
        "warmup_steps": 2, "lora_dropout": 0.1,
    }  # fmt: skip
    plan |= more
    (run / "run.json").write_bytes(msgspec.json.encode(msgspec.convert(plan, RunPlan)))
    return run


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "losses.jsonl").read_text().splitlines()]


def test_a_data_set_is_packed_once_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.resume(begin(tmp_path, epochs=3.0, max_length=32, batch_size=5, lora_dropout=0.0))
    packed = 0
    rows = Dataset.rows

    def counted(self: Dataset, documents: Iterable[int]) -> list[list[int]]:
        nonlocal packed
        packed += 1
        return rows(self, documents)

    monkeypatch.setattr(Dataset, "rows", counted)
    monkeypatch.setattr(run.step_batches, "_check", None)
    steps = list(run.train())
    assert len(steps) == run.steps == 12
    assert packed == 4  # and once for the loss before the first step


def test_it_learns_and_says_so(tmp_path: Path) -> None:
    run = Run.resume(begin(tmp_path, max_steps=60))
    progress = list(run.train())
    assert progress[-1].step == progress[-1].steps == 60
    assert progress[-1].loss < 0.6 * progress[0].loss
    checked = [p.validation for p in progress if p.validation is not None]
    assert checked[-1] < checked[0]
    assert len(losses(run.folder)) == 60


def test_a_run_that_was_stopped_continues_as_if_it_had_not(tmp_path: Path) -> None:
    whole = Run.resume(begin(tmp_path, name="whole", max_steps=12))
    list(whole.train())
    stopped = Run.resume(begin(tmp_path, name="stopped", max_steps=12))
    for progress in stopped.train():
        stopped.stopping = progress.step == 5
    again = Run.resume(stopped.folder)
    assert again.step == 5
    list(again.train())
    assert losses(again.folder) == losses(whole.folder)
    state = (again.folder / "state.safetensors").read_bytes()
    assert state == (whole.folder / "state.safetensors").read_bytes()


KILLED = """
import sys, pathlib
import torch
torch.set_num_threads(1)
from ingle.training import run
run.STATE_EVERY_S = 0.0
for progress in run.Run.resume(pathlib.Path(sys.argv[1])).train():
    print(progress.step, flush=True)
"""


@pytest.mark.parametrize("eight_bit", [False, True])
def test_a_run_that_was_killed_continues_as_if_it_had_not(tmp_path: Path, eight_bit: bool) -> None:
    how = {"max_steps": 14, "optim": "adamw_8bit" if eight_bit else "adamw"}
    whole = Run.resume(begin(tmp_path, name="whole", **how))
    list(whole.train())
    assert losses(whole.folder)[-1] < 0.9 * losses(whole.folder)[0]
    assert ("first.codes" in whole.executor.state()) == eight_bit
    killed = begin(tmp_path, name="killed", **how)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(killed)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        while (line := process.stdout.readline()) and int(line) < 4:
            pass
        os.kill(process.pid, signal.SIGKILL)
    again = Run.resume(killed)
    assert 0 < again.step < 14
    list(again.train())
    assert losses(killed) == losses(whole.folder)
    state = (killed / "state.safetensors").read_bytes()
    assert state == (whole.folder / "state.safetensors").read_bytes()


def test_a_warm_up_is_a_share_of_all_steps(tmp_path: Path) -> None:
    how = {"max_steps": 7, "lr_scheduler_type": "constant", "learning_rate": 1e-3}
    run = Run.resume(begin(tmp_path, **how, warmup_ratio=0.5))
    rates = [progress.learning_rate for progress in run.train()]
    assert rates == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3, 1e-3, 1e-3])
    assert schedule.warmup(10, warmup_steps=3, warmup_ratio=0.0) == 3
    assert schedule.warmup(2, warmup_steps=3, warmup_ratio=0.0) == 2


KILLED_AT = """
import os, pathlib, signal, sys
import torch
torch.set_num_threads(1)
from ingle.training.run import Run
for progress in Run.resume(pathlib.Path(sys.argv[1])).train():
    if progress.step == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("save_every", "saved"), [(3, 6), (1, 8), (0, 0)])
def test_the_state_is_saved_every_so_many_steps(
    tmp_path: Path, save_every: int, saved: int
) -> None:
    how = {"max_steps": 10, "eval_every": 100, "save_every": save_every}
    whole = Run.resume(begin(tmp_path, name="whole", **how))
    list(whole.train())
    killed = begin(tmp_path, name="killed", **how)
    ended = subprocess.run([sys.executable, "-c", KILLED_AT, str(killed), "8"], check=False)
    assert ended.returncode == -signal.SIGKILL
    again = Run.resume(killed)
    assert again.step == saved
    list(again.train())
    assert losses(killed) == losses(whole.folder)
    state = (killed / "state.safetensors").read_bytes()
    assert state == (whole.folder / "state.safetensors").read_bytes()


@pytest.mark.parametrize("kind", ["constant", "linear", "cosine"])
def test_a_rate_of_nothing_is_no_error(tmp_path: Path, kind: str) -> None:
    run = Run.resume(begin(tmp_path, max_steps=3, learning_rate=0.0, lr_scheduler_type=kind))
    before = run.executor.parameters()
    list(run.train())
    assert all(np.array_equal(before[n], x) for n, x in run.executor.parameters().items())
    assert schedule.share("linear", 10, 10, 0) == 0.0
    assert schedule.share("cosine", 10, 10, 0) == pytest.approx(0.0)
    assert schedule.share("linear", 0, 10, 5) == 0.2


def test_a_loss_that_is_no_number_stops_at_the_last_good_step(tmp_path: Path) -> None:
    run = Run.resume(begin(tmp_path, max_steps=10))
    steps = run.train()
    next(steps)
    state = run.executor.state()
    state["blk.0.attn_q.weight.lora_a"][:] = np.nan
    run.executor.load(state)
    with pytest.raises(TrainingFailed, match="not a number"):
        list(steps)
    assert Run.resume(run.folder).step == 1


def test_a_full_disk_leaves_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.resume(begin(tmp_path, max_steps=4))
    list(run.train())
    before = (run.folder / "state.safetensors").read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ingle.training.run.save_file", full)
    with pytest.raises(DiskFull, match="intact"):
        run.save()
    assert (run.folder / "state.safetensors").read_bytes() == before


def test_what_is_damaged_or_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound):
        Run.resume(tmp_path / "nothing")
    folder = begin(tmp_path, max_steps=2)
    list(Run.resume(folder).train())
    (folder / "state.safetensors").write_bytes(b"nonsense")
    with pytest.raises(StorageError, match="damaged"):
        Run.resume(folder)
    with pytest.raises(InvalidRequest, match="512"):
        Run.resume(begin(tmp_path, name="long", max_length=4096))


def test_what_does_not_fit_is_refused_with_what_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.resume(begin(tmp_path, max_length=64))
    run.check()
    needs = run.needs()
    assert needs.base > 4 * 600 * 256
    plan = msgspec.structs.replace(run.plan, max_length=256, micro_batch_size=4)

    def thrifty(rows: int, sequence: int) -> int:
        """In the thriftiest way, which is taken where memory is short."""
        monkeypatch.setattr(memory_plan, "available", lambda _: 0)
        way = devices.choose_option(
            Path(plan.base), run.shape, device="cpu", dtype="float32", rows=rows, sequence=sequence
        )
        return way.needs.total

    for rows, sequence, hint in (
        (2, 256, "--micro-batch-size 2"), (1, 256, "--micro-batch-size 1"),
        (1, 64, "--micro-batch-size 1 --max-length 64"), (1, 0, "a smaller base"),
    ):  # fmt: skip
        free = thrifty(rows, sequence) if sequence else 2**20
        monkeypatch.setattr(memory_plan, "available", lambda _, free=free: free)
        with pytest.raises(DoesNotFit, match="MiB are free") as error:
            fitting.check(plan, 4)
        assert error.value.hint.endswith(hint) or hint in error.value.hint
        assert error.value.details["available_bytes"] == free


MEASURED = """
import pathlib, re, sys
import torch
torch.set_num_threads(1)
from ingle.training.run import Run
run = Run.resume(pathlib.Path(sys.argv[1]))
next(run.train())
# Not getrusage: a process inherits the peak of the one it was started by.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())
print(int(peak[1]) * 1024, run.needs().total)
"""


def test_moments_in_eight_bits_take_less_and_the_estimate_knows(tmp_path: Path) -> None:
    whole, short = (
        Run.resume(begin(tmp_path, name=name, optim=optim))
        for name, optim in (("whole", "adamw"), ("short", "adamw_8bit"))
    )
    sizes = [sum(x.nbytes for x in run.executor.state().values()) for run in (whole, short)]
    numbers = sum(x.size for x in whole.executor.parameters().values())
    assert sizes[1] < numbers * (4 + 2.1) < sizes[0]
    many = 10**8
    assert memory_plan.moments(many, eight_bit=True) < 0.5 * memory_plan.moments(
        many, eight_bit=False
    )
    with pytest.raises(InvalidRequest, match=r"vulkan:0 .* 32 bits"):
        devices.check_moments("vulkan:0", eight_bit=True)


@pytest.mark.parametrize("more", [{}, {"optim": "adamw_8bit"}])
def test_the_estimate_covers_what_is_used(tmp_path: Path, more: dict[str, Any]) -> None:
    folder = begin(tmp_path, micro_batch_size=4, **more)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(folder)], capture_output=True, text=True, check=True
    )
    used, needed = map(int, done.stdout.split())
    assert used < needed < 3 * used


def test_rows_hold_whole_documents_each_once(tmp_path: Path) -> None:
    dataset.write(tmp_path, documents(23), 64, 600)
    data = Dataset(tmp_path, 40)
    for epoch in range(3):
        rows = data.rows(data.order(1, epoch))
        assert sorted(d for row in rows for d in row) == list(range(23))
        assert all(len(row) <= 2 for row in rows)
    assert data.order(1, 0) == data.order(1, 0) != data.order(1, 1)
    rows = data.rows(data.order(1, 0))[:3]
    batch = data.batch(rows)
    assert batch.supervised == 8 * sum(map(len, rows))
    assert batch.documents is not None
    # The last token of a document is followed by nothing, whatever lies behind it in the row.
    last = batch.documents[:, :-1] != batch.documents[:, 1:]
    assert (batch.labels[:, :-1][last] == IGNORE).all()


def test_what_is_cut_is_counted(tmp_path: Path) -> None:
    found = [
        Document(list(range(20)), [False] * 4 + [True] * 16),
        Document(list(range(20)), [False] * 16 + [True] * 4),
        Document(list(range(5)), [False] * 3 + [True] * 2),
    ]
    written = dataset.write(tmp_path / "a", found, 10, 600)
    assert (written.documents, written.cut, written.lost) == (2, 1, 1)
    assert written.learnt == 6 + 2
    with pytest.raises(InvalidRequest, match="nothing to train on"):
        dataset.write(tmp_path / "b", found[1:2], 10, 600)
    with pytest.raises(InvalidRequest, match="token 19"):
        dataset.write(tmp_path / "c", found, 20, 19)
