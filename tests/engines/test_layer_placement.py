"""Which layers go where: tables of devices."""

from __future__ import annotations

import pytest

from ingle.engines.declaration import DeviceRoom
from ingle.engines.llama.device_memory import CONTEXT_BYTES
from ingle.engines.llama.layer_placement import (
    LayerBytes,
    LayerPlacement,
    Workload,
    planned,
)
from ingle.engines.llama.options import LlamaOptions
from ingle.engines.llama.placement_settings import arguments
from ingle.models.facts import Facts
from ingle.operations import DeviceInfo

MIB = 1 << 20
PLENTY = 1 << 50
LAYERS = 32
DENSE = Facts(
    architecture="llama",
    tensor_bytes=(LAYERS * 140 + 500 + 500) * MIB,
    context_length=131_072,
    embedding_length=4096,
    feed_forward_length=14_336,
    layers=LAYERS,
    heads=32,
    heads_kv=[8] * LAYERS,
    key_length=128,
    value_length=128,
    vocabulary=128_256,
    layer_bytes=[140 * MIB] * LAYERS,
    output_bytes=500 * MIB,
    embedding_bytes=500 * MIB,
)
MIXTURE = Facts(
    architecture="qwen3moe",
    tensor_bytes=(24 * 1040 + 400) * MIB,
    context_length=40_960,
    embedding_length=2048,
    feed_forward_length=6144,
    layers=24,
    heads=32,
    heads_kv=[4] * 24,
    key_length=128,
    value_length=128,
    vocabulary=151_936,
    layer_bytes=[1040 * MIB] * 24,
    expert_bytes=[1000 * MIB] * 24,
    embedding_bytes=400 * MIB,
    tied=True,
)


def room(name: str, mib: int, *, kind: str = "cuda", integrated: bool = False) -> DeviceRoom:
    device = DeviceInfo(name=name, kind=kind, memory_total=mib * MIB, integrated=integrated)
    return DeviceRoom(device, mib * MIB)


def layers_of(placement: LayerPlacement) -> dict[str, int]:
    return {share.device: share.layers for share in placement.shares}


def within(placement: LayerPlacement, rooms: list[DeviceRoom]) -> bool:
    sizes = {room.device.name: room.bytes for room in rooms}
    return all(share.total <= sizes[share.device] for share in placement.shares)


def test_all_goes_on_one_device_that_has_room() -> None:
    placement = planned(DENSE, Workload(8192, 1), [room("CUDA0", 8000)], PLENTY)
    assert layers_of(placement) == {"CUDA0": 33}
    assert placement.whole
    (share,) = placement.shares
    assert share.weights == (LAYERS * 140 + 500) * MIB
    assert share.cache == 1024 * MIB  # 128 KiB per token
    assert placement.host.weights == 500 * MIB
    assert placement.host.cache == 0
    assert placement.words() == "33/33 layers on CUDA0"


def test_of_several_the_one_with_the_most_room_is_taken() -> None:
    rooms = [room("CUDA0", 8000), room("CUDA1", 20_000)]
    assert layers_of(planned(DENSE, Workload(8192, 1), rooms, PLENTY)) == {"CUDA1": 33}


def test_over_several_where_none_has_room_alone() -> None:
    rooms = [room("CUDA0", 4000), room("CUDA1", 5000)]
    placement = planned(DENSE, Workload(8192, 1), rooms, PLENTY)
    assert placement.whole
    assert set(layers_of(placement)) == {"CUDA0", "CUDA1"}
    assert sum(layers_of(placement).values()) == 33
    assert within(placement, rooms)
    assert "33/33 layers on CUDA0 + CUDA1 (" in placement.words()


def test_a_smaller_cache_only_where_the_owner_allows_it() -> None:
    rooms, work = [room("CUDA0", 7000)], Workload(16_384, 1)
    allowed = planned(DENSE, work, rooms, PLENTY, cache_types=("f16", "q8_0"))
    assert (allowed.cache_type, allowed.gpu_layers) == ("q8_0", 33)
    assert "KV cache q8_0" in allowed.words()
    assert within(allowed, rooms)
    refused = planned(DENSE, work, rooms, PLENTY)
    assert refused.cache_type == "f16"
    assert 0 < refused.gpu_layers < 33
    roomy = planned(DENSE, work, [room("CUDA0", 9000)], PLENTY, cache_types=("f16", "q8_0"))
    assert roomy.cache_type == "f16"


def test_fewer_layers_leave_their_cache_on_the_host() -> None:
    rooms = [room("CUDA0", 3000)]
    placement = planned(DENSE, Workload(8192, 1), rooms, PLENTY)
    (share,) = placement.shares
    assert 0 < share.layers < 33
    assert within(placement, rooms)
    one_more = LayerBytes(DENSE, Workload(8192, 1)).placed([rooms[0].device], [share.layers + 1])
    assert one_more.shares[0].total > rooms[0].bytes
    assert placement.host.cache == (33 - share.layers) * 32 * MIB
    assert share.cache + placement.host.cache == 1024 * MIB
    assert share.weights + placement.host.weights == DENSE.tensor_bytes


