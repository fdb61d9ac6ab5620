"""A node behind a node: what is asked of ``MODEL@b`` is answered by another ``ingle serve``."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

import ingle
from ingle import AsyncHome, Settings
from ingle.config import Upstream
from ingle.errors import (
    ContextLengthExceeded,
    InvalidRequest,
    ModelNotFound,
    NetworkError,
    NotFound,
    Unauthorized,
)

pytestmark = pytest.mark.anyio

TOKEN = "open-sesame"
GREEDY = {"temperature": 0.0, "max_tokens": 12}


@contextmanager
def served(place: Path) -> Iterator[str]:
    """A whole other ingle, with a token; its address."""
    command = [sys.executable, "-m", "ingle.cli.main", "serve", "--port", "0"]
    command += ["--state-dir", str(place / "state"), "--models-dir", str(place / "models")]
    environment = {"INGLE_TOKEN": TOKEN, "INGLE_CONTEXT": "1024", "HOME": str(place)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stderr.read()
        try:
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("b")) as url:
        yield url


@pytest.fixture
async def home(
    url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncHome]:
    monkeypatch.setenv("KEY_OF_B", TOKEN)
    upstreams = {
        "b": Upstream(base_url=f"{url}/v1", api_key_env="KEY_OF_B", models=["far"]),
        "keyless": Upstream(base_url=f"{url}/v1"),
        "gone": Upstream(base_url="http://127.0.0.1:9/v1"),
    }
    async with ingle.open_async(msgspec.structs.replace(settings, upstreams=upstreams)) as home:
        yield home


async def outcomes(home: AsyncHome) -> list[tuple[str, str, str, str]]:
    entries = await home.ledger()
    return [(entry.to, entry.operation, entry.model, entry.outcome) for entry in entries]


async def test_work_is_done_there_and_noted_here(home: AsyncHome) -> None:
    here = await home.chat(**GREEDY).send("Hello there")
    assert await home.ledger() == []
    chat = home.chat("ember@b", **GREEDY)
    there = await chat.send("Hello there")
    assert there.text == here.text != ""
    assert (there.where, here.where) == ("upstream:b", "local")
    assert there.usage.prompt_tokens == here.usage.prompt_tokens
    pieces = [piece.text async for piece in home.chat(on="b", **GREEDY).stream("Hello there")]
    assert "".join(pieces) == here.text
    assert len(pieces) > 3
    (mine,), (theirs,) = [await home.embed("a cat", on=place) for place in ("", "b")]
    assert theirs == pytest.approx(mine, abs=1e-3)
    told = await home.complete("Once upon", "ember@b", **GREEDY)
    assert told.text == (await home.complete("Once upon", **GREEDY)).text
    noted = await outcomes(home)
    assert noted.pop(1)[:3] == ("upstream:b", "embed", "ember-embed")
    assert noted == [
        ("upstream:b", "complete", "ember", "done"),
        ("upstream:b", "chat", "ember", "done"),
        ("upstream:b", "chat", "ember", "done"),
    ]
    for entry in await home.ledger():
        assert entry.bytes_out > 20
        assert entry.bytes_in > 0


async def test_a_stop_sequence_there_is_told_here(home: AsyncHome) -> None:
    def chat(**options: Any) -> Any:
        return home.chat("ember@b", **GREEDY, **options).send("Hello there")

    def complete(**options: Any) -> Any:
        return home.complete("Once upon", "ember@b", **GREEDY, **options)

    for ask in (chat, complete):
        free = (await ask()).text
        stop = free[4:8]
        (choice,) = (await ask(stop=[stop])).choices
        assert (choice.finish, choice.stop) == ("stop", stop)
        assert choice.text == free[: free.index(stop)]


async def test_the_latest_of_a_listed_model_is_there_too(home: AsyncHome) -> None:
    for name in ("far", "far:latest"):
        with pytest.raises(ModelNotFound, match="answered 404"):
            await home.chat(name, **GREEDY).send("Hello there")
    assert [entry.model for entry in await home.ledger()] == ["far", "far"]


async def test_a_stopped_answer_is_noted_as_stopped(home: AsyncHome) -> None:
    stream = home.chat("ember@b", ignore_eos=True, max_tokens=900).stream("Tell me all")
    async for _ in stream:
        break
    await stream.aclose()
    assert await outcomes(home) == [("upstream:b", "chat", "ember", "cancelled")]


async def test_a_schema_holds_there_too(home: AsyncHome) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}}
    schema |= {"required": ["n"], "additionalProperties": False}
    answer = await home.chat("ember@b", **GREEDY).send("A number.", schema=schema, max_tokens=200)
    assert answer.parsed["n"] <= 9


@pytest.mark.parametrize(
    ("model", "kind", "options"),
    [
        ("ember@gone", NetworkError, {}),
        ("ember@keyless", Unauthorized, {}),
        ("embre@b", ModelNotFound, {}),
        ("ember@mars", NotFound, {}),
        ("ember@b", InvalidRequest, {"on": "gone"}),
    ],
)
async def test_troubles_there_are_errors_of_the_right_kind(
    home: AsyncHome, model: str, kind: type[Exception], options: dict[str, Any]
) -> None:
    with pytest.raises(kind) as caught:
        await home.chat(model, **GREEDY, **options).send("Hello there")
    assert type(caught.value) is kind
    noted = [outcome for *_, outcome in await outcomes(home)]
    left = kind in (NetworkError, Unauthorized, ModelNotFound)
    assert noted == ([caught.value.code] if left else [])  # type: ignore[attr-defined]


async def test_too_long_a_prompt_is_told_with_both_counts(home: AsyncHome) -> None:
    with pytest.raises(ContextLengthExceeded, match="1024"):
        await home.chat("ember@b").send("word " * 2000)
