"""Graphics devices as the kernel lists them, and what is said of one that no engine uses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ingle.capabilities.node.operation import EngineInfo
from ingle.cli.engine.graphics_advice import advice
from ingle.engines.graphics import GraphicsDevice, graphics_devices
from ingle.operations import DeviceInfo

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's files")


def card(root: Path, number: int, vendor: str, **files: str) -> None:
    folder = root / f"sys/class/drm/renderD{128 + number}/device"
    folder.mkdir(parents=True)
    for name, text in {"vendor": vendor, "class": "0x030000", **files}.items():
        (folder / name).write_text(text + "\n")


def test_nvidias_driver_tells_its_devices_by_name(tmp_path: Path) -> None:
    for number in range(2):
        folder = tmp_path / f"proc/driver/nvidia/gpus/0000:0{number}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text("Model: \t\t NVIDIA GeForce RTX 4090\nIRQ: 5\n")
        card(tmp_path, number, "0x10de")
    found = graphics_devices(tmp_path)
    assert found == [GraphicsDevice("NVIDIA", "NVIDIA GeForce RTX 4090", ("cuda", "vulkan"))] * 2


def test_in_a_container_the_device_files_are_enough(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    for name in ("nvidia0", "nvidiactl", "nvidia-uvm"):
        (tmp_path / "dev" / name).write_text("")
    assert [device.backends for device in graphics_devices(tmp_path)] == [("cuda", "vulkan")]


def test_others_are_told_by_their_vendor(tmp_path: Path) -> None:
    card(tmp_path, 0, "0x1002", product_name="Radeon RX 7900 XTX")
    card(tmp_path, 1, "0x8086")
    card(tmp_path, 2, "0x10de")
    card(tmp_path, 3, "0x1234")
    card(tmp_path, 4, "0x1002", **{"class": "0x120000"})
    found = {device.name: device.backends for device in graphics_devices(tmp_path)}
    assert found == {
        "Radeon RX 7900 XTX": ("vulkan",),
        "Intel graphics device": ("sycl", "vulkan"),
        "NVIDIA graphics device": ("vulkan",),
    }
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kfd").write_text("")
    assert graphics_devices(tmp_path)[0].backends == ("rocm", "vulkan")


def test_a_system_without_one_has_none(tmp_path: Path) -> None:
    assert graphics_devices(tmp_path) == []


def test_what_is_said_of_one_that_no_engine_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    built_in = EngineInfo(name="llama", chosen=True)
    card = GraphicsDevice("NVIDIA", "NVIDIA RTX 4090", ("cuda", "vulkan"))
    told = advice([built_in], [card])
    assert told is not None
    assert told.text == "found NVIDIA RTX 4090, using the CPU; no engine here uses it"
    assert told.command == "ingle engine install cuda"
    assert advice([built_in], []) is None
    device = DeviceInfo(name="CUDA0", kind="cuda", description="NVIDIA RTX 4090")
    cuda = EngineInfo(name="cuda", devices=[device], speed=11.96)
    told = advice([built_in, cuda], [card])
    assert told is not None
    assert "the engine cuda is 12.0 times faster" in told.text
    assert told.command == "ingle engine use cuda"
    assert advice([EngineInfo(name="cuda", devices=[device], chosen=True)], [card]) is None
    intel = GraphicsDevice("Intel", "Intel Arc", ("sycl",))
    told = advice([built_in], [intel])
    assert told is not None
    assert told.command == "put a llama-server for it on PATH"
