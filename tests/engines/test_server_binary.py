"""A ``llama-server`` of the user's in the built-in engine's place."""

from __future__ import annotations

import asyncio
import json
import os
import signal
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

from .stand_ins import script, stand_in

pytestmark = pytest.mark.anyio

GREEDY = {"temperature": 0.0, "max_tokens": 12}
ENDLESS = {"temperature": 0.0, "ignore_eos": True, "max_tokens": 900}


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """An executable of its own folder, as a build of llama.cpp is."""
    return stand_in(tmp_path / "bin")


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


@pytest.mark.parametrize(
    ("differs", "kind", "why"),
    [
        ({"dies_loading": signal.SIGILL}, ModelLoadFailed, "built for a newer processor"),
        ({"dies_loading": signal.SIGSEGV}, ModelLoadFailed, "killed by SIGSEGV"),
        ({"lacks": ["--jinja"]}, EngineMissing, r"9001 \(abc1234\) at .* lacks the flag --jinja"),
    ],
)
async def test_why_it_did_not_load_is_said(
    settings: Settings, tmp_path: Path, differs: dict[str, Any], kind: type[Exception], why: str
) -> None:
    await refused(settings, stand_in(tmp_path / "bin", **differs), kind, why)


async def test_what_is_not_a_llama_server_is_told_apart(settings: Settings, tmp_path: Path) -> None:
    cases = {
        script(tmp_path / "fails", "exit 3"): "failed \\(exit status 3\\)",
        script(tmp_path / "silent"): "does not answer --version",
        script(tmp_path / "dies", "kill -ILL $$"): "built for a newer processor",
        tmp_path / "none": "not there or not executable",
    }
    for binary, why in cases.items():
        await refused(settings, binary, EngineMissing, why)


async def test_an_older_one_without_what_is_optional_serves(
    settings: Settings, tmp_path: Path
) -> None:
    lacks = ["--cache-ram", "--no-webui", "--slots", "--props", "--no-warmup"]
    binary = stand_in(tmp_path / "bin", lacks=lacks)
    chosen = msgspec.structs.replace(settings, llama_server=str(binary))
    async with ingle.open_async(chosen) as home:
        assert (await home.chat(**GREEDY).send("Hello there")).text
        report = await home.status(probe=True)
        (info,) = [info for info in report.installed_engines if info.name == "llama-server"]
        assert info.lacking == lacks


async def refused(settings: Settings, binary: Path, kind: type[Exception], why: str) -> None:
    chosen = msgspec.structs.replace(settings, llama_server=str(binary))
    async with ingle.open_async(chosen) as home:
        with pytest.raises(kind, match=why):
            await home.chat(**GREEDY).send("Hello there")


SCHEMAS: list[dict[str, Any]] = [
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 12},
            "age": {"type": "integer", "minimum": 0, "maximum": 120},
            "tags": {"type": "array", "items": {"enum": ["a", 'b"\\c']}, "maxItems": 3},
            "note": {"type": ["string", "null"], "maxLength": 6},
            "next": {"$ref": "#/$defs/link"},
        },
        "required": ["name", "age", "tags"],
        "additionalProperties": False,
        "$defs": {
            "link": {
                "type": "object",
                "properties": {"ok": {"type": "boolean"}, "next": {"$ref": "#/$defs/link"}},
                "required": ["ok"],
            }
        },
    },
    {"type": "array", "prefixItems": [{"const": 1}, {"type": "null"}], "items": False},
    {"type": "array", "items": {"type": "integer", "exclusiveMinimum": 0}, "minItems": 2,
     "maxItems": 2},
    {"type": "object", "properties": {"a": {"const": "x"}, "b": {"type": "boolean"}},
     "additionalProperties": False},
    {"type": "object", "additionalProperties": {"type": "boolean"}},
    {"anyOf": [{"enum": [True, None]}, {"type": "object", "properties": {"é": {"const": 0.5}},
     "required": ["é"]}]},
]  # fmt: skip


async def test_one_without_llguidance_holds_schemas_without_free_blanks(
    settings: Settings, tmp_path: Path
) -> None:
    binary = stand_in(tmp_path / "bin")
    binary.with_name("libllama-common.so").write_bytes(b"llguidance is not enabled")
    chosen = msgspec.structs.replace(settings, llama_server=str(binary))
    async with ingle.open_async(chosen) as home:
        for seed, schema in enumerate(SCHEMAS):
            asked = {"temperature": 1.0, "seed": seed, "max_tokens": 400}
            for answer in (
                await home.chat(**asked).send("Something as JSON.", schema=schema),
                await home.complete("JSON: ", schema=schema, **asked),
            ):
                (choice,) = answer.choices
                assert not answer.notes  # the whole answer was checked, too
                if choice.finish == "stop":
                    json.loads(choice.text)
        for schema, part in (
            ({"type": "string", "pattern": "^a+$"}, "/pattern"),
            ({"type": "object", "properties": {"n": {"type": "number", "multipleOf": 2}}}, "n/mul"),
            ({"type": "integer", "minimum": 7}, "/minimum"),
        ):
            with pytest.raises(InvalidRequest, match=f"without LLGuidance.*{part}"):
                await home.chat().send("x", schema=schema)
        tool = {"name": "f", "parameters": {"type": "object"}}
        with pytest.raises(InvalidRequest, match="forced and strict calls"):
            await home.chat().send("x", tools=[tool], tool_choice="required")
