"""A disk that becomes full: little room is left before a command, or none."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

from tests.disks import mounted

from .besieged_place import BesiegedPlace, besieged_template
from .finding import Found
from .node_memory import NodeMemory
from .siege_part import Probe, SiegePart

COMMANDS = 2
"""In each probe, one after the other on the same full disk."""
WRITING: tuple[tuple[str, ...], ...] = (
    ("pull", "fetched", "--from", "files/other.gguf"),
    ("cp", "mine", "again"),
    ("cp", "ember-embed", "embedder"),
    ("create", "made", "-f", "files/Modelfile"),
    ("adapter", "add", "files/lora-2.gguf", "--name", "new"),
    ("adapter", "merge", "mine+lora", "--out", "files/merged.gguf"),
    ("adapter", "rm", "old"),
    ("config", "set", "slots", "3"),
    ("run", "mine", "Hi", "-n", "2"),
    ("peers", "invite"),
    ("share", "mine"),
    ("doctor", "--repair"),
    ("prune", "--partials"),
)
_BLOCK = 4096


def leave_room(folder: Path, room: int) -> Path:
    """Fill a disk until so many bytes are left; returns the file that took the others."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for block in (_BLOCK << 8, _BLOCK):
            while _free(folder) >= room + block:
                file.write(bytes(block))
    return ballast


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def try_on_full_disk(besieged: BesiegedPlace, command: tuple[str, ...]) -> str:
    """Run a command; it works, or says what there is no room for. Returns what it said."""
    told = besieged.place.ingle(*command)
    if "Traceback" in told.err or "internal error" in told.err:
        raise Found(f"ingle {' '.join(command)}: {told.err[-1500:]}")
    if told.status != 0 and "error: " not in told.err:
        raise Found(f"ingle {' '.join(command)}: {told.status}, without a reason: {told.err!r}")
    if "space" in told.err and "/" not in told.err:
        raise Found(f"ingle {' '.join(command)} does not name the file: {told.err}")
    return f"{told.status} {told.err.strip()[:200]!r}"


@contextlib.contextmanager
def filled(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """A place on a small disk of its own."""
    disk = folder / "d"
    with mounted(disk, "300m"), besieged_template(folder, memory, disk / "p") as template:

        def probe(chance: random.Random) -> None:
            with template.copied() as besieged:
                if chance.random() < 0.5:
                    besieged.succeed("list")  # its node runs already
                room = chance.choice((0, int(2 ** chance.uniform(12, 28))))
                ballast = leave_room(disk, room)
                told = [f"{room} bytes are left"]
                try:
                    with besieged.told(told):
                        for _ in range(COMMANDS):
                            command = chance.choice(WRITING)
                            told.append(f"ingle {' '.join(command)}")
                            told[-1] += f": {try_on_full_disk(besieged, command)}"
                        _cure(besieged)
                finally:
                    ballast.unlink()
                with besieged.told(told):
                    besieged.stop()
                    besieged.check()

        yield probe


def _cure(besieged: BesiegedPlace) -> None:
    """What frees space works while there is none."""
    besieged.succeed("list")
    besieged.succeed("rm", "spare")
    besieged.succeed("prune")


PART = SiegePart("disk", 3, filled)
