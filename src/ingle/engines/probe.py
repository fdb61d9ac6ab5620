"""Ask every engine for its version and devices, in a process of its own.

``python -m ingle.engines.probe`` prints one JSON object. The node never imports
an engine: asking a GPU driver for its devices can crash or hang.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from ingle.engines import sandbox
from ingle.engines.declarations import engine_names, load_engine
from ingle.errors import IngleError
from ingle.operations import DeviceInfo

TIMEOUT_S = 30.0


class EngineReport(msgspec.Struct, kw_only=True):
    """What one engine says of itself."""

    version: str = ""
    problem: str = ""
    """Why it cannot run here, and the command that fixes it."""
    devices: list[DeviceInfo] = []


Reports = dict[str, EngineReport]


async def probe() -> Reports:
    """Run the probe process. A probe that dies or hangs yields a report that says so."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "ingle.engines.probe",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=sandbox.environment(),
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
        return msgspec.json.decode(output, type=Reports)
    except (TimeoutError, msgspec.DecodeError):
        problem = f"asking the engines for their devices failed (status {process.returncode})"
        return {name: EngineReport(problem=problem) for name in engine_names()}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def report(name: str) -> EngineReport:
    """One engine's report, in this process."""
    try:
        engine = load_engine(name)
        return EngineReport(version=engine.version(), devices=engine.devices())
    except IngleError as error:
        return EngineReport(problem=f"{error.message} ({error.hint})")


if __name__ == "__main__":
    reports = {name: report(name) for name in engine_names()}
    sys.stdout.buffer.write(msgspec.json.encode(reports))
    sys.stdout.flush()