def test_experts_stay_on_the_host_before_whole_layers_do() -> None:
    rooms = [room("CUDA0", 12_000)]
    placement = planned(MIXTURE, Workload(8192, 1), rooms, PLENTY)
    assert placement.gpu_layers == 25
    assert 0 < placement.cpu_moe < 24
    assert within(placement, rooms)
    fewer = LayerBytes(MIXTURE, Workload(8192, 1)).placed(
        [rooms[0].device], [25], placement.cpu_moe - 1
    )
    assert fewer.shares[0].total > rooms[0].bytes
    assert f"experts of {placement.cpu_moe} layers on the CPU" in placement.words()


def test_a_tied_embedding_is_there_twice() -> None:
    placement = planned(MIXTURE, Workload(4096, 1), [room("CUDA0", 60_000)], PLENTY)
    (share,) = placement.shares
    assert share.weights == MIXTURE.tensor_bytes
    assert placement.host.weights == 400 * MIB


@pytest.mark.parametrize("rooms", [[], [room("CUDA0", 600)], [room("CUDA0", 0)]])
def test_without_room_the_cpu_has_it_all(rooms: list[DeviceRoom]) -> None:
    placement = planned(DENSE, Workload(8192, 1), rooms, PLENTY)
    assert placement.shares == ()
    assert placement.host.weights == DENSE.tensor_bytes
    assert placement.words() == "CPU"
    assert placement.options()["gpu_layers"] == 0


def test_shared_memory_is_no_more_than_the_host_has_and_comes_after_a_card() -> None:
    shared = room("Vulkan0", 64_000, kind="vulkan", integrated=True)
    work = Workload(8192, 1)
    assert planned(DENSE, work, [shared], 7000 * MIB).gpu_layers == 33
    assert 0 < planned(DENSE, work, [shared], 3000 * MIB).gpu_layers < 33
    card = room("Vulkan1", 8000, kind="vulkan")
    assert layers_of(planned(DENSE, work, [shared, card], PLENTY)) == {"Vulkan1": 33}


def test_the_owner_says_how_many_layers() -> None:
    rooms = [room("CUDA0", 60_000)]
    work = Workload(8192, 1)
    assert planned(DENSE, work, rooms, PLENTY, gpu_layers=10).gpu_layers == 10
    assert planned(DENSE, work, rooms, PLENTY, gpu_layers=99).gpu_layers == 33
    assert planned(DENSE, work, rooms, PLENTY, gpu_layers=0).shares == ()


def test_windows_and_recurrent_layers_take_their_own_cache() -> None:
    facts = Facts(
        layers=4,
        heads_kv=[4, 4, 0, 4],
        key_length=128,
        value_length=128,
        window=1024,
        windowed=[True, False, False, False],
        state_bytes=10 * MIB,
        layer_bytes=[MIB] * 4,
        tensor_bytes=4 * MIB,
    )
    row = 2 * 4 * 256
    device = room("CUDA0", 9000).device
    layout = LayerBytes(facts, Workload(8192, 2))
    (share,) = layout.placed([device], [5]).shares
    assert share.cache == 2 * row * (1536 + 2 * 8192) + 2 * 10 * MIB
    last = layout.placed([device], [2])  # the last layer and the output
    assert last.shares[0].cache == 2 * row * 8192


def test_a_projector_and_adapters_lie_there_too() -> None:
    device = room("CUDA0", 9000).device
    plain = LayerBytes(DENSE, Workload(4096, 1)).placed([device], [33])
    with_both = LayerBytes(DENSE, Workload(4096, 1, projector=800 * MIB, adapters=66 * MIB))
    assert with_both.placed([device], [33]).shares[0].total == plain.shares[0].total + 866 * MIB
    half = with_both.placed([device], [11])
    assert half.shares[0].weights == (10 * 140 + 500 + 800 + 22) * MIB


def test_facts_of_an_older_index_are_shared_out_evenly() -> None:
    old = Facts(
        tensor_bytes=4200 * MIB, parameters=4000, vocabulary=100, embedding_length=2,
        layers=20, heads_kv=[8] * 20, key_length=64, value_length=64,
    )  # fmt: skip
    placement = planned(old, Workload(1024, 1), [room("CUDA0", 20_000)], PLENTY)
    assert placement.whole
    (share,) = placement.shares
    assert share.weights == pytest.approx(4200 * MIB, rel=0.01)
    fewer = planned(old, Workload(1024, 1), [room("CUDA0", 2500)], PLENTY)
    assert 0 < fewer.gpu_layers < 21


