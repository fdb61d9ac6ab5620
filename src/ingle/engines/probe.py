"""Ask every engine for its version and devices, each in a process of its own.

The node never imports an engine: asking a GPU driver for its devices can crash or hang, and what
an engine brings along is not trusted. So the process is in the sandbox, as a worker is; and one
that crashes or hangs costs its own report alone.

Started as ``python -m ingle.engines.probe FD``. Says its report as the facts of its `Hello`.
"""

from __future__ import annotations

import asyncio
import socket
import sys

import msgspec

from ingle.config import Settings
from ingle.engines import privileges
from ingle.engines.child import LENGTH, ChildProcess
from ingle.engines.declarations import declared, engine_names, load_engine
from ingle.engines.engine import BuildOf, LoadSpec
from ingle.engines.sandbox import SandboxPolicy
from ingle.engines.worker import WorkerConnection
from ingle.errors import IngleError, WorkerDied
from ingle.operations import DeviceInfo
from ingle.operations.device_info import numbered
from ingle.protocol.frames import VERSION, Hello

TIMEOUT_S = 30.0


class EngineReport(msgspec.Struct, kw_only=True):
    """What one engine says of itself."""

    version: str = ""
    problem: str = ""
    """Why it cannot run here, and the command that fixes it."""
    absent: bool = False
    """It needs an extra of ingle that is not installed, which is no fault."""
    devices: list[DeviceInfo] = []
    lacking: list[str] = []
    """Optional flags that an older program does not have."""


Reports = dict[str, EngineReport]


async def probe(settings: Settings | None = None, *, devices: bool | None = None) -> Reports:
    """What each engine says, by name. One that dies or hangs yields a report that says so.

    Args:
        settings: where other builds of engines are looked for; None: builds are left out.
        devices: those alone that may know graphics devices, or that know none; None: all.
    """
    names = [
        name
        for name in engine_names(settings)
        if devices is None or devices is _may_know_devices(name, settings)
    ]
    reports = await asyncio.gather(*(probe_engine(name, settings) for name in names))
    return dict(zip(names, reports, strict=True))


def _may_know_devices(name: str, settings: Settings | None) -> bool:
    try:
        return declared(name, settings).devices
    except IngleError:  # a plug-in's: its report says what is wrong
        return True


async def probe_engine(name: str, settings: Settings | None = None) -> EngineReport:
    """What one engine says, asked in a process of its own."""
    try:
        build = declared(name, settings).build_spec()
    except IngleError as error:
        return EngineReport(problem=f"{error.message} ({error.hint})")
    return await probe_build(build)


async def probe_build(build: LoadSpec) -> EngineReport:
    """As `probe_engine`, of a build that need not be known by its name."""
    readable = declared(build.declaration or build.engine).readable(build)
    try:
        child = await ChildProcess.start(
            [sys.executable, "-P", "-m", "ingle.engines.probe"],
            build,
            policy=SandboxPolicy(readable=readable),
            lost=lambda child: WorkerDied(child.death(), hint="ingle doctor"),
        )
    except IngleError as error:
        return EngineReport(problem=error.message)
    try:
        hello = await asyncio.wait_for(child.connection.hello, TIMEOUT_S)
        return msgspec.convert(hello.facts, EngineReport)
    except TimeoutError:
        return EngineReport(problem=f"it did not tell its devices within {TIMEOUT_S:g} s")
    except (IngleError, msgspec.ValidationError):
        return EngineReport(problem=f"asking it for its devices failed ({child.death()})")
    finally:
        await child.kill()


def report(build: LoadSpec) -> EngineReport:
    """One engine's report, in this process."""
    try:
        engine = load_engine(build.declaration or build.engine)
        if build.options and isinstance(engine, BuildOf):
            engine.choose_build(build.options)
        version, devices = engine.version(), engine.devices()
        for device in numbered(devices):
            device.engine = build.engine
        lacking = engine.lacking() if isinstance(engine, BuildOf) else []
        return EngineReport(version=version, devices=devices, lacking=lacking)
    except IngleError as error:
        absent = bool(error.details.get("absent"))
        return EngineReport(problem=f"{error.message} ({error.hint})", absent=absent)


def main() -> None:
    """Entry point of the process. The one argument is the socket's file descriptor."""
    privileges.forbid_looking_in()
    link = WorkerConnection(socket.socket(fileno=int(sys.argv[1])))
    size = LENGTH.unpack(link.receive_exactly(LENGTH.size))[0]
    build = msgspec.msgpack.decode(link.receive_exactly(size), type=LoadSpec)
    link.send(Hello(VERSION, msgspec.to_builtins(report(build))))


if __name__ == "__main__":
    main()
