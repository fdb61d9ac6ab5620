"""A ``llama-server`` of the user's in the built-in engine's place."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

import ingle
from ingle import AsyncHome, Settings
from ingle.errors import (
    ContextLengthExceeded,
    EngineMissing,
    InvalidRequest,
    ModelLoadFailed,
    WorkerDied,
)
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

GREEDY = {"temperature": 0.0, "max_tokens": 12}
ENDLESS = {"temperature": 0.0, "ignore_eos": True, "max_tokens": 900}


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """An executable of its own folder, as a build of llama.cpp is."""
    path = tmp_path / "bin" / "llama-server"
    path.parent.mkdir()
    text = Path(__file__).with_name("llama_server.py").read_text()
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


@pytest.fixture
async def home(settings: Settings, binary: Path) -> AsyncIterator[AsyncHome]:
    chosen = msgspec.structs.replace(settings, llama_server=str(binary), slots=2)
    async with ingle.open_async(chosen) as home:
        yield home


def servers() -> list[psutil.Process]:
    """The stand-ins that run below this process."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any(part.endswith("/bin/llama-server") for part in process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            pass
    return found


async def none_left() -> None:
    await eventually_async(lambda: not servers(), what="the llama-server ended with its worker")


async def test_it_answers_as_the_built_in_engine_does(
    home: AsyncHome, settings: Settings, tmp_path: Path
) -> None:
    answer = await home.chat(**GREEDY).send("Hello there")
    assert len(servers()) >= 1
    pieces = [piece.text async for piece in home.chat(**GREEDY).stream("Hello there")]
    assert "".join(pieces) == answer.text != ""
    assert len(pieces) > 3
    assert answer.usage.prompt_tokens > 3
    schema: dict[str, Any] = {"type": "object", "properties": {"n": {"enum": [1, 2]}}}
    schema |= {"required": ["n"], "additionalProperties": False}
    parsed = await home.chat(**GREEDY).send("A number.", schema=schema, max_tokens=200)
    assert parsed.parsed["n"] in (1, 2)
    (vector,) = await home.embed("a cat")
    tokens = await home.tokenize("hello there")
    built_in = msgspec.structs.replace(settings, state_dir=str(tmp_path / "other"))
    async with ingle.open_async(built_in) as other:
        assert (await other.chat(**GREEDY).send("Hello there")).text == answer.text
        assert (await other.embed("a cat"))[0] == pytest.approx(vector, abs=1e-3)
        assert await other.tokenize("hello there") == tokens


async def test_a_cancel_frees_its_slot(home: AsyncHome) -> None:
    stream = home.chat(**ENDLESS).stream("Tell me all")
    async for _ in stream:
        break
    (worker,) = (await home.status()).workers
    assert worker.active == 1
    await stream.aclose()

    async def idle() -> bool:
        return not (await home.status()).workers[0].active

    await eventually_async(idle)
    assert (await home.chat(**GREEDY).send("Hello there")).text


async def test_too_long_a_prompt_is_refused_with_both_counts(home: AsyncHome) -> None:
    with pytest.raises(ContextLengthExceeded) as caught:
        await home.chat(**GREEDY).send("word " * 2000)
    assert caught.value.details["prompt_tokens"] > 2000
    assert caught.value.details["context"] == 1024


async def test_a_bad_request_is_refused_and_the_server_lives(home: AsyncHome) -> None:
    await home.load("ember")
    before = {process.pid for process in servers()}
    with pytest.raises(InvalidRequest):
        await home.chat(**GREEDY).send("x", schema={"type": 5})
    assert (await home.chat(**GREEDY).send("Hello there")).text
    assert before == {process.pid for process in servers()}


async def test_it_goes_with_its_worker(home: AsyncHome) -> None:
    worker = await home.load("ember")
    assert servers()
    await home.unload("ember")
    await none_left()
    worker = await home.load("ember")
    assert servers()
    os.killpg(worker.pid, signal.SIGKILL)
    await none_left()


async def test_if_it_dies_its_request_is_told(home: AsyncHome) -> None:
    chat = home.chat(**ENDLESS)
    asked = asyncio.create_task(chat.send("Tell me all"))
    await killed(home)
    with pytest.raises(WorkerDied, match="died"):
        await asked
    assert chat.messages == []


async def test_if_it_dies_it_is_started_again(home: AsyncHome) -> None:
    asked = asyncio.create_task(home.chat(**ENDLESS).send("Tell me all"))
    await killed(home)
    await asyncio.gather(asked, return_exceptions=True)
    assert (await home.chat(**GREEDY).send("Hello there")).text


async def killed(home: AsyncHome) -> None:
    """Kill the llama-server while it answers."""

    async def works() -> bool:
        return any(worker.active for worker in (await home.status()).workers)

    await eventually_async(works)
    for process in servers():
        process.kill()


async def test_why_it_did_not_start_is_said(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "sh"
    path.mkdir()
    script = path / "llama-server"
    shutil.copy("/bin/false", script)
    for binary, kind in ((script, ModelLoadFailed), (tmp_path / "none", EngineMissing)):
        chosen = msgspec.structs.replace(settings, llama_server=str(binary))
        async with ingle.open_async(chosen) as home:
            with pytest.raises(kind, match="llama-server"):
                await home.chat(**GREEDY).send("Hello there")
