"""A distribution of its own, installed by pip: everything, without an edit in ingle."""

from __future__ import annotations

import array
import asyncio
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import ingle
from ingle.capabilities.node.operation import Ledger, LedgerPage
from ingle.capabilities.peers.operation import (
    GrantPeer,
    Grants,
    Invite,
    Invited,
    Join,
    ListGrants,
    Paired,
)
from ingle.config import Settings
from ingle.errors import (
    CapabilityMissing,
    GrantExhausted,
    GrantRefused,
    IngleError,
    InvalidRequest,
    NotFound,
)
from ingle.node.node import ask
from ingle.operations import registry
from ingle.operations.operation import Bytes
from ingle.peers.peered_node import PeeredNode
from ingle.server.application import create_application
from ingle.server.settings import ServerSettings
from tests.waiting import eventually_async

pytestmark = [pytest.mark.extras, pytest.mark.anyio]
RATE = 8000


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has put the distribution."""
    folder = tmp_path_factory.mktemp("site")
    source = Path(__file__).parent / "loudness"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*command, "--target", str(folder), str(source)], check=True, timeout=110)
    return folder


@pytest.fixture
def plugin(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It is installed, for this process and those that it starts; afterwards it is not."""
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.setenv("PYTHONPATH", str(installed), prepend=os.pathsep)
    registry.forget()
    yield
    for name in [name for name in sys.modules if name.startswith("ingle_loudness")]:
        del sys.modules[name]
    registry.forget()


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    """A model of the format: two files, one in a folder."""
    folder = tmp_path / "studio"
    (folder / "weights").mkdir(parents=True)
    (folder / "loudness.json").write_text(json.dumps({"rate": RATE, "licence": "cc0-1.0"}))
    (folder / "weights/gains.f32").write_bytes(array.array("f", [1.0] * 100).tobytes())
    return folder


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Three seconds and a half, the second one loud."""
    samples = array.array("h")
    for second, height in enumerate((100, 20000, 400, 400)):
        length = RATE if second < 3 else RATE // 2
        samples.extend(int(height * math.sin(at / 3)) for at in range(length))
    path = tmp_path / "sound.pcm"
    path.write_bytes(samples.tobytes())
    return path


def command(*words: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "ingle.cli.main", *words],
        capture_output=True, timeout=90, **options,
    )  # fmt: skip
    assert done.returncode == 0 or not check, done.stderr.decode()
    return done


def settings(folder: Path, name: str, **more: Any) -> Settings:
    return Settings(
        state_dir=str(folder / name), models_dir=str(folder / f"{name}-models"), device_name=name,
        peer_host="127.0.0.1", peer_port=0, nearby=False, **more,
    )  # fmt: skip


@asynccontextmanager
async def nodes(folder: Path, *names: str) -> AsyncIterator[list[PeeredNode]]:
    opened = [await PeeredNode.open(settings(folder, name)) for name in names]
    try:
        yield opened
    finally:
        for node in reversed(opened):
            await node.aclose()


async def drain(node: PeeredNode, operation: Any, feed: Any = None) -> None:
    async with node.perform(operation, feed) as events:
        async for _ in events:
            pass


def test_a_command(plugin: None, studio: Path, sound: Path) -> None:
    try:
        assert b"loudness" in command("--help").stdout
        page = command("capabilities", "loudness").stdout.decode()
        assert "Counted in: audio_s" in page
        assert "### `loudness`" in page
        assert "### event `loudness.level`" in page
        command("pull", str(studio))
        (listed,) = [
            model for model in json.loads(command("list", "--json").stdout)
            if model["name"] == "studio"
        ]  # fmt: skip
        assert (listed["format"], listed["capabilities"]) == ("loudness", ["loudness"])
        assert json.loads(command("show", "studio", "--json").stdout)["licence"] == "cc0-1.0"
        fitted = json.loads(command("fit", "studio", "--json").stdout)
        assert all(report["fits"] and report["needed"] > 0 for report in fitted)
        told = json.loads(command("loudness", str(sound), "-m", "studio", "--json").stdout)
        assert (told["seconds"], told["loudest"], told["model"]) == (3.5, 1, "studio")
        lines = command("loudness", "-", "-m", "studio", input=sound.read_bytes()).stdout.decode()
        assert len(lines.splitlines()) == 5
        (worker,) = json.loads(command("ps", "--json").stdout)["workers"]
        assert (worker["engine"], worker["role"], worker["model"]) == (
            "meter", "loudness", "studio",
        )  # fmt: skip
        checked = json.loads(command("doctor", "--json").stdout)
        assert {("plug-in loudness", "ok"), ("engine meter", "ok")} <= {
            (finding["name"], finding["state"]) for finding in checked
        }
        refused = command("loudness", str(sound), "-m", "ember", "--json", check=False)
        assert json.loads(refused.stderr or refused.stdout)["error"]["code"] == "capability_missing"
    finally:
        command("stop", "--node")


def test_python_blocking(plugin: None, studio: Path, sound: Path, settings: Settings) -> None:
    with ingle.open(settings) as home:
        home.pull(str(studio))
        measured = home.loudness(sound, "studio")
        assert (measured.seconds, measured.loudest) == (3.5, 1)
        assert measured.where == "local"

        async def live() -> AsyncIterator[Bytes]:
            data = sound.read_bytes()
            for at in range(0, len(data), 1000):
                yield Bytes(data=data[at : at + 1000])

        levels = list(home.capability("loudness").levels(live(), "studio"))
        assert [level.second for level in levels] == [0, 1, 2, 3]
        with pytest.raises(AttributeError):
            _ = home.softness


async def test_levels_come_while_sound_is_sent(
    plugin: None, studio: Path, settings: Settings
) -> None:
    """Events flow back before the caller has sent its last piece; a cancel ends both ways."""
    from ingle_loudness.operation import Level, Loudness  # type: ignore[import-not-found]

    async with ingle.open_async(settings) as home:
        await home.pull(str(studio))
        heard = asyncio.Event()

        async def live() -> AsyncIterator[Bytes]:
            yield Bytes(data=bytes(2 * RATE))
            await heard.wait()
            yield Bytes(data=bytes(2 * RATE))

        seconds = []
        async with home.node.perform(Loudness(model="studio"), live()) as events:
            async for event in events:
                if isinstance(event, Level):
                    seconds.append(event.second)
                    heard.set()
        assert seconds == [0, 1]

        async def endless() -> AsyncIterator[Bytes]:
            while True:
                yield Bytes(data=bytes(2 * RATE))

        async with home.node.perform(Loudness(model="studio"), endless()) as events:
            async for event in events:
                if isinstance(event, Level) and event.second == 5:
                    break

        async def idle() -> bool:
            return not (await home.status()).workers[0].active

        await eventually_async(idle)


async def test_an_http_route_and_metrics(
    plugin: None, studio: Path, sound: Path, settings: Settings
) -> None:
    async with ingle.open_async(settings) as home:
        await home.pull(str(studio))
        application = create_application(home.node, ServerSettings())
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            answer = await http.post(
                "/v1/loudness", params={"model": "studio"}, content=sound.read_bytes()
            )
            assert answer.json()["seconds"] == 3.5
            assert len(answer.json()["levels"]) == 4
            wrong = await http.post("/v1/loudness", params={"model": "ember"}, content=b"")
            assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "capability_missing")
            counted = (await http.get("/metrics")).text
            line = 'ingle_used_total{capability="loudness",model="studio",unit="audio_s"} 3.5'
            assert line in counted
        application.state.floor.close()


async def test_another_device_does_it_under_a_grant(
    plugin: None, studio: Path, sound: Path, tmp_path: Path
) -> None:
    from ingle_loudness.operation import Loudness

    async with nodes(tmp_path, "desk", "laptop") as (desk, laptop):
        code = (await ask(desk, Invite(), Invited)).code
        await ask(laptop, Join(code=code), Paired)
        from ingle.client.home import AsyncHome

        at_desk, home = AsyncHome(desk, desk.local.settings), AsyncHome(laptop, desk.local.settings)
        await at_desk.pull(str(studio))
        with pytest.raises(GrantRefused, match="loudness"):
            await home.loudness(sound, "studio", on="desk")
        for wrong in ({"audio_m": 3}, {"tokens": 5}):
            with pytest.raises(InvalidRequest):
                await ask(
                    desk, GrantPeer(peer="laptop", capabilities=["chat"], per_day=wrong), Grants
                )
        request = GrantPeer(
            peer="laptop", capabilities=["loudness"], models=["studio*"], per_day={"audio_s": 8}
        )
        (given,) = (await ask(desk, request, Grants)).grants
        measured = await home.loudness(sound, "studio", on="desk")
        assert (measured.where, measured.seconds) == ("peer:desk", 3.5)
        blobs = desk.local.blobs
        assert blobs.size() == sound.stat().st_size, "it lies there, for the next time"
        assert await home.loudness(sound, "studio", on="desk")
        (now,) = (await ask(desk, ListGrants(), Grants)).grants
        assert (now.amounts_today, now.per_day) == ({"audio_s": 7.0}, {"audio_s": 8})
        assert now.used_today == 0
        # What is too much for what is left is refused before any work, or stopped on its way.
        with pytest.raises(GrantExhausted, match="audio_s"):
            await home.loudness(sound, "studio", on="desk")

        async def live() -> AsyncIterator[Bytes]:
            for _ in range(30):
                yield Bytes(data=bytes(2 * RATE))

        with pytest.raises(GrantExhausted, match="audio_s"):
            await drain(laptop, Loudness(model="studio", on="desk"), live())
        entries = (await ask(laptop, Ledger(), LedgerPage)).entries
        done = [
            entry for entry in entries if entry.operation == "loudness" and entry.outcome == "done"
        ]
        assert [entry.grant for entry in done] == [given.id] * 2
        assert done[-1].bytes_out > sound.stat().st_size > done[0].bytes_out
        with pytest.raises(NotFound):
            blobs.path("", next(iter(blobs.all(laptop.peer_service.identity.key.hex()))).sha256)


async def test_a_device_without_it_is_not_asked(
    plugin: None, installed: Path, studio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingle_loudness.operation import Loudness

    from ingle.protocol import capability_versions

    async with nodes(tmp_path, "desk", "laptop") as (desk, laptop):
        # The desk's Hello is that of a device without the plug-in.
        monkeypatch.setattr(capability_versions, "ours", lambda: {"chat": 1, "peering": 1})
        code = (await ask(desk, Invite(preset="family"), Invited)).code
        await ask(laptop, Join(code=code), Paired)
        with pytest.raises(CapabilityMissing, match="does not have 'loudness'"):
            await drain(laptop, Loudness(model="x", on="desk"))


@pytest.mark.parametrize("lie", ["nan", "negative", "raises"])
async def test_a_capability_that_lies_about_its_cost(
    plugin: None, studio: Path, sound: Path, tmp_path: Path, lie: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import dataclasses

    from ingle_loudness import CAPABILITY  # type: ignore[import-not-found]

    from ingle.client.home import AsyncHome

    def estimate(_: Any) -> float:
        if lie == "raises":
            raise ZeroDivisionError("who knows")
        return math.nan if lie == "nan" else -5.0

    async with nodes(tmp_path, "desk", "laptop") as (desk, laptop):
        code = (await ask(desk, Invite(), Invited)).code
        await ask(laptop, Join(code=code), Paired)
        await AsyncHome(desk, desk.local.settings).pull(str(studio))
        await ask(desk, GrantPeer(peer="laptop", capabilities=["loudness"]), Grants)
        cost = dataclasses.replace(CAPABILITY.cost, estimate=estimate)
        monkeypatch.setattr(registry, "of", lying(CAPABILITY, cost))
        with pytest.raises(IngleError, match="reports its usage incorrectly"):
            await AsyncHome(laptop, desk.local.settings).loudness(sound, "studio", on="desk")


def lying(honest: Any, cost: Any) -> Any:
    import dataclasses

    made = dataclasses.replace(honest, cost=cost)
    found = registry.of

    def of(operation: Any) -> Any:
        capability = found(operation)
        return made if capability is honest else capability

    return of


def test_when_it_is_gone_nothing_is_left(tmp_path: Path) -> None:
    assert registry.find("loudness") is None
    assert registry.of_operation("loudness") is None
    done = command("loudness", "x", check=False)
    assert done.returncode == 2
    assert b"There is no command" in done.stderr
    assert b"loudness" not in command("--help").stdout


def package(folder: Path, name: str, entry: str, code: str) -> None:
    (folder / f"{name.replace('-', '_')}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ingle.capabilities]\n{entry}\n")


def test_a_plugin_that_fails_to_import_loses_its_own_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "broken", "broken = broken:CAPABILITY", "import no_such_module")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (problem,) = registry.problems()
    assert "no_such_module" in problem.message
    assert problem.hint == "pip install --upgrade broken"
    assert set(registry.everything()) == set(registry.built_in())
    done = command("broken", check=False)
    assert done.returncode != 0
    assert b"no_such_module" in done.stderr
    assert command("capabilities").returncode == 0


def test_two_plugins_with_one_name_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        package(tmp_path, name, f"twin = {name}:CAPABILITY", "CAPABILITY = 1")
    package(tmp_path, "thief", "chat = thief:CAPABILITY", "CAPABILITY = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    messages = " ".join(problem.message for problem in registry.problems())
    assert "first 1.0 and of second 1.0" in messages
    assert "built-in" in messages
    assert registry.find("chat") is registry.built_in()["chat"]
    with pytest.raises(IngleError, match="two capability plug-ins"):
        registry.find("twin")


def test_random_sound_is_measured_alike_by_both_ways(
    plugin: None, studio: Path, settings: Settings, tmp_path: Path
) -> None:
    chance = random.Random(7)
    path = tmp_path / "noise.pcm"
    path.write_bytes(bytes(chance.randrange(256) for _ in range(2 * RATE * 2)))
    with ingle.open(settings) as home:
        home.pull(str(studio))
        whole = home.loudness(path, "studio")

        async def pieces() -> AsyncIterator[Bytes]:
            data, at = path.read_bytes(), 0
            while at < len(data):
                size = chance.randrange(1, 9000)
                yield Bytes(data=data[at : at + size])
                at += size

        assert home.loudness(pieces(), "studio").decibels == whole.decibels
