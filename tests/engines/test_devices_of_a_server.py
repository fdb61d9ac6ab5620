"""A ``llama-server`` with graphics devices: what it is told, and what becomes of full or lost ones.

The stand-in lists devices and takes what a real one takes; it computes on the CPU.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest

import ingle
from ingle import AsyncHome, Settings
from ingle.capabilities.node.operation import NodeStatus, StatusReport, WorkerInfo
from tests.engines.stand_ins import stand_in
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

GREEDY = {"temperature": 0.0, "max_tokens": 8}
LAYERS = 13
"""Of ember, the output as one."""


def line(name: str, total: int, free: int, description: str = "a card") -> str:
    return f"{name}: {description} ({total} MiB, {free} MiB free)"


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    return stand_in(tmp_path / "bin")


@pytest.fixture
def listed(binary: Path, request: pytest.FixtureRequest) -> None:
    """What the stand-in lists."""
    stand_in(binary.parent, devices=getattr(request, "param", [line("CUDA0", 8000, 7000)]))


@pytest.fixture
async def home(settings: Settings, binary: Path, listed: None) -> AsyncIterator[AsyncHome]:
    chosen = msgspec.structs.replace(settings, llama_server=str(binary), slots=1)
    async with ingle.open_async(chosen) as home:
        yield home


def told() -> dict[str, str]:
    """The arguments of the stand-in that runs below this process."""
    for process in psutil.Process().children(recursive=True):
        try:
            command = process.cmdline()
        except psutil.NoSuchProcess:
            continue
        if any(part.endswith("/bin/llama-server") for part in command) and "--model" in command:
            command = command[command.index("--model") :]
            return dict(itertools.pairwise(command))
    return {}


async def loaded(home: AsyncHome) -> WorkerInfo:
    assert (await home.chat(**GREEDY).send("Hello there")).text
    (worker,) = (await home.status()).workers
    return worker


async def test_all_layers_go_on_the_device(home: AsyncHome) -> None:
    worker = await loaded(home)
    assert worker.device == f"{LAYERS}/{LAYERS} layers on CUDA0"
    assert 0 < worker.device_memory["CUDA0"] < 1 << 30
    given = told()
    assert (given["--device"], given["--n-gpu-layers"], given["--fit"]) == ("CUDA0", "13", "off")
    report = await home.ask(NodeStatus(probe=True), StatusReport)
    card = next(device for device in report.devices if device.name == "CUDA0")
    assert (card.engine, card.kind, card.memory_total) == ("llama-server", "cuda", 8000 << 20)


async def test_fit_says_where(home: AsyncHome) -> None:
    first, second = await home.fit("ember")
    assert (first.device, first.fits) == ("CUDA0", True)
    assert first.placement == f"{LAYERS}/{LAYERS} layers on CUDA0"
    assert (second.device, second.placement) == ("CPU", "CPU")


@pytest.mark.parametrize(
    "listed", [[line("CUDA0", 1200, 916), line("CUDA1", 1200, 916)]], indirect=True
)
async def test_several_devices_share_a_model(home: AsyncHome) -> None:
    worker = await loaded(home)
    assert worker.device.startswith(f"{LAYERS}/{LAYERS} layers on CUDA0 + CUDA1 (")
    given = told()
    assert given["--device"] == "CUDA0,CUDA1"
    split = [int(part) for part in given["--tensor-split"].split(",")]
    assert sum(split) == LAYERS
    assert min(split) > 0


@pytest.mark.parametrize("listed", [[line("CUDA0", 1200, 920)]], indirect=True)
async def test_some_layers_where_there_is_little_room(home: AsyncHome) -> None:
    worker = await loaded(home)
    layers = int(told()["--n-gpu-layers"])
    assert 0 < layers < LAYERS
    assert worker.device == f"{layers}/{LAYERS} layers on CUDA0"


async def test_a_device_that_is_full_gets_less(home: AsyncHome, binary: Path) -> None:
    stand_in(binary.parent, devices=[line("CUDA0", 8000, 7000)], holds=5)
    worker = await loaded(home)
    layers = int(told()["--n-gpu-layers"])
    assert 0 <= layers <= 5
    assert worker.notes
    assert worker.notes[0].startswith("not enough free memory on the device: loaded as ")


async def test_a_device_that_vanishes_leaves_the_cpu(home: AsyncHome, binary: Path) -> None:
    worker = await loaded(home)
    assert worker.device_memory
    stand_in(binary.parent, devices=["(none)"])
    psutil.Process(worker.pid).kill()

    async def gone() -> bool:
        return not (await home.status()).workers

    await eventually_async(gone)
    after = await loaded(home)
    assert (after.device, after.device_memory) == ("CPU", {})
    assert told()["--device"] == "none"


async def test_the_owner_chooses_the_cache_and_the_layers(
    settings: Settings, binary: Path, listed: None
) -> None:
    chosen = msgspec.structs.replace(
        settings, llama_server=str(binary), slots=1, kv_cache="q8_0", gpu_layers=4
    )
    async with ingle.open_async(chosen) as home:
        worker = await loaded(home)
        assert worker.device == f"4/{LAYERS} layers on CUDA0, KV cache q8_0"
        given = told()
        assert (given["--cache-type-k"], given["--cache-type-v"]) == ("q8_0", "q8_0")
        assert (given["--flash-attn"], given["--n-gpu-layers"]) == ("on", "4")


async def test_a_cache_in_fewer_bits_works_in_the_built_in_engine(settings: Settings) -> None:
    chosen = msgspec.structs.replace(settings, slots=1, kv_cache="q8_0")
    async with ingle.open_async(chosen) as home:
        await loaded(home)
        whole = (await home.fit("ember"))[-1].kv_cache
    async with ingle.open_async(msgspec.structs.replace(chosen, kv_cache="f16")) as home:
        assert (await home.fit("ember"))[-1].kv_cache * 34 == whole * 64
