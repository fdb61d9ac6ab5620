"""What a conversation listens to and calls: WAV files, commands, and what is missing."""

from __future__ import annotations

import array
import json
import sys
import wave
from pathlib import Path

import pytest

from ingle.capabilities.talk.command_tools import CommandTools
from ingle.capabilities.talk.wav_sound import WavSound
from ingle.errors import InvalidRequest
from ingle.operations import ToolCall

from ..cli.place import Place

pytestmark = pytest.mark.anyio


def write_wav(path: Path, channels: int = 1, width: int = 2, rate: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        samples = array.array("h", [1000, 3000] * 800)
        file.writeframes(samples.tobytes() if width == 2 else bytes(1600))
    return path


async def heard(path: Path) -> bytes:
    return b"".join([piece async for piece in WavSound(path).pieces()])


async def test_a_file_is_heard_as_one_channel(tmp_path: Path) -> None:
    mono = await heard(write_wav(tmp_path / "mono.wav"))
    assert array.array("h", mono) == array.array("h", [1000, 3000] * 800)
    stereo = await heard(write_wav(tmp_path / "stereo.wav", channels=2))
    assert array.array("h", stereo) == array.array("h", [2000] * 800)


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "8 bits", "4 kHz"])
def test_what_cannot_be_heard_is_told_with_the_command(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sound.wav"
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("this is no sound")
        case "8 bits":
            write_wav(path, width=1)
        case "4 kHz":
            write_wav(path, rate=4_000)
    with pytest.raises(InvalidRequest) as caught:
        WavSound(path)
    assert caught.value.hint.startswith("ffmpeg -i")


async def test_commands_are_tools(tmp_path: Path) -> None:
    code = "import json, sys; print(json.load(sys.stdin)['city'].upper())"
    rows = [
        {"name": "shout", "command": [sys.executable, "-c", code]},
        {"name": "fails", "command": [sys.executable, "-c", "raise SystemExit('no')"]},
        {"name": "gone", "command": ["/nowhere/at/all"]},
    ]
    file = tmp_path / "tools.json"
    file.write_text(json.dumps(rows))
    tools = CommandTools(str(file))
    assert [tool.name for tool in tools.tools] == ["shout", "fails", "gone"]

    async def call(name: str) -> str:
        return await tools.call(ToolCall(id="1", name=name, arguments='{"city": "Oslo"}'))

    assert await call("shout") == "OSLO"
    assert await call("fails") == "error: status 1: no"
    assert (
        await call("gone") == "error: /nowhere/at/all cannot be started: No such file or directory"
    )
    assert await call("other") == "error: there is no tool other"


@pytest.mark.parametrize("content", ["", "{}", '[{"name": "x"}]', '[{"name": "x", "command": []}]'])
def test_a_bad_file_of_tools_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "tools.json"
    file.write_text(content)
    with pytest.raises(InvalidRequest, match="tools"):
        CommandTools(str(file))


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sounddevice.py").write_text("raise ImportError('not here')\n")
    refused = place.ingle("talk", "--json", PYTHONPATH=str(hidden))
    assert refused.status == 1
    assert refused.error["hint"] == "pip install 'ingle[talk]'"
    wrong = place.ingle("talk", "--from", "no.wav", "--to", "out.wav", "--json")
    assert wrong.status == 2
    assert "no.wav" in wrong.error["message"]
