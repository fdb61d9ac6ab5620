"""``ingle launch``: stand-ins for the programs, on a path of their own, ask a real model."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.cli.launch.launch_server import ContextNode, loaded
from ingle.cli.launch.model_choice import ModelWish, choose
from ingle.cli.launch.programs import PROGRAMS
from ingle.client.home import AsyncHome, open_async
from ingle.config import Settings
from ingle.errors import CapabilityMissing, PeerNotFound
from ingle.operations import Fold
from tests.waiting import eventually

from ..models.weights import CHATML, Shape, write_model
from ..peers.conftest import told
from ..peers.devices import Street, chat
from . import launched
from .place import Place, ended

SCRIPT = Path(launched.__file__)


class Desktop:
    """A place whose path has stand-ins of all programs, and what they have written down."""

    def __init__(self, home: Path) -> None:
        programs = home / "bin"
        programs.mkdir()
        self.record = home / "record.json"
        for program in PROGRAMS.values():
            stub = programs / program.command
            command = shlex.join([sys.executable, str(SCRIPT), program.name, str(self.record)])
            stub.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            stub.chmod(0o755)
        path = os.pathsep.join([str(programs), os.environ["PATH"]])
        self.place = Place(home, PATH=path, ANTHROPIC_API_KEY="sk-of-the-user")

    def record_of(self, *arguments: str, **variables: str) -> Any:
        self.record.unlink(missing_ok=True)
        self.place.ok("launch", *arguments, **variables)
        return json.loads(self.record.read_text())


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    desktop = Desktop(tmp_path_factory.mktemp("desktop"))
    yield desktop
    desktop.place.close()


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_asks_the_model_that_it_is_told_of(desktop: Desktop, name: str) -> None:
    before = sorted(desktop.place.home.rglob("*.toml"))
    record = desktop.record_of(name, "--model", "ember", "--context", "2048", "--", "-p", "a b")
    assert record["arguments"][-2:] == ["-p", "a b"]
    assert record["answer"].get("model") == "ember"
    assert "ember" in json.dumps(record["answer"])
    (worker,) = desktop.place.ok("ps", "--json").data["workers"]
    assert worker["context"] >= 2048  # though the node's own setting is 1024
    # What was made for it has gone with it.
    assert sorted(desktop.place.home.rglob("*.toml")) == before
    if folder := PROGRAMS[name].folder_variable:
        assert not Path(record["environment"][folder]).exists()
    address = urlsplit(record["url"])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), 5)


def test_its_exit_status_is_ours(desktop: Desktop) -> None:
    desktop.record.unlink(missing_ok=True)
    done = desktop.place.ingle(
        "launch", "llm", "--model", "ember", "--context", "512", LAUNCHED_STATUS="7"
    )
    assert done.status == 7
    assert "llm with ember (you named it)" in done.err


def test_others_on_this_machine_have_no_part_in_its_server(desktop: Desktop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # our own port is not needed
        port = str(taken.getsockname()[1])
        record = desktop.record_of(
            "llm", "--model", "ember", "--context", "512", INGLE_PORT=port, INGLE_TOKEN="mine"
        )
    assert len(record["key"]) > 20
    assert record["key"] != "mine"


def test_a_signal_ends_the_program(tmp_path: Path) -> None:
    desktop = Desktop(tmp_path)
    waits = tmp_path / "bin" / "llm"
    waits.write_text(f"#!/bin/sh\necho started > {tmp_path}/started\nexec sleep 1000\n")
    try:
        running = desktop.place.start("launch", "llm", "--model", "ember", "--context", "512")
        eventually((tmp_path / "started").exists)
        assert ended(running, signal.SIGTERM).status == 128 + signal.SIGTERM
    finally:
        desktop.place.close()


def test_the_list_says_what_is_installed(tmp_path: Path) -> None:
    desktop = Desktop(tmp_path)
    (tmp_path / "bin" / "goose").unlink()
    listed = {entry["name"]: entry for entry in desktop.place.ok("launch", "--json").data}
    assert set(listed) == set(PROGRAMS)
    assert listed["claude"]["path"] == str(tmp_path / "bin" / "claude")
    assert listed["goose"]["path"] == ""
    text = desktop.place.ok("launch").out
    assert "no: brew install block-goose-cli" in text


def test_what_is_not_there_is_said_with_what_to_do(tmp_path: Path) -> None:
    place = Place(tmp_path, PATH="/nowhere")
    missing = place.ingle("launch", "codex", "--json")
    assert missing.status == 3
    assert missing.error["hint"] == "npm install -g @openai/codex"
    mistyped = place.ingle("launch", "cluade")
    assert mistyped.status == 3
    assert "did you mean claude?" in mistyped.err


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_printed_lines_do_the_same(desktop: Desktop, name: str) -> None:
    """They are run by a shell, beside a server that runs as they say."""
    flags = ["--model", "ember", "--context", "2048"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    own = {"INGLE_PORT": port, "INGLE_TOKEN": "a token's own"}
    text = desktop.place.ok("launch", "--print", name, *flags, "--", "-p", "it's", **own).out
    assert "a token's own" not in text
    assert text.startswith("# in another terminal: ingle serve --context 2048\n")
    desktop.record.unlink(missing_ok=True)
    server = desktop.place.start("serve", "--context", "2048", variables=own)
    assert server.stderr is not None
    while b"serving on" not in server.stderr.readline():
        pass
    environment = {**desktop.place.environment, **own}
    subprocess.run(["sh", "-eu", "-c", text], env=environment, check=True)
    record = json.loads(desktop.record.read_text())
    assert record["arguments"][-2:] == ["-p", "it's"]
    assert record["answer"]["model"] == "ember"
    assert ended(server, signal.SIGTERM).status == 0
    data = desktop.place.ok("launch", "--print", "--json", name, *flags, **own).data
    assert data["program"] == name
    assert data["context"] == 2048
    assert data["command"][0] == PROGRAMS[name].command


TOOLS = CHATML + "{# tools #}"


@pytest.mark.anyio
async def test_the_model_is_one_whose_context_suits(tmp_path: Path, settings: Settings) -> None:
    async with open_async(settings) as home:
        claude, llm = PROGRAMS["claude"], PROGRAMS["llm"]
        with pytest.raises(CapabilityMissing, match="needs one that calls tools") as refused:
            await choose(home, claude, ModelWish())
        assert "ember with 4096" in refused.value.message
        for name, shape, template in (
            ("short", Shape(layers=4, context=8192), TOOLS),
            ("toolless", Shape(layers=4, context=65536), CHATML),
            ("small", Shape(layers=1, context=131072), TOOLS),
            ("large", Shape(layers=2, context=40960), TOOLS),
        ):
            write_model(tmp_path / f"{name}.gguf", shape, template=template)
            await home.pull(name, source=str(tmp_path / f"{name}.gguf"))
        best = await choose(home, claude, ModelWish())
        assert (best.model, best.context) == ("large", 40960)
        assert best.why == "the largest here that was trained for enough tokens (40960) and fits"
        named = await choose(home, claude, ModelWish(model="small"))
        assert (named.model, named.context, named.why) == ("small", 65536, "you named it")
        short = await choose(home, claude, ModelWish(model="short"))
        assert short.context == 8192
        assert "expect requests to be refused" in short.warning
        assert (await choose(home, llm, ModelWish())).model == "ember"  # the default, which suits
        await loaded(home, best)
        (worker,) = (await home.status()).workers
        assert (worker.model, worker.context) == ("large", 40960)


def test_the_model_of_a_paired_device(tmp_path: Path) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop", models={})
        await laptop.pair(desk)
        home = AsyncHome(laptop.node, laptop.local.settings)
        aider = PROGRAMS["aider"]
        choice = await choose(home, aider, ModelWish(on="desk"))
        assert (choice.model, choice.context) == ("poet@desk", aider.needs)
        assert await loaded(home, choice) == choice
        async with ContextNode(laptop.node, choice.context).perform(chat(choice.model)) as events:
            fold = Fold()
            async for event in events:
                fold.add(event)
        assert fold.result().where == "peer:desk"
        asked = [operation for _, operation in desk.local.performed]
        assert [type(operation) for operation in asked] == [Chat, Chat]
        assert {operation.context for operation in asked} == {aider.needs}
        with pytest.raises(PeerNotFound, match="attic offers no model"):
            await choose(home, aider, ModelWish(on="attic"))

    told(tmp_path, story)
