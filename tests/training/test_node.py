"""Runs through the node: started, followed, stopped, resumed; one on a device at a time."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from ingle.capabilities.train.operation import FollowRun, Train, TrainingNote, TrainingProgress
from ingle.capabilities.train.request import training_request
from ingle.client.home import AsyncHome, open_async
from ingle.config import Settings
from ingle.errors import (
    Busy,
    Cancelled,
    CapabilityMissing,
    DoesNotFit,
    InvalidRequest,
    NotFound,
    RunNotFound,
    WorkerDied,
)
from ingle.models.store import Store
from ingle.operations import Event
from tests.training.models import split_base, write_base
from tests.training.watched import FOREVER, SMALL, Watched, processes, watch
from tests.waiting import eventually_async

pytestmark = [pytest.mark.extras, pytest.mark.anyio, pytest.mark.timeout(240)]


async def test_a_run_from_beginning_to_end(home: AsyncHome, data: Path) -> None:
    heard: list[Event] = []
    run = await home.train("tiny", data, on_event=heard.append, **SMALL, max_steps=6, eval_every=2)
    assert (run.name, run.state, run.step, run.steps) == ("letters", "done", 6, 6)
    assert run.best is not None
    notes = [event.text for event in heard if isinstance(event, TrainingNote)]
    assert any("trained on" in note for note in notes)
    assert any("MiB of memory, on cpu" in note for note in notes)
    steps = [event for event in heard if isinstance(event, TrainingProgress)]
    assert [event.step for event in steps] == [1, 2, 3, 4, 5, 6]
    (adapter,) = [a for a in await home.adapters() if a.name == run.adapter]
    assert adapter.architecture == "qwen3"
    details = await home.show_run("letters")
    assert [point.loss for point in details.losses] == [event.loss for event in steps]
    assert details.data["train"]["documents"] == 23
    assert details.plan["lora_rank"] == 2
    assert [found.name for found in await home.runs()] == ["letters"]
    with pytest.raises(InvalidRequest, match="already"):
        await home.train("tiny", data, **SMALL)
    with pytest.raises(RunNotFound, match="letters"):
        await home.show_run("numbers")
    with pytest.raises(InvalidRequest, match="unknown training option speed"):
        await home.train("tiny", data, "other", speed=2)
    with pytest.raises(InvalidRequest, match="rank"):
        await home.train("tiny", data, "other", lora_rank=0)
    await home.remove_run("letters")
    assert await home.runs() == []
    # What turned texts into tokens was loaded for the run alone, and is gone.
    assert (await home.status()).workers == []


async def test_bad_data_leaves_no_run_behind(home: AsyncHome, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a"}\n')
    with pytest.raises(InvalidRequest, match=r"bad\.jsonl, line 2") as error:
        await home.train("tiny", bad, **SMALL)
    assert error.value.details["line"] == 2
    assert await home.runs() == []


async def test_a_model_in_several_files_takes_adapters_and_is_no_base(
    home: AsyncHome, data: Path, tmp_path: Path
) -> None:
    run = await home.train("tiny", data, "style", **SMALL, max_steps=1)
    parts = split_base(Path((await home.show("tiny")).files[0]).resolve(), "parts", tmp_path)
    assert len(parts) > 2
    Store(home.settings.models_path).add_path(parts[0], "big")
    with pytest.raises(CapabilityMissing, match=f"in {len(parts)} files") as error:
        await home.train("big", data, "other", **SMALL)
    assert error.value.hint.startswith("llama-gguf-split --merge ")
    assert [found.name for found in await home.runs()] == ["style"]
    await home.allow_adapter(run.adapter, "big")
    answer = await home.complete("abc", f"big+{run.adapter}", max_tokens=2)
    assert answer.usage.completion_tokens == 2


async def test_a_cached_data_set_is_read_through_its_links(
    home: AsyncHome, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox of the process lets it see the cache, and what links in it lead to."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    folder = tmp_path / "hf" / "hub" / "datasets--ember--letters"
    snapshot = folder / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (folder / "blobs").mkdir()
    data.rename(folder / "blobs" / "0123")
    (snapshot / "train.jsonl").symlink_to("../../blobs/0123")
    run = await home.train("tiny", "ember/letters", **SMALL, max_steps=1)
    assert (run.name, run.state) == ("letters", "done")
    again = await home.train("tiny", snapshot, "by-path", **SMALL, max_steps=1)
    assert again.loss == run.loss


async def test_it_is_stopped_followed_and_continues(home: AsyncHome, data: Path) -> None:
    first = watch(home, data, "long")
    await first.reaches(2)
    other = Watched(home, FollowRun(name="long"))
    await other.reaches(3)
    assert "examples" in other.notes
    (run,) = await home.runs()
    assert run.state == "running"
    with pytest.raises(InvalidRequest, match="is running"):
        await home.remove_run("long")
    with pytest.raises(InvalidRequest, match="is already running"):
        await home.resume_run("long")
    assert "ingle train --resume long" in await home.stop_run("long")
    for watched in (first, other):
        ended = await watched.task
        assert ended is not None
        assert ended.run.state == "paused"
    paused = (await home.show_run("long")).run
    assert paused.step >= 3
    again = Watched(home, Train(name="long", resume=True))
    await again.reaches(paused.step + 1)
    again.task.cancel()  # who leaves has it saved
    await asyncio.gather(again.task, return_exceptions=True)

    async def stopped() -> bool:
        return (await home.show_run("long")).run.state != "running"

    await eventually_async(stopped)
    run = (await home.show_run("long")).run
    assert run.state == "paused"
    assert run.step > paused.step
    message = await home.stop_run("long", keep=True)  # also one that does not continue
    run = (await home.show_run("long")).run
    assert run.state == "stopped"
    assert run.adapter in message
    assert run.adapter in [adapter.name for adapter in await home.adapters()]


async def test_one_run_on_a_device_at_a_time(home: AsyncHome, data: Path) -> None:
    first = watch(home, data, "first")
    await first.reaches(1)
    with pytest.raises(Busy, match="'first' is using cpu") as error:
        await home.train("tiny", data, "second", **SMALL)
    assert "--wait" in error.value.hint
    second = watch(home, data, "second", wait=True, max_steps=2)
    await eventually_async(lambda: "waits for the run 'first'" in second.notes)
    assert (await home.show_run("second")).run.state == "waiting"
    await home.stop_run("first")
    ended = await second.task
    assert ended is not None
    assert (ended.run.state, ended.run.step) == ("done", 2)


async def test_a_run_that_waits_can_be_stopped(home: AsyncHome, data: Path) -> None:
    paused = watch(home, data, "paused")
    await paused.reaches(1)
    await home.stop_run("paused")
    await paused.task
    busy = watch(home, data, "busy")
    await busy.reaches(1)
    waiting = Watched(home, Train(name="paused", resume=True, wait=True))
    await eventually_async(lambda: "waits for the run 'busy'" in waiting.notes)
    with pytest.raises(InvalidRequest, match="is already running"):
        await home.resume_run("paused")
    await home.stop_run("paused")
    with pytest.raises(Cancelled):
        await waiting.task
    run = (await home.show_run("paused")).run
    assert (run.state, run.error) == ("paused", "")
    await home.stop_run("busy")
    await busy.task


async def test_a_process_that_is_killed_while_it_prepares_is_told_to_be_gone(
    home: AsyncHome, data: Path, tmp_path: Path
) -> None:
    much = tmp_path / "much.jsonl"
    much.write_text(data.read_text() * 2000)  # which is not prepared before the kill
    run = watch(home, much, "early")
    await eventually_async(
        lambda: any(getattr(event, "state", "") == "preparing" for event in run.events)
    )
    os.kill(min(processes("ingle.training.training_worker")), signal.SIGKILL)
    with pytest.raises(WorkerDied, match="nothing is left of the run") as error:
        await run.task
    assert error.value.hint == "run the command that started it again"
    assert [run.name for run in await home.runs()] == []
    again = watch(home, data, "early", max_steps=3)
    ended = await again.task
    assert ended is not None
    assert ended.run.state == "done"


async def test_a_process_that_is_killed_is_told_and_its_run_continues(
    home: AsyncHome, data: Path
) -> None:
    run = watch(home, data, "short", max_steps=60, eval_every=2, early_stopping_patience=100)
    await run.reaches(4)
    # The first: a sandbox, if there is one.
    os.kill(min(processes("ingle.training.training_worker")), signal.SIGKILL)
    with pytest.raises(WorkerDied, match="SIGKILL") as error:
        await run.task
    assert error.value.hint == "ingle train --resume short"
    failed = (await home.show_run("short")).run
    assert failed.state == "failed"
    assert "SIGKILL" in failed.error
    again = Watched(home, Train(name="short", resume=True))
    ended = await again.task
    assert ended is not None
    assert ended.run.state == "done"
    steps = [e.step for e in again.events if isinstance(e, TrainingProgress)]
    assert 1 < steps[0] <= failed.step + 1


async def test_a_node_that_ends_has_its_runs_saved(
    tmp_path: Path, settings: Settings, data: Path
) -> None:
    Store(settings.models_path).add_path(write_base(tmp_path / "tiny.gguf", kind="Q8_0"), "tiny")
    async with open_async(settings) as home:
        request = training_request("tiny", str(data), "kept", {**FOREVER, "detach": True})
        run = Watched(home, request)
        await run.task
        assert "ingle runs follow kept" in run.events[-1].message  # type: ignore[attr-defined]
    async with open_async(settings) as home:
        kept = (await home.show_run("kept")).run
        assert kept.state == "paused"
        assert (Path(kept.folder) / "state.safetensors").exists()


async def test_what_cannot_work_is_refused_before_the_data_is_read(
    home: AsyncHome, data: Path
) -> None:
    for options, error, words in (
        ({"max_length": 4096}, InvalidRequest, "more than the 512"),
        ({"lora_rank": 100_000}, InvalidRequest, "lora_rank: 100000"),
        ({"target_modules": ["attn_z"]}, InvalidRequest, "no module 'attn_z'"),
        # Before a device is looked for, though that is not there either:
        ({"reward_funcs": ["speed"], "device": "warp"}, InvalidRequest, "no reward 'speed'"),
        (
            {"reward_funcs": ["json"], "max_completion_length": 16, "device": "warp"},
            InvalidRequest,
            "no room for",
        ),
        ({"validation": "nothing.jsonl", "device": "warp"}, NotFound, "nothing.jsonl"),
        ({"device": "warp"}, InvalidRequest, "there is no 'warp'"),
        (
            {"micro_batch_size": 1 << 20, "batch_size": 1 << 20, "max_length": 512},
            DoesNotFit,
            "MiB are free",
        ),
    ):
        with pytest.raises(error, match=words):
            await home.train("tiny", data, "impossible", **{**SMALL, **options})
        assert await home.runs() == []
