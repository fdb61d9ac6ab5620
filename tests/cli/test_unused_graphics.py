"""The line about a graphics device that no engine uses, at the first run."""

from __future__ import annotations

import pytest

import ingle
from ingle import Settings
from ingle.cli import unused_graphics
from ingle.cli.output import Output
from ingle.cli.unused_graphics import tell_unused_graphics
from ingle.engines.graphics import GraphicsDevice

pytestmark = pytest.mark.anyio


async def test_it_is_said_once_for_each_state_of_the_machine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    card = GraphicsDevice("NVIDIA", "NVIDIA RTX 4090", ("cuda", "vulkan"))
    monkeypatch.setattr(unused_graphics, "graphics_devices", lambda: [card])
    output = Output(as_json=False, debug=False)
    async with ingle.open_async(settings) as home:
        await tell_unused_graphics(output, home)
        assert capsys.readouterr().err == ""  # not a terminal
        output.terminal = True
        await tell_unused_graphics(output, home)
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == (
            "found NVIDIA RTX 4090, using the CPU; no engine here uses it; "
            "to use it: ingle engine install cuda\n"
        )
        await tell_unused_graphics(output, home)
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(unused_graphics, "graphics_devices", lambda: [card, card])
        quiet = Output(as_json=True, debug=False)
        quiet.terminal = True
        await tell_unused_graphics(quiet, home)
        assert capsys.readouterr().err == ""
        await tell_unused_graphics(output, home)
        assert "ingle engine install cuda" in capsys.readouterr().err
