"""Engines are asked for their devices in the sandbox, at each of its levels."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import msgspec
import pytest

from ingle.config import Settings
from ingle.engines import sandbox
from ingle.engines.probe import probe

from .stand_ins import GPU, script, stand_in

pytestmark = pytest.mark.anyio

NOSY = """
import socket
from pathlib import Path
from ingle.engines.declaration import EngineDeclaration
from ingle.operations import DeviceInfo

NOSY = EngineDeclaration(name="nosy", loader="nosy:Nosy", formats=("gguf",), capabilities=())

def read():
    return Path({secret!r}).read_text() == "the secret"

def write():
    return bool(Path({written!r}).write_text("intruded"))

def connect():
    return bool(socket.create_connection(("127.0.0.1", {port}), 1))

def tried(act):
    try:
        return "reached" if act() else "nothing"
    except OSError as error:
        return type(error).__name__

class Nosy:
    name = "nosy"

    def version(self):
        return "1"

    def devices(self):
        return [
            DeviceInfo(name=act.__name__, kind="other", description=tried(act))
            for act in (read, write, connect)
        ]
"""

LEVELS = [level for level in sandbox.LEVELS if sandbox.works(level)]


def nosy(folder: Path, **given: object) -> None:
    """A plug-in whose engine tells what it can reach."""
    entry = folder / "nosy-1.0.dist-info" / "entry_points.txt"
    entry.parent.mkdir(parents=True)
    entry.write_text("[ingle.engines]\nnosy = nosy:NOSY\n")
    entry.with_name("METADATA").write_text("Metadata-Version: 2.1\nName: nosy\nVersion: 1.0\n")
    (folder / "nosy.py").write_text(NOSY.format(**given))


@pytest.mark.parametrize("level", LEVELS)
async def test_engines_tell_their_devices_and_reach_nothing(
    level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, written = tmp_path / "secret", tmp_path / "written"
    secret.write_text("the secret")
    plug_in = tmp_path / "plug-in"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        nosy(plug_in, secret=str(secret), written=str(written), port=port)
        monkeypatch.syspath_prepend(str(plug_in))
        monkeypatch.setattr(sandbox, "level", lambda: level)
        reports = await probe()
    assert reports["llama"].version
    assert reports["llama"].devices or not reports["llama"].problem
    told = {device.name: device.description for device in reports["nosy"].devices}
    assert set(told) == {"read", "write", "connect"}
    if sys.platform == "linux":
        reached = {name for name, how in told.items() if how == "reached"}
        if not written.exists():  # it wrote where no one else looks
            reached.discard("write")
        assert reached == ({"read", "write"} if level == "limits" else set())


async def test_one_that_crashes_or_tells_nonsense_costs_its_own_report(
    settings: Settings, tmp_path: Path
) -> None:
    crashes = stand_in(tmp_path / "crashes", devices=[GPU])
    beside = crashes.with_name("stand_in.json")
    for binary, problem in (
        (script(tmp_path / "a", "kill -SEGV $$"), "killed by SIGSEGV"),
        (script(tmp_path / "b", "yes"), "killed by SIGXFSZ"),
        (tmp_path / "nowhere", "not there"),
    ):
        chosen = msgspec.structs.replace(settings, llama_server=str(binary))
        reports = await probe(chosen)
        assert problem in reports["llama-server"].problem
        assert reports["llama"].version
        assert not reports["llama"].problem
    devices = [
        "CUDA0: A (9 MiB, 8 MiB free)",
        "CUDA1: B (x) (9 MiB, 8 MiB free)",
        "no device at all",
    ]
    beside.write_text(json.dumps({"devices": devices, "version": "7 (x)"}))
    reports = await probe(msgspec.structs.replace(settings, llama_server=str(crashes)))
    found = reports["llama-server"]
    assert found.version == "7 (x)"
    assert [(device.name, device.description) for device in found.devices] == [
        ("CUDA0", "A"),
        ("CUDA1", "B (x)"),
    ]
    assert {device.engine for device in found.devices} == {"llama-server"}
    assert found.devices[0].memory_total == 9 << 20


@pytest.mark.parametrize("level", LEVELS)
async def test_a_driver_that_the_owner_names_is_seen(
    level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, manifests = tmp_path / "driver", tmp_path / "manifests"
    for folder in (driver, manifests):
        folder.mkdir()
    (driver / "libvulkan_own.so").write_text("a library")
    (driver / "libbeside.so").write_text("the secret")
    manifest = {
        "file_format_version": "1.0.1",
        "ICD": {"library_path": "../driver/libvulkan_own.so"},
    }
    (manifests / "own.json").write_text(json.dumps(manifest))
    (manifests / "broken.json").write_text("[")
    plug_in = tmp_path / "plug-in"
    nosy(plug_in, secret=str(driver / "libbeside.so"), written=str(driver / "new"), port=9)
    monkeypatch.syspath_prepend(str(plug_in))
    monkeypatch.setattr(sandbox, "level", lambda: level)
    monkeypatch.setenv("VK_DRIVER_FILES", f"{manifests}:relative.json:/not/there.json")
    reports = await probe()
    seen = {device.name: device.description for device in reports["nosy"].devices}
    assert seen["read"] == "reached"
    assert "VK_DRIVER_FILES" in sandbox.environment()
    assert level == "limits" or seen["write"] != "reached"


async def test_a_start_asks_those_alone_that_may_know_devices() -> None:
    """Engines of sound compute on the processor: no first request waits for their libraries."""
    asked, others = await probe(devices=True), await probe(devices=False)
    assert "llama" in asked
    assert {"whisper", "faster-whisper", "onnx-asr", "espeak", "piper", "kokoro"} <= set(others)
    assert not set(asked) & set(others)
    assert not [device for report in others.values() for device in report.devices]
