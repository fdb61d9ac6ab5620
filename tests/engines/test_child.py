"""Processes that we start: their last words, their end, and what they leave behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.engines import death, landlock, process_tree, sandbox
from ingle.engines.child import ChildProcess
from ingle.engines.engine import LoadSpec
from ingle.engines.process import WorkerProcess
from ingle.engines.sandbox import SandboxPolicy
from ingle.engines.worker_limits import WorkerLimits
from ingle.errors import EngineFault, IngleError, ModelLoadFailed, WorkerDied
from ingle.operations import Message
from ingle.protocol.connection import Call

pytestmark = pytest.mark.anyio

ABORT = """
import ctypes, importlib.util, pathlib
folder = importlib.util.find_spec("xllamacpp").submodule_search_locations[0]
library = ctypes.CDLL(str(next(pathlib.Path(folder).glob("xllamacpp*.so"))))
library.ggml_abort(b"/x/ggml.c", 123, b"GGML_ASSERT(%s) failed", b"n > 0")
"""
ASSERTION = "/x/ggml.c:123: GGML_ASSERT(n > 0) failed"


knows_descendants = pytest.mark.skipif(
    sys.platform != "linux", reason="descendants are known where there is a /proc"
)


@pytest.fixture(params=sorted({"limits", sandbox.level()}))
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the best sandbox there is, and with none."""
    monkeypatch.setattr(sandbox, "level", lambda: request.param)
    return str(request.param)


def lost(child: ChildProcess) -> IngleError:
    return WorkerDied(death.with_last_lines(child.death(), child.stderr))


@asynccontextmanager
async def running(
    code: str, policy: SandboxPolicy | None = None, log_file: Path | None = None
) -> AsyncIterator[ChildProcess]:
    """A process that runs some Python."""
    child = await ChildProcess.start(
        [sys.executable, "-c", textwrap.dedent(code)],
        {},
        policy=policy or SandboxPolicy(),
        lost=lost,
        log_file=log_file,
    )
    try:
        yield child
    finally:
        await child.kill()


async def code_of(child: ChildProcess) -> int:
    async with asyncio.timeout(10):
        return await asyncio.shield(child.died)


async def drained(call: Call) -> None:
    async for _ in call:
        pass


def open_files() -> int:
    return psutil.Process().num_fds()


def ended(pid: int) -> bool:
    """It runs no more, whether or not its parent has asked for its exit code."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_an_engine_that_aborts_starts_no_debugger() -> None:
    async with running(ABORT) as child:
        await code_of(child)
        await child.kill()
        assert child.death() == "killed by SIGABRT"
        assert child.stderr == [ASSERTION]


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
async def test_the_assertion_is_found_among_what_a_debugger_says() -> None:
    variables = sandbox.environment()
    del variables["GGML_NO_BACKTRACE"]
    async with running(ABORT, SandboxPolicy(variables=variables)) as child:
        await code_of(child)
        await child.kill()
        assert len(child.stderr) > 1
        assert child.stderr[-1] != ASSERTION
        assert death.last_words(child.stderr) == ASSERTION


async def test_whoever_waits_for_it_is_told_its_last_words() -> None:
    code = """
    import os, sys
    sys.stderr.write("a line of many\\n" * 100_000 + "ValueError: no\\n")
    sys.stderr.flush()
    os.abort()
    """
    async with running(code) as child:
        call = child.connection.call(Chat(model="x", messages=[Message(role="user", content="")]))
        with pytest.raises(WorkerDied) as error:
            await asyncio.wait_for(drained(call), 10)
    assert error.value.message == "(killed by SIGABRT); its last words: ValueError: no"


async def test_a_load_that_aborts_is_told_with_the_assertion() -> None:
    words = f"{ASSERTION}\nptrace: Operation not permitted.\nNo stack.\n"
    spec = LoadSpec(engine="echo", model="parrot", options={"abort_on_load": words})
    with pytest.raises(ModelLoadFailed) as error:
        await WorkerProcess.start(spec)
    assert error.value.message == (
        "the process that loaded parrot died (killed by SIGABRT); "
        f"its last words: {ASSERTION}"
    )  # fmt: skip


@knows_descendants
async def test_a_worker_that_stops_answering_while_it_works_is_killed(level: str) -> None:
    spec = LoadSpec(
        engine="echo",
        model="parrot",
        options={"delay_s": 0.01, "starts": ["sleep", "1000"]},
    )
    limits = WorkerLimits(heartbeat=0.05, silence=0.5)
    worker = await WorkerProcess.start(spec, limits=limits)
    family = process_tree.members(worker.pid)
    try:
        pythons = [pid for pid in family if psutil.Process(pid).name().startswith("python")]
        call = worker.call(
            Chat(model="parrot", messages=[Message(role="user", content="word " * 5000)])
        )
        await anext(call)
        os.kill(pythons[-1], signal.SIGSTOP)
        with pytest.raises(WorkerDied, match=r"it did not answer for 0\.5 s and was killed"):
            await asyncio.wait_for(drained(call), 10)
        async with asyncio.timeout(10):
            await asyncio.shield(worker.died)
            await worker.kill()
        assert not worker.alive
        assert all(ended(pid) for pid in family)
    finally:
        for pid in family:
            if not ended(pid):
                os.kill(pid, signal.SIGKILL)


@knows_descendants
async def test_a_process_that_dies_is_lost_though_another_holds_its_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "level", lambda: "limits")
    options = {"delay_s": 0.01, "starts": ["sleep", "1000"]}
    worker = await WorkerProcess.start(LoadSpec(engine="echo", model="parrot", options=options))
    family = process_tree.members(worker.pid)
    assert len(family) == 2
    try:
        chat = Chat(model="parrot", messages=[Message(role="user", content="word " * 5000)])
        call = worker.call(chat)
        await anext(call)
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="SIGKILL"):
            await asyncio.wait_for(drained(call), 20)
    finally:
        await worker.kill()
        if not ended(family[1]):
            os.kill(family[1], signal.SIGKILL)


CHAIN = """
import os, signal
for _ in range(6):
    if os.fork():
        signal.pause()
