"""What a ``llama-server`` says of its devices."""

from __future__ import annotations

import pytest

from ingle.engines.llama.listed_devices import device_kind, is_software, parsed
from ingle.operations.device_info import cards, numbered

H200 = "  CUDA0: NVIDIA H200 (143771 MiB, 142000 MiB free)"


def test_lines_become_devices() -> None:
    text = f"""load_backend: loaded something
Available devices:
{H200}
  Vulkan1: AMD Radeon RX 7900 XTX (RADV NAVI31) (24560 MiB, 24000 MiB free)
"""
    first, second = parsed(text, "cuda")
    assert (first.name, first.kind, first.description) == ("CUDA0", "cuda", "NVIDIA H200")
    assert (first.memory_total, first.memory_free) == (143771 << 20, 142000 << 20)
    assert (first.engine, first.integrated) == ("cuda", False)
    assert (second.kind, second.description) == ("vulkan", "AMD Radeon RX 7900 XTX (RADV NAVI31)")


@pytest.mark.parametrize(
    "description",
    [
        "Intel(R) UHD Graphics 630 (CFL GT2)",
        "Intel(R) Iris(R) Xe Graphics",
        "AMD Radeon Graphics (RADV RENOIR)",
        "AMD Radeon 780M (RADV PHOENIX)",
        "Apple M3 Pro",
    ],
)
def test_what_sits_on_the_processor_shares_its_memory(description: str) -> None:
    (device,) = parsed(f"  Vulkan0: {description} (8000 MiB, 7000 MiB free)", "vulkan")
    assert device.integrated


@pytest.mark.parametrize(
    "description",
    ["NVIDIA GeForce RTX 4090", "AMD Radeon RX 6600M", "AMD Radeon Pro W7900", "Tesla T4"],
)
def test_a_card_has_memory_of_its_own(description: str) -> None:
    (device,) = parsed(f"  Vulkan0: {description} (8000 MiB, 7000 MiB free)", "vulkan")
    assert not device.integrated


def test_a_software_renderer_has_no_memory_of_its_own() -> None:
    line = "  Vulkan0: llvmpipe (LLVM 15.0.6, 256 bits) (2048 MiB, 2048 MiB free)"
    (device,) = parsed(line, "vulkan")
    assert device.integrated
    assert is_software(device.description)
    assert not is_software("NVIDIA GeForce RTX 4090")
    assert parsed("Available devices:\n  (none)\n", "vulkan") == []


@pytest.mark.parametrize(
    "line",
    [
        "  : x (1 MiB, 1 MiB free)",
        "  CUDA0: x (1 MiB)",
        "  CUDA0: x (-1 MiB, 1 MiB free)",
        "  CUDA0: x (9999999999999 MiB, 1 MiB free)",
        "CUDA0: x (1 MiB, 1 MiB free)",
        "\x00" * 40,
    ],
)
def test_other_lines_are_passed_over(line: str) -> None:
    assert parsed(f"{line}\n{H200}", "cuda") == parsed(H200, "cuda")


def test_kinds_by_their_names() -> None:
    names = {"CUDA0": "cuda", "ROCm1": "rocm", "Vulkan0": "vulkan", "MTL0": "metal", "CPU": "cpu"}
    assert {name: device_kind(name) for name in names} == names
    assert device_kind("SYCL0") == "sycl"


def test_one_card_is_the_same_in_two_engines() -> None:
    (cuda,) = parsed(H200, "cuda")
    (vulkan,) = parsed("  Vulkan0: NVIDIA H200 (143155 MiB, 142629 MiB free)", "vulkan")
    assert cuda.name != vulkan.name
    assert cuda.card == vulkan.card


def test_two_cards_of_a_kind_are_two_in_each_engine() -> None:
    one = "  ROCm{n}: AMD Radeon RX 7900 XTX (24560 MiB, 24000 MiB free)"
    other = "  Vulkan{n}: AMD Radeon RX 7900 XTX (RADV NAVI31) (24576 MiB, 24000 MiB free)"
    rocm = numbered(parsed("\n".join(one.format(n=n) for n in (0, 1)), "rocm"))
    vulkan = numbered(parsed("\n".join(other.format(n=n) for n in (0, 1)), "vulkan"))
    assert [device.card for device in rocm] == [device.card for device in vulkan]
    assert [device.name for device in cards([*rocm, *vulkan])] == ["ROCm0", "ROCm1"]
