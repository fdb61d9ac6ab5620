"""Ask every engine for its version and devices, in a process of its own.

The node never imports an engine: asking a GPU driver for its devices can crash or hang, and what
an engine brings along is not trusted. So the process is in the sandbox, as a worker is.

Started as ``python -m ingle.engines.probe FD``. Says its reports as the facts of its `Hello`.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import msgspec

from ingle.engines import privileges
from ingle.engines.child import LENGTH, ChildProcess
from ingle.engines.declarations import engine_names, load_engine
from ingle.engines.sandbox import SandboxPolicy
from ingle.engines.worker import WorkerConnection
from ingle.errors import IngleError, WorkerDied
from ingle.operations import DeviceInfo
from ingle.protocol.frames import VERSION, Hello

TIMEOUT_S = 30.0


class EngineReport(msgspec.Struct, kw_only=True):
    """What one engine says of itself."""

    version: str = ""
    problem: str = ""
    """Why it cannot run here, and the command that fixes it."""
    devices: list[DeviceInfo] = []


Reports = dict[str, EngineReport]


LLAMA_SERVER = "llama-server"
"""What a ``llama-server`` of the owner's is called among the engines."""


async def probe(llama_server: str = "") -> Reports:
    """Run the probe process. A probe that dies or hangs yields a report that says so.

    Args:
        llama_server: path of one to be asked, too.
    """
    try:
        child = await ChildProcess.start(
            [sys.executable, "-P", "-m", "ingle.engines.probe"],
            llama_server,
            policy=SandboxPolicy(readable=[str(Path(llama_server).parent)] if llama_server else []),
            lost=lambda child: WorkerDied(child.death(), hint="ingle doctor"),
        )
    except IngleError as error:
        return _failed(error.message)
    try:
        hello = await asyncio.wait_for(child.connection.hello, TIMEOUT_S)
        return msgspec.convert(hello.facts, Reports)
    except (IngleError, TimeoutError, msgspec.ValidationError):
        return _failed(child.death())
    finally:
        await child.kill()


def _failed(reason: str) -> Reports:
    problem = f"asking the engines for their devices failed ({reason})"
    return {name: EngineReport(problem=problem) for name in engine_names()}


def report(name: str) -> EngineReport:
    """One engine's report, in this process."""
    try:
        engine = load_engine(name)
        return EngineReport(version=engine.version(), devices=engine.devices())
    except IngleError as error:
        return EngineReport(problem=f"{error.message} ({error.hint})")


def _server_report(path: str) -> EngineReport:
    from ingle.engines.llama.listed_devices import listed

    try:
        return EngineReport(version=path, devices=listed(path, LLAMA_SERVER))
    except IngleError as error:
        return EngineReport(problem=f"{error.message} ({error.hint})")


def main() -> None:
    """Entry point of the process. The one argument is the socket's file descriptor."""
    privileges.forbid_looking_in()
    link = WorkerConnection(socket.socket(fileno=int(sys.argv[1])))
    data = link.receive_exactly(*LENGTH.unpack(link.receive_exactly(LENGTH.size)))
    reports = {name: report(name) for name in engine_names()}
    if llama_server := msgspec.msgpack.decode(data, type=str):
        reports[LLAMA_SERVER] = _server_report(llama_server)
    link.send(Hello(VERSION, msgspec.to_builtins(reports)))


if __name__ == "__main__":
    main()
