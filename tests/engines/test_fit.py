from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import gguf
import pytest

from ingle.config import Settings
from ingle.engines.declaration import WORKER_BYTES, LoadRequest
from ingle.engines.engine import LoadSpec
from ingle.engines.fit import predict
from ingle.engines.llama import memory as llama_memory
from ingle.engines.llama.declaration import LLAMA
from ingle.engines.llama.memory import needed_bytes
from ingle.models.facts import Facts, facts_of
from ingle.operations import DeviceInfo

from ..models.weights import Shape, write_model

MIB = 1 << 20
BARE_ENGINE = 13 * MIB
"""What the engine itself takes beside the model, once it is loaded: part of `WORKER_BYTES`."""


@dataclasses.dataclass(frozen=True)
class Case:
    shape: Shape
    context: int
    slots: int = 1
    ubatch: int = 512
    pooling: int | None = None
    quantization: gguf.GGMLQuantizationType | None = None


WIDE = Shape(4, 512, 8, 4, 64, 1536, 4000)
CASES = {
    "wide": Case(WIDE, 2048),
    "wide, four slots": Case(WIDE, 1024, slots=4),
    "deep and narrow, long context": Case(Shape(16, 256, 4, 4, 64, 512, 1000), 4096, slots=2),
    "large vocabulary": Case(Shape(2, 256, 4, 2, 64, 768, 50_000), 1024),
    "vectors": Case(WIDE, 1024, slots=2, ubatch=1024, pooling=3),
    "repacked": Case(
        Shape(8, 768, 12, 4, 64, 2048, 4000), 1024, quantization=gguf.GGMLQuantizationType.Q4_0
    ),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
@pytest.mark.parametrize("name", CASES)
def test_prediction_is_near_the_measured_peak(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = write_model(
        tmp_path / "m.gguf", case.shape, pooling=case.pooling, quantization=case.quantization
    )
    command = [sys.executable, str(Path(__file__).with_name("loading.py"))]
    numbers = [str(number) for number in (case.context, case.slots, case.ubatch)]
    mode = ["embed"] if case.pooling else []
    answer = subprocess.run(
        [*command, str(path), *numbers, *mode],
        capture_output=True,
        text=True,
        check=True,
    )
    bare, peak = map(int, answer.stdout.split()[-2:])
    facts = facts_of([path])
    predicted = needed_bytes(facts, case.context, case.slots, case.ubatch)
    predicted += facts.repacked_bytes + bare + BARE_ENGINE - WORKER_BYTES
    print(f"{name}: predicted {predicted / MIB:.0f} MiB, measured {peak / MIB:.0f} MiB")
    assert abs(predicted - peak) <= max(0.15 * peak, 16 * MIB), (predicted / MIB, peak / MIB)


def device(memory: int, kind: str = "cpu") -> DeviceInfo:
    return DeviceInfo(name=f"{kind}-{memory >> 30}", kind=kind, memory_free=memory)


LLAMA_8B = Facts(
    architecture="llama",
    tensor_bytes=4_920_000_000,
    context_length=131_072,
    embedding_length=4096,
    feed_forward_length=14_336,
    layers=32,
    heads=32,
    heads_kv=[8] * 32,
    key_length=128,
    value_length=128,
    vocabulary=128_256,
)


def test_a_known_model_needs_what_is_known() -> None:
    (report,) = predict(LLAMA_8B, model="llama", context=8192, devices=[device(16 << 30)])
    assert report.kv_cache == 1 << 30  # 128 KiB per token
    assert report.weights == 4_920_000_000
    assert report.fits
    assert report.advice == ""
    assert report.needed == report.weights + report.kv_cache + report.compute + report.overhead


def test_the_largest_context_is_the_largest() -> None:
    for memory in (6 << 30, 8 << 30, 12 << 30, 64 << 30):
        largest = largest_context(memory, 2)
        assert needed_bytes(LLAMA_8B, largest, 2) <= memory
        assert largest <= 131_072
        if largest < 131_072:
            assert needed_bytes(LLAMA_8B, largest + 512, 2) > memory
    assert largest_context(4 << 30, 1) == 0


def largest_context(memory: int, slots: int) -> int:
    spec = LoadSpec(engine="llama", model="m", slots=slots, options={"context": 512})
    return LLAMA.advice(LLAMA_8B, spec, memory).largest_context


def test_advice_says_what_to_do_and_the_best_device_comes_first() -> None:
    reports = predict(
        LLAMA_8B,
        model="llama",
        context=65_536,
        slots=2,
        devices=[device(4 << 30), device(64 << 30, "cuda"), device(9 << 30, "vulkan")],
    )
    assert [report.device for report in reports] == ["cuda-64", "vulkan-9", "cpu-4"]
    assert [report.fits for report in reports] == [True, False, False]
    assert reports[1].advice == f"Take a context of {reports[1].largest_context} tokens."
    assert "smaller quantisation" in reports[2].advice
    (report,) = predict(LLAMA_8B, model="m", context=200_000, devices=[device(1 << 40)])
    assert "trained for 131072" in report.advice
    tight = needed_bytes(LLAMA_8B, 512, 1) + MIB
    (report,) = predict(LLAMA_8B, model="m", context=512, slots=64, devices=[device(tight)])
    assert report.advice.startswith("Take one slot instead of 64")


def test_fewer_slots_leave_the_whole_model_on_a_device() -> None:
    spec = LoadSpec(engine="llama", model="m", options={"context": 0})

    def slots(graphics: int, settings: Settings | None = None) -> int:
        card = DeviceInfo(name="CUDA0", kind="cuda", engine="llama", memory_total=graphics << 30)
        asked = LoadRequest(settings=settings or Settings(), budget=100 << 30, devices=[card])
        return LLAMA.plan(spec, LLAMA_8B, asked).slots

    assert [slots(gib) for gib in (0, 4, 7, 8, 16)] == [4, 4, 1, 2, 4]
    assert slots(7, Settings(slots=3)) == 3


def test_a_row_says_what_goes_where() -> None:
    cards = [
        DeviceInfo(name=f"CUDA{n}", kind="cuda", memory_total=size << 30, memory_free=size << 30)
        for n, size in enumerate((5, 4))
    ]
    reports = predict(LLAMA_8B, model="m", context=8192, devices=[*cards, device(16 << 30)])
    rows = {report.device: report for report in reports}
    assert list(rows) == ["CUDA0 + CUDA1", "CUDA0", "CUDA1", "cpu-16"]
    assert all(report.fits for report in reports)
    assert rows["CUDA0 + CUDA1"].placement.startswith("33/33 layers on CUDA0 + CUDA1 (")
    assert set(rows["CUDA0 + CUDA1"].device_bytes) == {"CUDA0", "CUDA1"}
    partial = rows["CUDA0"]
    assert 0 < partial.device_bytes["CUDA0"] < 5 << 30
    assert partial.available == 21 << 30
    assert "/33 layers on CUDA0" in partial.placement
    assert not partial.placement.startswith("33/")
    assert (rows["cpu-16"].placement, rows["cpu-16"].device_bytes) == ("CPU", {})


def test_shared_memory_counts_once() -> None:
    shared = DeviceInfo(
        name="Vulkan0", kind="vulkan", memory_total=12 << 30, memory_free=12 << 30, integrated=True
    )
    whole, _ = predict(LLAMA_8B, model="m", context=8192, devices=[shared, device(12 << 30)])
    assert (whole.device, whole.fits, whole.available) == ("Vulkan0", True, 12 << 30)
    reports = predict(LLAMA_8B, model="m", context=65_536, devices=[shared, device(12 << 30)])
    assert not any(report.fits for report in reports)


def test_windows_states_and_latent_attention_are_counted() -> None:
    gemma = Facts(
        layers=6, heads_kv=[4] * 6, key_length=256, value_length=256, window=1024,
        windowed=[True] * 5 + [False],
    )  # fmt: skip
    row = 2 * 4 * 512
    assert llama_memory.kv_bytes(gemma, 32_768, 1) == row * (5 * 1536 + 32_768)
    assert llama_memory.kv_bytes(gemma, 512, 1) == row * 6 * 512
    mamba = Facts(layers=4, heads_kv=[0] * 4, state_bytes=1000)
    assert llama_memory.kv_bytes(mamba, 32_768, 3) == 3000
    latent = Facts(layers=2, heads_kv=[1, 1], key_length=576, value_length=0)
    assert llama_memory.kv_bytes(latent, 1024, 1) == 2 * 2 * 576 * 1024


def test_fewer_slots_make_room_for_a_context_that_was_asked_for() -> None:
    spec = LoadSpec(engine="llama", model="m", options={"context": 0})
    one_slot = LLAMA.memory(LLAMA_8B, LLAMA.plan(spec, LLAMA_8B, LoadRequest(8192, 1))).total
    for asked, slots in (
        (LoadRequest(8192, budget=one_slot), 1),
        (LoadRequest(8192, budget=100 * one_slot), 4),
        (LoadRequest(8192, 4, budget=one_slot), 4),  # which is refused with numbers
        (LoadRequest(8192, settings=Settings(slots=3), budget=one_slot), 3),
    ):
        planned = LLAMA.plan(spec, LLAMA_8B, asked)
        assert (planned.slots, planned.options["context"]) == (slots, 8192)