print(flush=True)
signal.pause()
"""


@knows_descendants
async def test_a_search_ends_when_it_has_found_too_many() -> None:
    first = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHAIN, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        assert first.stdout is not None
        await first.stdout.readline()
        everyone = process_tree.members(first.pid)
        assert len(everyone) == 7
        assert process_tree.members(first.pid, most=3) == everyone[:4]
    finally:
        await process_tree.kill(first.pid)
        await first.wait()


@knows_descendants
async def test_a_family_is_looked_for_when_a_process_was_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newest = process_tree.newest_process()
    assert newest.strip().isdigit()
    first = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHAIN, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        assert first.stdout is not None
        assert process_tree.newest_process() != newest
        family = process_tree.ProcessFamily(first.pid)
        family.members()
        await first.stdout.readline()
        everyone = family.members()
        assert len(everyone) == 7
        assert process_tree.own_memory(first.pid, everyone) > process_tree.own_memory(
            first.pid, everyone[:1]
        )
        # Nothing was started: no one is looked for, once a number was seen twice.
        monkeypatch.setattr(process_tree, "newest_process", lambda: b"7")
        assert [family.members(), family.members()] == [everyone, everyone]
        await process_tree.kill(first.pid)
        assert family.members() == everyone
        monkeypatch.setattr(process_tree, "newest_process", lambda: b"8")
        assert family.members() == process_tree.members(first.pid) != everyone
    finally:
        await process_tree.kill(first.pid)
        await first.wait()


@knows_descendants
@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_all_that_a_stopped_process_started_ends_with_it(level: str, way: str) -> None:
    spec = LoadSpec(engine="echo", model="parrot", options={"starts": ["sleep", "1000"]})
    worker = await WorkerProcess.start(spec)
    family = process_tree.members(worker.pid)
    try:
        assert len(family) >= 2
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(10):
            await (worker.stop(grace=0.1) if way == "stop" else worker.kill())
        assert all(ended(pid) for pid in family)
    finally:
        for pid in family:
            if not ended(pid):
                os.kill(pid, signal.SIGKILL)


async def test_a_death_is_told_while_others_hold_its_stderr(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "level", lambda: "limits")
    code = """
    import os, subprocess, sys
    left = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    print(left.pid, file=sys.stderr, flush=True)
    os._exit(3)
    """
    async with running(code) as child:
        assert await code_of(child) == 3
        async with asyncio.timeout(10):
            await child.kill()
        assert child.death() == "exit status 3"
        os.kill(int(child.stderr[0]), signal.SIGKILL)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
async def test_a_log_that_cannot_be_written_holds_nobody_up() -> None:
    code = """
    import sys
    for number in range(100_000):
        print("line", number, file=sys.stderr)
    """
    async with running(code, log_file=Path("/dev/full")) as child:
        assert await code_of(child) == 0
        await child.kill()
        assert child.stderr[-1] == "line 99999"


async def test_what_it_writes_is_copied_as_it_is(tmp_path: Path) -> None:
    log_file = tmp_path / "process.log"
    log_file.write_text("before\n")
    code = "import sys; sys.stderr.buffer.write(b'one\\r\\n\\xff\\n\\nlast')"
    async with running(code, log_file=log_file) as child:
        await code_of(child)
        await child.kill()
        assert log_file.read_bytes() == b"before\none\r\n\xff\n\nlast"
        assert child.stderr == ["one", "\ufffd", "last"]


async def test_a_start_that_fails_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "level", lambda: "limits")
    before = open_files()
    with pytest.raises(OSError, match="none"):
        await ChildProcess.start([str(tmp_path / "none")], {}, policy=SandboxPolicy(), lost=lost)
    await asyncio.sleep(0)
    assert open_files() == before


@pytest.mark.skipif(not sandbox.works("landlock"), reason="there is no Landlock here")
async def test_nothing_is_started_without_a_wall_that_should_be_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(_: object) -> None:
        raise OSError("no wall")

    monkeypatch.setattr(sandbox, "level", lambda: "landlock")
    monkeypatch.setattr(landlock.Ruleset, "restrict", broken)
    before, started = open_files(), tmp_path / "started"
    with pytest.raises(EngineFault, match=r"a wall of the sandbox \(level landlock\)"):
        async with running(f"open({str(started)!r}, 'w')"):
            pass
    await asyncio.sleep(0)
    assert open_files() == before
    assert not started.exists()
