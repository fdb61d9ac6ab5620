"""Worker processes: start, death, sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.engines import sandbox
from ingle.engines.engine import LoadSpec
from ingle.engines.process import WorkerProcess
from ingle.errors import EngineFault, EngineMissing, InvalidRequest, ModelLoadFailed, WorkerDied
from ingle.operations import Event, Fold, Message, Operation, Text
from ingle.testing import check_engine
from tests.waiting import eventually_async, turns

pytestmark = pytest.mark.anyio


def echo(**options: object) -> LoadSpec:
    return LoadSpec(engine="echo", model="parrot", slots=4, options=options)


def chat(text: str) -> Chat:
    return Chat(model="parrot", messages=[Message(role="user", content=text)])


async def answer(worker: WorkerProcess, operation: Operation) -> str:
    fold = Fold()
    async with worker.perform(operation) as events:
        async for event in events:
            fold.add(event)
    return fold.result().text


def test_the_echo_engine_keeps_the_contract() -> None:
    assert check_engine("echo", echo()) == [
        "declares itself",
        "names itself",
        "opens in a worker",
        "generates",
        "is concurrent",
        "cancels",
        "tokenizes",
        "refuses with typed error",
        "ends when told",
    ]


async def test_an_unknown_engine_is_named_with_those_that_are_there() -> None:
    with pytest.raises(EngineMissing, match=r"echo, .*llama, .*upstream"):
        await WorkerProcess.start(LoadSpec(engine="nope", model="m"))


async def test_why_a_model_did_not_load_is_said() -> None:
    with pytest.raises(ModelLoadFailed, match="told to fail"):
        await WorkerProcess.start(echo(fail_on_load=True))
    with pytest.raises(ModelLoadFailed, match="SIGKILL"):
        await WorkerProcess.start(echo(die_on_load=True))


async def test_what_the_engine_says_last_explains_why_a_model_did_not_load() -> None:
    spec = echo(fail_on_load=True, last_words="0.01 E the file is damaged", delay_s=0.2)
    with pytest.raises(ModelLoadFailed, match="told to fail: the file is damaged"):
        await WorkerProcess.start(spec)


async def test_a_request_that_kills_the_engine_gets_told_so() -> None:
    worker = await WorkerProcess.start(echo(die_on="poison", delay_s=0.01))
    bystander = asyncio.create_task(answer(worker, chat("word " * 500)))
    with pytest.raises(WorkerDied, match="SIGSEGV"):
        await answer(worker, chat("poison"))
    with pytest.raises(WorkerDied):
        await bystander
    assert not worker.alive
    await worker.kill()


async def test_an_error_leaves_the_worker_whole() -> None:
    worker = await WorkerProcess.start(echo(fail_on="bad"))
    with pytest.raises(EngineFault, match="told to fail"):
        await answer(worker, chat("bad"))
    assert await answer(worker, chat("good word")) == "good word"
    await worker.stop()


async def test_a_reader_that_never_reads_holds_only_itself_up() -> None:
    worker = await WorkerProcess.start(echo())
    call = worker.call(chat("word " * 5000))
    await anext(call)
    assert await answer(worker, chat("me too")) == "me too"
    call.cancel()
    await asyncio.wait_for(call.ended, 1)
    await worker.stop()


def named(mark: str) -> list[list[str]]:
    """The command lines of all processes that name something, whoever their parent is by now."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found.append(process.cmdline())
    return [command for command in found if mark in command]


async def test_cancelling_the_start_leaves_no_process(tmp_path: Path) -> None:
    """At whatever point it is cancelled: while its socket, its pipe or its process is made."""
    before = psutil.Process().num_fds()
    spec = msgspec.structs.replace(echo(), inbox=str(tmp_path))  # which bubblewrap is told
    for point in range(100):
        task = asyncio.create_task(WorkerProcess.start(spec))
        await turns(point)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    gc.collect()  # a socket or a process that nobody has closed warns, which is an error
    await turns()
    assert psutil.Process().num_fds() == before
    assert named(str(tmp_path)) == []
    children = [child.cmdline() for child in psutil.Process().children()]
    assert not [command for command in children if "ingle.engines.worker" in command]


async def test_a_worker_ends_with_its_node(tmp_path: Path) -> None:
    script = f"""
import asyncio, os
from ingle.engines.engine import LoadSpec
from ingle.engines.process import WorkerProcess
async def main():
    worker = await WorkerProcess.start(LoadSpec(engine="echo", model="m"))
    print(worker.pid, flush=True)
    os.kill(os.getpid(), {int(signal.SIGKILL)})
asyncio.run(main())
"""
    node = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    pid = int(node.stdout)
    await eventually_async(lambda: not Path(f"/proc/{pid}").exists())


async def test_a_bad_operation_names_its_field_across_the_process() -> None:
    worker = await WorkerProcess.start(echo())
    with pytest.raises(InvalidRequest, match="Unicode"):
        worker.call(chat("\ud800"))
    assert await answer(worker, chat("still here")) == "still here"
    await worker.stop()


def inside(code: str, *, network: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Python where a worker runs."""
    policy = sandbox.SandboxPolicy(network=network)
    with sandbox.launching([sys.executable, "-c", code], policy) as launch:
        return subprocess.run(
            launch.command,
            capture_output=True,
            text=True,
            env=launch.variables,
            preexec_fn=launch.enter,
            pass_fds=launch.descriptors,
            check=False,
        )


@pytest.mark.skipif(sandbox.level() == "limits", reason="this kernel offers no namespaces")
def test_a_worker_has_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2); print('out')"
        assert "out" not in inside(code).stdout
        assert "out" in inside(code, network=True).stdout


@pytest.mark.skipif(sandbox.level() != "bubblewrap", reason="bubblewrap does not work here")
def test_a_worker_sees_no_files_but_its_model(tmp_path: Path, ember: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    assert "mine" not in inside(f"print(open({str(secret)!r}).read())").stdout
    assert "FileNotFoundError" in inside(f"open({str(secret)!r})").stderr
    assert "Read-only" in inside(f"open({str(ember)!r}, 'r+b')").stderr


@pytest.mark.skipif(sandbox.level() != "bubblewrap", reason="bubblewrap does not work here")
def test_a_worker_does_not_see_the_folder_it_was_started_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "diary").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "FileNotFoundError" in inside(f"open({str(tmp_path / 'diary')!r})").stderr
    assert "wrote" in inside("import tempfile; tempfile.mkdtemp(); print('wrote')").stdout


@pytest.mark.skipif(sandbox.level() != "bubblewrap", reason="bubblewrap does not work here")
def test_a_relative_entry_of_the_path_keeps_no_worker_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "known.py").write_text("word = 'here'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [".", "own", *sys.path])
    assert "here" in inside("import known; print(known.word)").stdout


def test_a_worker_gets_none_of_the_users_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret-token")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    assert "secret-token" not in inside("import os; print(dict(os.environ))").stdout


async def test_memory_is_told() -> None:
    worker = await WorkerProcess.start(echo())
    assert 5e6 < worker.memory() < 300e6
    await worker.stop()


async def test_events_come_as_they_are_made() -> None:
    worker = await WorkerProcess.start(echo(delay_s=0.02))
    seen: list[Event] = []
    async with worker.perform(chat("one two three")) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, Text):
                break
    assert seen == [Text(text="one")]
    await worker.stop()