def test_each_device_has_a_context_of_its_driver() -> None:
    devices = [room("CUDA0", 1).device, room("CUDA1", 1).device]
    placement = LayerBytes(DENSE, Workload(1024, 1)).placed(devices, [10, 23])
    assert [share.overhead for share in placement.shares] == [CONTEXT_BYTES["cuda"]] * 2


def test_what_is_planned_is_what_llama_server_is_told() -> None:
    rooms = [room("CUDA0", 4000), room("CUDA1", 5000)]
    placement = planned(DENSE, Workload(8192, 1), rooms, PLENTY)
    command = arguments(LlamaOptions(**placement.options()))
    given = dict(zip(command[::2], command[1::2], strict=True))
    split = ",".join(str(share.layers) for share in placement.shares)
    assert given == {
        "--fit": "off", "--n-gpu-layers": "33", "--device": "CUDA0,CUDA1",
        "--split-mode": "layer", "--tensor-split": split,
    }  # fmt: skip
    assert arguments(LlamaOptions()) == []
    on_cpu = arguments(LlamaOptions(gpu_layers=0))
    assert on_cpu == ["--fit", "off", "--n-gpu-layers", "0", "--device", "none",
                      "--no-mmproj-offload"]  # fmt: skip
    small = arguments(LlamaOptions(cache_type="q8_0", cpu_moe=3, gpu_layers=5, devices=["CUDA0"]))
    assert small[-8:] == ["--n-cpu-moe", "3", "--cache-type-k", "q8_0", "--cache-type-v", "q8_0",
                          "--flash-attn", "on"]  # fmt: skip


QWEN3_4B = Facts(
    architecture="qwen3",
    tensor_bytes=4_274_526_208,
    embedding_length=2560,
    feed_forward_length=9728,
    layers=36,
    heads=32,
    heads_kv=[8] * 36,
    key_length=128,
    value_length=128,
    vocabulary=151_936,
    merges=1000,
    layer_bytes=[107_256_832] * 36,
    output_bytes=10_240,
    embedding_bytes=413_265_920,
    tied=True,
)
SMALL_MIXTURE = Facts(
    architecture="qwen3moe",
    tensor_bytes=2_872_430_592,
    embedding_length=1024,
    feed_forward_length=4096,
    layers=24,
    heads=16,
    heads_kv=[4] * 24,
    key_length=128,
    value_length=128,
    vocabulary=151_936,
    merges=1000,
    layer_bytes=[112_797_696] * 24,
    expert_bytes=[106_954_752] * 24,
    experts=64,
    experts_used=8,
    output_bytes=4096,
    embedding_bytes=165_306_368,
    tied=True,
)


@pytest.mark.parametrize(
    ("facts", "work", "layers", "cpu_moe", "cache_type", "cuda", "vulkan"),
    [
        (QWEN3_4B, Workload(16_384, 2), 37, 0, "f16", 9389, 8850),
        (QWEN3_4B, Workload(16_384, 2), 37, 0, "q8_0", 7317, None),
        (QWEN3_4B, Workload(8192, 2), 18, 0, "f16", 3965, 3416),
        (SMALL_MIXTURE, Workload(4096, 2), 25, 0, "f16", 3873, 3345),
        (SMALL_MIXTURE, Workload(4096, 2), 25, 24, "f16", 1457, 931),
        (SMALL_MIXTURE, Workload(8192, 2), 25, 12, "f16", 3067, 2543),
    ],
)
def test_the_plan_is_near_what_a_driver_counted(
    facts: Facts,
    work: Workload,
    layers: int,
    cpu_moe: int,
    cache_type: str,
    cuda: int,
    vulkan: int | None,
) -> None:
    """``python -m bench.gpu FOLDER fit`` on an H200, 2026-11-30, in MiB."""
    of = LayerBytes(facts, work, cache_type)
    for kind, measured in (("cuda", cuda), ("vulkan", vulkan)):
        placement = of.placed([room("0", 1, kind=kind).device], [layers], cpu_moe)
        if measured is not None:
            assert placement.shares[0].total / MIB == pytest.approx(measured, rel=0.04)


def test_a_token_reads_the_experts_that_it_uses() -> None:
    device = room("CUDA0", 1).device
    layers = LayerBytes(SMALL_MIXTURE, Workload(4096, 1))
    on_device = layers.placed([device], [25])
    dense = (112_797_696 - 106_954_752) * 24
    output = 165_306_368 + 4096
    assert on_device.shares[0].read == dense + 106_954_752 // 8 * 24 + output
    assert on_device.host.read == 0
    split = layers.placed([device], [25], 24)
    assert split.shares[0].read == dense + output
    assert split.host.read == 106_954_752 // 8 * 24
