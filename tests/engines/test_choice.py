"""Which engine runs a model, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.config import Settings
from ingle.engines.choice import choose
from ingle.engines.probe import EngineReport
from ingle.errors import ConfigError, EngineMissing
from ingle.operations import DeviceInfo

from .stand_ins import stand_in


def device(name: str, kind: str, description: str = "") -> DeviceInfo:
    return DeviceInfo(name=name, kind=kind, description=description or f"a {kind} device")


CPU = EngineReport(version="1", devices=[device("CPU", "cpu", "a processor")])


@pytest.fixture
def found(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings where a llama-server is on PATH."""
    monkeypatch.setenv("PATH", str(stand_in(tmp_path / "bin").parent))
    return settings


def chosen(settings: Settings, role: str = "generate", model: str = "", **reports: object) -> str:
    told = {name.replace("_", "-"): report for name, report in reports.items()}
    return choose("gguf", role, settings, told, model).engine.name  # type: ignore[arg-type]


def test_the_built_in_one_runs_models_unless_another_has_a_graphics_device(
    found: Settings,
) -> None:
    assert chosen(found) == "llama"
    assert chosen(found, llama=CPU, llama_server=EngineReport(version="2")) == "llama"
    vulkan = EngineReport(devices=[device("Vulkan0", "vulkan")])
    assert chosen(found, llama=CPU, llama_server=vulkan) == "llama-server"
    choice = choose("gguf", "generate", found, {"llama": CPU, "llama-server": vulkan})
    assert choice.reason == "it has a vulkan device"


def test_a_device_of_its_own_driver_comes_before_one_of_all(found: Settings) -> None:
    metal = EngineReport(devices=[device("MTL0", "metal")])
    vulkan = EngineReport(devices=[device("Vulkan0", "vulkan")])
    cuda = EngineReport(devices=[device("CUDA0", "cuda")])
    assert chosen(found, llama=metal, llama_server=vulkan) == "llama"
    assert chosen(found, llama=metal, llama_server=cuda) == "llama-server"
    assert chosen(found, llama=vulkan, llama_server=vulkan) == "llama"


def test_a_processor_that_plays_a_graphics_device_is_none(found: Settings) -> None:
    software = EngineReport(devices=[device("Vulkan0", "vulkan", "llvmpipe (LLVM 15.0.6)")])
    assert chosen(found, llama=CPU, llama_server=software) == "llama"


def test_one_with_a_problem_is_not_chosen(found: Settings) -> None:
    broken = EngineReport(devices=[device("CUDA0", "cuda")], problem="it computes wrong answers")
    assert chosen(found, llama=CPU, llama_server=broken) == "llama"


def test_the_owners_word_comes_first(found: Settings) -> None:
    cuda = EngineReport(devices=[device("CUDA0", "cuda")])

    def settings(**changed: object) -> Settings:
        return Settings(**{"state_dir": found.state_dir, **changed})  # type: ignore[arg-type]

    assert chosen(settings(engine="llama"), llama=CPU, llama_server=cuda) == "llama"
    assert chosen(settings(engine="llama-server"), llama=CPU) == "llama-server"
    per_model = settings(engine="llama", engines={"large": "llama-server"})
    assert chosen(per_model, model="large") == "llama-server"
    assert chosen(per_model, model="small") == "llama"
    named = settings(llama_server="/opt/llama.cpp/bin/llama-server")
    assert chosen(named) == "llama-server"
    with pytest.raises(EngineMissing, match=r"installed are: .*llama"):
        chosen(settings(engine="cuda"))
    with pytest.raises(
        ConfigError, match="mine is a gguf model, and the engine upstream runs no files"
    ):
        chosen(settings(engines={"mine": "upstream"}), model="mine")


def test_what_a_server_does_not_offer_the_built_in_one_does(found: Settings) -> None:
    cuda = EngineReport(devices=[device("CUDA0", "cuda")])
    choice = choose("gguf", "score", found, {"llama": CPU, "llama-server": cuda})
    assert choice.engine.name == "llama"
    assert choice.reason == "llama-server does not offer score"
