"""The line about a graphics device that no engine uses, at the first run."""

from __future__ import annotations

import pytest

from ingle import Settings
from ingle.capabilities.node.operation import EngineInfo
from ingle.cli import unused_graphics
from ingle.cli.output import Output
from ingle.cli.unused_graphics import tell_unused_graphics, untold_graphics
from ingle.engines.graphics import GraphicsDevice
from ingle.operations import DeviceInfo


@pytest.fixture
def card(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> GraphicsDevice:
    """A machine that has one, and a node that has run."""
    card = GraphicsDevice("NVIDIA", "NVIDIA RTX 4090", ("cuda", "vulkan"))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(unused_graphics, "graphics_devices", lambda: [card])
    settings.state_path.mkdir(parents=True)
    return card


@pytest.mark.usefixtures("card")
def test_it_is_said_once_for_each_state_of_the_machine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Output(as_json=False, debug=False)
    output.terminal = True
    assert untold_graphics(output, settings)
    tell_unused_graphics(output, settings, [EngineInfo(name="llama", chosen=True)])
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "found NVIDIA RTX 4090, using the CPU; no engine here uses it; "
        "to use it: ingle engine install cuda\n"
    )
    assert not untold_graphics(output, settings)
    other = GraphicsDevice("Intel", "Intel Arc", ("sycl", "vulkan"))
    monkeypatch.setattr(unused_graphics, "graphics_devices", lambda: [other])
    assert untold_graphics(output, settings)
    monkeypatch.setattr(unused_graphics, "graphics_devices", list)
    assert not untold_graphics(output, settings)


@pytest.mark.usefixtures("card")
def test_it_is_not_said_where_no_person_reads_it(settings: Settings) -> None:
    piped = Output(as_json=False, debug=False)
    assert not untold_graphics(piped, settings)
    program = Output(as_json=True, debug=False)
    program.terminal = True
    assert not untold_graphics(program, settings)


@pytest.mark.usefixtures("card")
def test_nothing_is_said_of_one_that_is_used(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Output(as_json=False, debug=False)
    output.terminal = True
    device = DeviceInfo(name="CUDA0", kind="cuda", description="NVIDIA RTX 4090")
    tell_unused_graphics(output, settings, [EngineInfo(name="x", devices=[device], chosen=True)])
    assert capsys.readouterr().err == ""
    assert not untold_graphics(output, settings)
