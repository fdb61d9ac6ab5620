"""The self-test of a ``llama-server`` that was found, not installed: once for each build of it.

It is used without anyone's word, so it is tested first; the result is kept beside the state, with
what tells this build, its devices and the version of the test apart from others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.engines.declaration import EngineDeclaration
from ingle.engines.installed import SelfTested
from ingle.engines.self_test import self_test
from ingle.errors import EngineRefused
from ingle.operations import DeviceInfo

FILE = "found-engine.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class FoundTest(msgspec.Struct, frozen=True, kw_only=True):
    """What the test of one build gave."""

    identity: list[str]
    """Path, size, time of change, ingle's test, devices."""
    boot: str = ""
    """In which run of the system; a driver may be repaired by the next."""
    tested: SelfTested | None = None
    problem: str = ""


async def found_problem(
    state: Path, engine: EngineDeclaration, binary: str, devices: Sequence[DeviceInfo], threads: int
) -> str:
    """Why a found binary is not used; empty if it has passed its test, now or earlier."""
    identity = _identity(binary, devices)
    kept = _kept(state)
    if kept is not None and kept.identity == identity and (kept.tested or kept.boot == _boot()):
        return kept.problem
    try:
        found = FoundTest(identity=identity, tested=await self_test(engine, threads=threads))
    except EngineRefused as error:
        found = FoundTest(identity=identity, boot=_boot(), problem=error.message)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = state / f"{FILE}.part"
    partial.write_bytes(msgspec.json.encode(found))
    partial.replace(state / FILE)
    return found.problem


def found_speed(state: Path) -> SelfTested | None:
    """What the last test of a found binary measured; None if none has passed."""
    kept = _kept(state)
    return kept.tested if kept is not None else None


def _kept(state: Path) -> FoundTest | None:
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=FoundTest)
    except (OSError, msgspec.DecodeError):
        return None  # it is tested again


def _identity(binary: str, devices: Sequence[DeviceInfo]) -> list[str]:
    stat = Path(binary).stat()
    described = [f"{device.name} {device.description}" for device in devices]
    return [binary, str(stat.st_size), str(stat.st_mtime_ns), *described]


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
