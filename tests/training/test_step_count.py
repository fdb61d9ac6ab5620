"""Steps follow the data: a small data set is learnt by default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from ingle.training import dataset, planning, step_count
from ingle.training.dataset import DatasetSummary
from ingle.training.run import Run
from ingle.training.run_plan import RunPlan
from tests.training.models import write_base
from tests.training.test_run import documents, losses

pytestmark = pytest.mark.extras


def plan_of(base: Path = Path("base.gguf"), **given: Any) -> RunPlan:
    fixed = {
        "name": "run", "model": "tiny", "digest": "sha256:x", "base": str(base), "data": "",
        "data_sha256": "",
    }  # fmt: skip
    return msgspec.convert(fixed | given, RunPlan)


def data(documents: int, each: int) -> DatasetSummary:
    return DatasetSummary(documents, documents * each, documents * each // 2, 0, 0, 0)


@pytest.mark.parametrize(
    ("given", "summary", "size", "unit", "steps"),
    [
        ({}, data(30, 50), 2, "examples", 45),
        ({"epochs": 6.0}, data(30, 50), 4, "examples", 45),
        ({}, data(3, 50), 1, "examples", 40),
        ({"epochs": 3.0}, data(3, 50), 1, "examples", 9),
        ({"batch_size": 8}, data(30, 50), 8, "examples", 40),
        ({"batch_size": 8, "epochs": 1.0}, data(30, 50), 8, "examples", 4),
        ({}, data(1000, 51), 75, "examples", 40),
        ({"backend": "trl"}, data(30, 50), 2, "examples", 45),
        ({"backend": "trl", "nproc_per_node": 3}, data(30, 50), 3, "examples", 40),
        ({"backend": "trl", "nproc_per_node": 4}, data(300, 50), 20, "examples", 45),
        ({"backend": "trl", "batch_size": 4}, data(30, 50), 4, "examples", 40),
        ({"max_length": 2048}, data(100, 2048), 7, "examples", 43),
    ],
)
def test_what_a_plan_leaves_open(
    given: dict[str, Any], summary: DatasetSummary, size: int, unit: str, steps: int
) -> None:
    plan = step_count.following(plan_of(**given), summary)
    assert (plan.batch_size, plan.batch_of) == (size, unit)
    assert step_count.steps(summary.documents, plan.epochs, plan.batch_size) == steps


def test_large_data_fill_whole_rows() -> None:
    plan = step_count.following(plan_of(), data(5000, 50))
    assert (plan.batch_size, plan.batch_of, plan.epochs) == (8, "rows", 3.0)


def begun(folder: Path, count: int, **given: Any) -> Run:
    """A run of short documents, four of which fit into a row, as preparing leaves it."""
    base = write_base(folder / "base.gguf", kind="Q8_0")
    plan = plan_of(base, **{"max_length": 64, "learning_rate": 1e-2, "lora_rank": 4, **given})
    summary = dataset.write(folder / "run" / "train", documents(count), 64, 600)
    planning.write(folder / "run", step_count.following(plan, summary))
    return Run.resume(folder / "run")


def test_thirty_examples_are_learnt_by_default(tmp_path: Path) -> None:
    run = begun(tmp_path, 30)
    assert "45 steps of 2 examples;" in run.summary()
    list(run.train())
    found = losses(tmp_path / "run")
    assert np.mean(found[-5:]) < 0.3 * np.mean(found[:5])


def test_the_loss_before_and_after_is_told(tmp_path: Path) -> None:
    run = begun(tmp_path, 10, max_steps=12)
    list(run.train())
    told = re.fullmatch(
        r"loss of the answers it was trained on: ([\d.]+) before, ([\d.]+) after", run.outcome()
    )
    assert told is not None
    assert float(told[2]) < 0.6 * float(told[1])
    again = Run.resume(run.folder)
    assert again.outcome() == run.outcome()


def test_a_loss_that_did_not_fall_is_told(tmp_path: Path) -> None:
    run = begun(tmp_path, 10, max_steps=3, learning_rate=0.0)
    list(run.train())
    assert run.outcome().endswith(
        "It did not fall: this adapter is no better than its base. Try more steps (--max-steps)"
    )
    dataset.write(run.folder / "validation", documents(4), 64, 600)
    held_out = Run.resume(run.folder)
    held_out.step = 0
    list(held_out.train())
    assert held_out.outcome().startswith("loss of the held-out answers: ")
    assert held_out.outcome().endswith("no better than its base. Try more or other examples")


def test_too_few_steps_are_told_before_the_first() -> None:
    assert step_count.remark(30) == ""
    assert step_count.remark(6) == (
        "; with fewer than about 30 steps an adapter learns little: --max-steps 60"
    )


def test_a_run_of_too_few_steps_says_so(tmp_path: Path) -> None:
    run = begun(tmp_path, 30, epochs=1.0, batch_size=8)
    assert "4 steps of 8 examples; about" in run.summary()
    assert run.summary().endswith("--max-steps 60")


def test_nothing_is_padded_on_the_processor(tmp_path: Path) -> None:
    run = begun(tmp_path, 30, batch_size=7, micro_batch_size=4)
    for step in range(run.steps):
        found = run.step_batches.step_batch(step, 4)
        assert all((batch.documents >= 0).all() for batch in found.batches)
        assert found.tokens == 7 * 16
        assert found.supervised == 7 * 8


def test_an_epoch_has_each_example_once(tmp_path: Path) -> None:
    run = begun(tmp_path, 30, batch_size=10, epochs=2.0)
    assert run.steps == 6
    for epoch in range(2):
        seen = [
            number
            for step in range(3)
            for batch in run.step_batches.step_batch(3 * epoch + step, 4).batches
            for number in np.unique(batch.documents).tolist()
        ]
        assert sorted(seen) == list(range(30))


def test_shapes_repeat_where_work_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(tmp_path, 30, batch_size=17, micro_batch_size=4)
    monkeypatch.setattr(run.executor, "repeats", True)
    shapes = {
        batch.tokens.shape
        for step in range(run.steps)
        for batch in run.step_batches.step_batch(step, 4).batches
    }
    assert shapes == {(4, 64)}
    one = begun(tmp_path, 30, batch_size=2)
    monkeypatch.setattr(one.executor, "repeats", True)
    assert one.step_batches.step_batch(0, 1).batches[0].tokens.shape == (1, 32)
