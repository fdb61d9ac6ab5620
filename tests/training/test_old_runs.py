"""A run whose files have the names of before is listed, shown and resumed.

``recorded/letters`` was paused at its fifth step, before settings had today's names.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingle.capabilities.train import aliases
from ingle.client.home import AsyncHome, open_async
from ingle.config import Settings
from ingle.models.store import Store
from ingle.training.run_plan import RunPlan
from tests.training.models import write_base

pytestmark = [pytest.mark.extras, pytest.mark.anyio, pytest.mark.timeout(240)]
RECORDED = Path(__file__).parent / "recorded" / "letters"


@pytest.fixture
async def old(tmp_path: Path, settings: Settings) -> AsyncIterator[AsyncHome]:
    """A node that finds the run among its own, and has its base."""
    base = write_base(tmp_path / "tiny.gguf", kind="Q8_0", layers=1, width=64, wide=64)
    model = Store(settings.models_path).add_path(base, "tiny")
    folder = settings.state_path / "runs" / "letters"
    shutil.copytree(RECORDED, folder)
    plan = (folder / "run.json").read_text()
    plan = plan.replace("BASE", str(model.path)).replace("DIGEST", model.digest)
    (folder / "run.json").write_text(plan)
    async with open_async(settings) as opened:
        yield opened


def test_what_was_recorded_has_all_the_old_names() -> None:
    plan = json.loads((RECORDED / "run.json").read_bytes())
    assert set(aliases.RENAMED) <= set(plan)
    assert not set(aliases.RENAMED.values()) & set(plan)


async def test_it_is_shown_by_todays_names(old: AsyncHome) -> None:
    (run,) = await old.runs()
    assert (run.state, run.step, run.best_step) == ("paused", 5, 4)
    details = await old.show_run("letters")
    assert (details.plan["lora_rank"], details.plan["optim"]) == (2, "adamw_8bit")
    assert not set(aliases.RENAMED) & set(details.plan)
    assert details.losses[0].learning_rate == pytest.approx(1e-2 / 3)
    assert (await old.show_job("letters")).plan == details.plan


async def test_one_whose_plan_is_damaged_says_so_and_hides_no_other(
    old: AsyncHome, settings: Settings
) -> None:
    folder = settings.state_path / "runs"
    shutil.copytree(folder / "letters", folder / "spoilt")
    (folder / "spoilt" / "run.json").write_bytes(b"\0" * 900)
    runs = {run.name: run for run in await old.runs()}
    assert (runs["letters"].state, runs["spoilt"].state) == ("paused", "damaged")
    assert "run.json is damaged" in runs["spoilt"].error
    assert runs["spoilt"].hint == "ingle runs rm spoilt"


async def test_it_is_resumed(old: AsyncHome, settings: Settings) -> None:
    folder = settings.state_path / "runs" / "letters"
    before = (folder / "losses.jsonl").read_text().splitlines()
    run = await old.resume_run("letters", device="cpu")
    assert (run.state, run.step, run.adapter) == ("done", 10, "letters:1")
    points = [json.loads(line) for line in (folder / "losses.jsonl").read_text().splitlines()]
    assert [point["step"] for point in points] == list(range(1, 11))
    assert [point["loss"] for point in points[:5]] == [json.loads(line)["loss"] for line in before]
    # It rises for three steps of warm-up, and falls in a line to the tenth.
    rates = [point["learning_rate"] for point in points[5:]]
    assert rates == pytest.approx([1e-2 * (10 - step) / 7 for step in range(5, 10)])
    plan = json.loads((folder / "run.json").read_bytes())
    assert set(plan) == set(RunPlan.__struct_fields__)  # written anew, since a device was named
    assert plan["num_generations"] == 8
    assert (await old.show_adapter("letters")).plan["lora_rank"] == 2
