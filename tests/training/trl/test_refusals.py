"""What a run by TRL does not do is refused by name, before anything is begun."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from ingle.capabilities.train.operation import Train, TrainingJob, TrainingSettings
from ingle.capabilities.train.request import training_request
from ingle.capabilities.train.trl_environment import SERIES, TrlEnvironment
from ingle.client.home import AsyncHome, open_async
from ingle.config import Settings
from ingle.errors import (
    CapabilityMissing,
    DiskFull,
    DoesNotFit,
    EgressRefused,
    EngineMissing,
    InvalidRequest,
)
from ingle.models.gguf import read_header
from ingle.models.store import Store
from ingle.training import planning
from ingle.training.architecture import Architecture
from ingle.training.examples import Columns, Source
from ingle.training.run import Run
from ingle.training.run_plan import RunPlan
from ingle.training.trl import trl_memory
from ingle.training.trl.inside.__main__ import check_sharing
from ingle.training.trl.placement import Placement, portions
from tests.training.models import write_base
from tests.training.trl.conftest import write

pytestmark = [pytest.mark.extras, pytest.mark.anyio]
TRL: dict[str, Any] = {"backend": "trl", "device": "cpu", "max_length": 16}


@pytest.mark.parametrize(
    ("options", "field", "why"),
    [
        ({"full": True}, "full", "only supported by the trl backend"),
        ({"nproc_per_node": 2}, "nproc_per_node", "only supported by the trl"),
        ({"nnodes": 2}, "nnodes", "only supported by the trl"),
        ({"method": "dpo"}, "method", "only available with TRL"),
        ({"method": "grpo"}, "reward_funcs", "needs a reward"),
        ({"method": "sft", "reward_funcs": ["json"]}, "reward_funcs", "trains on examples"),
        ({"backend": "trl", "full": True, "lora_rank": 8}, "lora_rank", "applies to adapters"),
        (
            {"backend": "trl", "full": True, "lora_dropout": 0.1},
            "lora_dropout",
            "applies to adapters",
        ),
        ({"backend": "trl", "num_generations": 4}, "num_generations", "does not sample answers"),
        ({"backend": "trl", "beta": 0.2}, "beta", "does not use it"),
        ({"backend": "trl", "device": "vulkan:0"}, "device", "not on vulkan:0"),
        ({"backend": "trl", "nnodes": 2}, "rdzv_endpoint", "HOST:PORT"),
        (
            {"backend": "trl", "nnodes": 2, "rdzv_endpoint": "a:1", "node_rank": 2},
            "node_rank",
            "and 1",
        ),
        ({"backend": "trl", "rdzv_endpoint": "a:1"}, "rdzv_endpoint", "several nodes"),
        ({"backend": "trl", "nproc_per_node": 3}, "batch_size", "8 rows of a step"),
        ({"backend": "trl", "on": "desk"}, "on", "only be started on this device"),
    ],
)
def test_settings_that_mean_nothing_are_named(
    options: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises(InvalidRequest, match=why) as refused:
        training_request("tiny", "x.jsonl", "run", options)
    assert refused.value.details["field"] == field


def test_rows_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def shared(there: list[str], **options: Any) -> tuple[Placement, tuple[int, int]]:
        settings = msgspec.to_builtins(TrainingSettings(backend="trl", **options))
        plan = msgspec.convert(
            {**settings, "name": "run", "model": "m", "digest": "d", "base": "b", "data": "",
             "data_sha256": ""}, RunPlan,
        )  # fmt: skip
        placement = Placement.of(plan, there)
        return placement, portions(plan, placement)

    assert shared(["cpu"])[1] == (4, 2)
    assert shared(["cpu"], batch_size=6, nproc_per_node=2)[1] == (3, 1)
    assert shared(["cpu"], batch_size=7)[1] == (1, 7)
    assert shared(
        ["cpu"], batch_size=2, num_generations=6, reward_funcs=("json",), nproc_per_node=2
    )[1] == (3, 2)
    two = ["cuda:0", "cuda:1", "cpu"]
    placement, _ = shared(
        two, nproc_per_node=2, full=True, nnodes=2, node_rank=1, rdzv_endpoint="10.0.0.1:29500"
    )
    config = placement.config(1)
    assert (config["distributed_type"], config["num_processes"], config["gpu_ids"]) == (
        "FSDP", 4, "0,1",
    )  # fmt: skip
    assert (config["machine_rank"], config["main_process_ip"], config["main_process_port"]) == (
        1, "10.0.0.1", 29500,
    )  # fmt: skip
    assert config["fsdp_config"]["fsdp_version"] == 2
    assert config["mixed_precision"] == "bf16"
    plain = shared(two, nproc_per_node=2)[0].config(7)
    assert (plain["distributed_type"], plain["main_process_port"]) == ("MULTI_GPU", 7)
    single = shared(two, device="cuda:1")[0]
    assert (single.devices, single.config(7)["distributed_type"]) == (("cuda:1",), "NO")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, 7")
    assert single.config(7)["gpu_ids"] == "7"
    with pytest.raises(InvalidRequest, match=r"2 processes need one each; .* has: cuda:0, cpu"):
        shared(["cuda:0", "cpu"], nproc_per_node=2)
    with pytest.raises(InvalidRequest, match="xpu is not a valid value"):
        shared(two, device="xpu")


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ("cpu", "started on cuda:0; resume it on a device of that kind"),
        ("vulkan:0", "not on vulkan:0"),
        ("cuda:0,cuda:1", "TRL takes the first"),
        ("cuda:7", "it is not there"),
    ],
)
def test_a_run_continues_where_it_is_told_or_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, why: str
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setattr(planning, "trl_devices", lambda *_: ["cuda:0", "cuda:1", "cpu"])
    plan = msgspec.convert(
        {"backend": "trl", "name": "run", "model": "m", "digest": "d", "base": "b", "data": "",
         "data_sha256": "", "device": "cuda:0"}, RunPlan,
    )  # fmt: skip
    planning.write(folder, plan)

    def planned(device: str) -> planning.PlannedRun:
        request = Train(name="run", resume=True, settings=TrainingSettings(device=device))
        return planning.planned(TrainingJob(
            request=request, folder=str(folder), locks="", model="m", digest="d", base="b",
        ))  # fmt: skip

    with pytest.raises(InvalidRequest, match=why) as refused:
        planned(device)
    assert refused.value.details["field"] == "device"
    assert planned("").devices == ("cuda:0",)
    assert planned("cuda:1").devices == ("cuda:1",)
    assert Run.plan_of(folder).device == "cuda:1"
    assert planned("").devices == ("cuda:1",)


async def test_without_an_environment_the_command_that_makes_it_is_said(
    settings: Settings, tmp_path: Path
) -> None:
    Store(settings.models_path).add_path(write_base(tmp_path / "tiny.gguf"), "tiny")
    data = write(tmp_path / "data.jsonl", [{"prompt": "a", "completion": "b"}])
    async with open_async(settings) as home:
        with pytest.raises(EngineMissing, match="has none yet") as missing:
            await home.train("tiny", str(data), name="run", **TRL)
        assert missing.value.hint == "ingle train --install trl"
        assert await home.runs() == []


def python(path: Path, versions: dict[str, str | None], words: str = "") -> Settings:
    """Settings with a Python that says it has these."""
    found = {name: low + ".1" for name, (low, _) in SERIES.items()} | versions
    answer = json.dumps([found, ["/"]])
    path.write_text(
        f"#!{sys.executable}\nimport sys\n"
        + (f"sys.exit({words!r})\n" if words else f"print({answer!r})\n")
    )
    path.chmod(0o755)
    return Settings(trl_python=str(path), state_dir=str(path.parent / "state"))


def test_an_environment_is_looked_at(tmp_path: Path) -> None:
    there = python(tmp_path / "good", {})
    assert TrlEnvironment(there).find().python == str(tmp_path / "good")
    old = python(tmp_path / "old", {"trl": "0.24.0", "peft": None, "torch": "2.13.0+cu130"})
    with pytest.raises(EngineMissing) as refused:
        TrlEnvironment(old).find()
    assert "trl 0.24.0 (wanted: from 1.16, below 1.17), peft missing" in refused.value.message
    assert "torch" not in refused.value.message
    assert refused.value.hint.startswith(f"{tmp_path / 'old'} -m pip install -r ")
    with pytest.raises(EngineMissing, match=r"trl 1\.17\.0"):
        TrlEnvironment(python(tmp_path / "new", {"trl": "1.17.0"})).find()
    with pytest.raises(EngineMissing, match=r"does not answer .no module named json"):
        TrlEnvironment(python(tmp_path / "broken", {}, "no module named json")).find()
    with pytest.raises(EngineMissing, match="is not there"):
        TrlEnvironment(Settings(trl_python=str(tmp_path / "gone"))).find()
    denied = Settings(state_dir=str(tmp_path / "state"), egress="deny")
    with pytest.raises(EgressRefused, match="egress is denied"):
        TrlEnvironment(denied).make(print)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"prompt": "a", "chosen": "b"}, "line 2: has no rejected answer"),
        ({"prompt": "a", "completion": "b"}, "line 2: has no chosen answer"),
        ({"chosen": "a", "rejected": "b"}, "line 2: has no prompt"),
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, "line 2: chosen and rejected"),
        ({"prompt": 3, "chosen": "b", "rejected": "c"}, "neither text nor messages"),
        (
            {"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
             "rejected": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "c"}]},
            "different conversations",
        ),
        (
            {"chosen": [{"role": "assistant", "content": "b"}], "rejected": "c", "prompt": []},
            "line 2: has no prompt",
        ),
    ],
)  # fmt: skip
def test_a_row_that_is_no_pair_is_named(tmp_path: Path, row: dict[str, Any], why: str) -> None:
    good = {"prompt": "a", "chosen": "b", "rejected": "c"}
    data = Source.find(write(tmp_path / "pairs.jsonl", [good, row]))
    with pytest.raises(InvalidRequest, match=why) as refused:
        list(data.preferences())
    assert refused.value.details["line"] == 2
    assert "chosen=good,rejected=bad" in refused.value.hint


def test_pairs_come_in_several_forms(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "a"}]
    better, worse = ([{"role": "assistant", "content": text}] for text in "bc")
    rows: list[dict[str, Any]] = [
        {"prompt": "a", "good": "b", "rejected": "c", "system": "s"},
        {"prompt": asked, "good": better, "rejected": worse},
        {"good": [*asked, *better], "rejected": [*asked, *worse]},
        {"prompt": asked, "good": [*asked, *better], "rejected": "c"},
    ]
    data = Source.find(write(tmp_path / "pairs.jsonl", rows), Columns("chosen=good"))
    found = list(data.preferences())
    assert [len(pair.chosen.messages) for pair in found] == [3, 2, 2, 2]
    assert {pair.chosen.messages[-1]["content"] for pair in found} == {"b"}
    assert {pair.rejected.messages[-1]["content"] for pair in found} == {"c"}
    assert found[1].chosen.messages[:1] == asked


async def test_what_cannot_be_begun_leaves_nothing_behind(
    home: AsyncHome, tmp_path: Path, data: Path
) -> None:
    with pytest.raises(InvalidRequest, match="line 1: has no chosen answer"):
        await home.train("tiny", str(data), name="run", method="dpo", **TRL)
    with pytest.raises(InvalidRequest, match="there is a model 'ember"):
        await home.train("tiny", str(data), name="ember", full=True, **TRL)
    too_large: dict[str, Any] = {**TRL, "batch_size": 2**20, "micro_batch_size": 2**20}
    with pytest.raises(DoesNotFit, match="MiB are free") as refused:
        await home.train("tiny", str(data), name="run", **too_large)
    assert refused.value.hint.startswith("the same command with --micro-batch-size ")
    odd = write_base(tmp_path / "odd.gguf", architecture="llama", complete=True)
    odd.write_bytes(odd.read_bytes().replace(b"blk.0.attn_norm", b"blk.0.attn_narm"))
    await home.copy("tiny", "spare")
    Store(home.settings.models_path).add_path(odd, "odd")
    with pytest.raises(CapabilityMissing, match="attn_narm"):
        await home.train("odd", str(data), name="run", full=True, **TRL)
    assert await home.runs() == []
    # No process of TRL's was started: they would have had the base written.
    assert not list(Path(home.settings.state_dir).glob("training-cache/trl/*"))


def plan_of(base: Path, **options: Any) -> RunPlan:
    settings = {"backend": "trl", "device": "cpu", "max_length": 512, **options}
    return msgspec.convert(
        {**settings, "name": "run", "model": "m", "digest": "d", "base": str(base), "data": "",
         "data_sha256": ""}, RunPlan,
    )  # fmt: skip


def test_the_estimate_knows_what_takes_memory(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.gguf")
    architecture = Architecture.of(read_header(base))
    numbers = architecture.parameters
    there = ["cuda:0", "cuda:1", "cpu"]

    def found(**options: Any) -> trl_memory.TrlMemoryPlan:
        plan = plan_of(base, **options)
        return trl_memory.estimate(architecture, plan, Placement.of(plan, there))

    adapter, whole = found(), found(full=True)
    assert adapter.weights == whole.weights == numbers * 4
    assert whole.learnt == numbers * 12 > 5 * adapter.learnt
    assert adapter.answers == 0
    pairs = found(method="dpo", full=True)
    assert pairs.weights == 2 * whole.weights  # what it began as stays beside it
    assert found(method="dpo").weights == adapter.weights
    sampled = found(
        reward_funcs=("json",), max_completion_length=64, batch_size=8, num_generations=8
    )
    caches = 64 * 512 * 2 * architecture.layers * architecture.key_value_heads * 64 * 4
    assert caches < sampled.answers < 1.1 * caches
    half = found(device="cuda:0")
    assert half.weights == numbers * 2
    assert half.activations < adapter.activations / 2  # in 16 bits, and computed twice
    shared = found(device="cuda:0", full=True, nproc_per_node=2)
    assert shared.learnt == numbers * 6
    assert shared.weights < found(device="cuda:0", full=True).weights


def test_what_does_not_fit_is_refused_with_what_would(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.gguf")

    def refused(plan: RunPlan, fits: RunPlan, less: int = 0) -> DoesNotFit:
        place = Placement.placed(plan)
        free = trl_memory.needed(fits, Placement.placed(fits)) - less
        with pytest.raises(DoesNotFit, match=f"and {free / 2**20:.0f} MiB are free") as error:
            trl_memory.check(plan, place, free)
        assert error.value.details["needed_bytes"] > error.value.details["available_bytes"] == free
        return error.value

    plan = plan_of(base)
    trl_memory.check(plan, Placement.placed(plan), trl_memory.needed(plan, Placement.placed(plan)))
    fewer = plan_of(base, micro_batch_size=2)
    assert refused(plan, fewer).hint == "the same command with --micro-batch-size 2"
    short = plan_of(base, micro_batch_size=1, max_length=128)
    assert (
        refused(plan, short).hint == "the same command with --micro-batch-size 1 --max-length 128"
    )
    least = plan_of(base, micro_batch_size=1, max_length=32)
    assert refused(plan, least, less=2**24).hint == "a smaller base"
    two = plan_of(base, nproc_per_node=2)  # each has all of it
    assert refused(two, plan).details["needed_bytes"] > 2 * trl_memory.PROGRAM
    many = plan_of(
        base,
        reward_funcs=("json",),
        max_completion_length=448,
        batch_size=64,
        num_generations=64,
        micro_batch_size=1,
    )
    some = msgspec.structs.replace(many, batch_size=32)
    assert refused(many, some).hint == "the same command with --micro-batch-size 1 --batch-size 32"
    wide = write_base(tmp_path / "wide.gguf", layers=1, width=1024, wide=4096, complete=True)
    whole = plan_of(wide, full=True, micro_batch_size=1, max_length=32)
    adapter = plan_of(wide, micro_batch_size=1, max_length=32)
    assert refused(whole, adapter).hint == "the same command without --full"
    loaded = plan_of(wide, device="cuda:0", nproc_per_node=2)
    with pytest.raises(DoesNotFit) as error:
        trl_memory.check_loading(loaded, Placement.placed(loaded), 2**30)
    assert error.value.details["device"] == "cpu"
    assert "fewer --nproc-per-node" in error.value.hint


def test_what_libraries_say_is_understood() -> None:
    from ingle.training.trl.inside.__main__ import _known

    job: Any = SimpleNamespace(name="run", micro=4)
    torch_says = "CUDA out of memory. Tried to allocate 2.00 GiB"
    known = _known(job, RuntimeError(torch_says))
    assert isinstance(known, DoesNotFit)
    assert known.hint == "train again with --micro-batch-size 2"
    full = _known(job, OSError(28, "No space left on device"))
    assert isinstance(full, DiskFull)
    assert full.hint.endswith("ingle train --resume run")
    assert _known(job, ValueError("something else")) is None


def test_a_disk_that_is_too_small_is_told_before_the_first_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ingle.training.trl.trl_run import TrlRun, shutil

    base = str(write_base(tmp_path / "tiny.gguf"))
    plan = msgspec.convert(
        {"backend": "trl", "full": True, "name": "run", "model": "m", "digest": "d", "base": base,
         "data": "", "data_sha256": ""}, RunPlan,
    )  # fmt: skip
    run = TrlRun(tmp_path, plan, sys.executable, tmp_path)
    run.check()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    with pytest.raises(DiskFull, match="1 MiB are free"):
        run.check()


def test_a_torch_that_cannot_share_a_model_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    with pytest.raises(CapabilityMissing, match="accelerate does not shard"):
        check_sharing(False)
    check_sharing(True)
    monkeypatch.setattr(torch, "__version__", "2.11.0+cu130")
    with pytest.raises(CapabilityMissing, match=r"torch 2\.11\.0\+cu130 .*; 2\.13 can"):
        check_sharing(True)
