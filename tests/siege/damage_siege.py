"""Damaged state: files cut, zeroed, flipped, emptied or exchanged; what is whole is used."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ingle.models.embedded import embedded_files

from .besieged_place import BesiegedPlace, besieged_template
from .finding import Found
from .node_memory import NodeMemory
from .siege_part import Probe, SiegePart

DAMAGES = 4
"""In each probe."""
INDEX = "models/index.sqlite3"
BACKUP = ".backup"
RECORDS = "models/names"
SETTINGS = "config.toml"
FILES = (
    "state/node.sqlite3", "state/peers.sqlite3", INDEX, INDEX, "state/node.sqlite3.backup",
    "state/peers.sqlite3.backup", f"{INDEX}{BACKUP}", SETTINGS, SETTINGS, "config.toml.backup",
    "state/node.token", "state/node.lock", "state/logs/node.log", "state/runs/letters/run.json",
    "state/runs/letters/status.json", "state/runs/letters/request.json",
    "state/runs/letters/losses.jsonl", "state/runs/letters/data.json",
    "state/runs/letters/state.safetensors",
)  # fmt: skip
NOT_NOTICED = "flipped"
"""What may change a record into another one that can be read, too."""


def damage(chance: random.Random, folder: Path) -> tuple[str, str]:
    """Damage one file, or one row; returns its name, and how."""
    if chance.random() < 0.15:
        return _spoil_row(chance, folder)
    names = [name for name in FILES if (folder / name).is_file()]
    records = sorted((folder / RECORDS).iterdir())
    name = chance.choice([*names, *(path.relative_to(folder).as_posix() for path in records)])
    path = folder / name
    data = path.read_bytes()
    at = chance.randrange(len(data) + 1)
    how = chance.choice(("cut", "zeroed", NOT_NOTICED, "emptied", "exchanged", "noise", "longer"))
    path.chmod(0o600)
    if how == "exchanged":
        shutil.copyfile(folder / chance.choice(FILES[:9]), folder / "other")
        shutil.move(folder / "other", path)
    else:
        path.write_bytes(
            {
                "cut": data[:at],
                "zeroed": bytes(len(data)),
                NOT_NOTICED: data[:at] + chance.randbytes(chance.choice((1, 30))) + data[at + 1 :],
                "emptied": b"",
                "noise": chance.randbytes(len(data)),
                "longer": data + chance.randbytes(5000),
            }[how]
        )
    return name, f"{how} at {at}"


def _spoil_row(chance: random.Random, folder: Path) -> tuple[str, str]:
    """The record of one model that is not among those that must stay."""
    bad = chance.choice((b"", b"{", b"\xff\xfe", b"null", b"[1]", b'{"name": 5}'))
    connection = sqlite3.connect(folder / INDEX)
    with contextlib.suppress(sqlite3.Error), contextlib.closing(connection) as index:
        index.execute("UPDATE names SET record = ? WHERE key LIKE '%spare%'", (bad,))
        index.commit()
    return "row", f"the record of spare is {bad!r}"


def check(besieged: BesiegedPlace, done: list[tuple[str, str]]) -> None:
    """What was not damaged works; what was is named, and mended where there is a copy.

    Raises:
        Found: it is not so.
    """
    names = {name for name, _ in done}
    told = besieged.place.ingle("list", "--json")
    _no_traceback(told.err)
    if told.status != 0 and not (names & {SETTINGS} and "config.toml" in told.err):
        raise Found(f"ingle list: {told.err[-800:]}")
    besieged.place.ingle("stop", "--node")
    besieged.wait_ended()
    repaired = besieged.place.ingle("doctor", "--repair")
    _no_traceback(repaired.err)
    _check_named(besieged, repaired.out + repaired.err)
    listed = besieged.succeed("list", "--json")
    for name in _expected(names, done):
        if f'"{name}"' not in listed:
            raise Found(f"the model {name} is lost: {listed[-800:]}")
    besieged.succeed("runs", "--json")
    besieged.succeed("adapter", "list", "--json")
    besieged.succeed("run", "ember", "Hi", "-n", "1")
    besieged.stop()
    log = (besieged.folder / "state/logs/node.log").read_text(errors="replace")
    _no_traceback(log)


def _expected(names: set[str], done: list[tuple[str, str]]) -> list[str]:
    """The models that must be there: those of the index, unless a record and its copy are lost with
    it.
    """
    silent = any(name == INDEX and how.startswith(NOT_NOTICED) for name, how in done)
    records = any(name.startswith(RECORDS) for name in names)
    if silent or (INDEX in names and f"{INDEX}{BACKUP}" in names and records):
        return list(embedded_files())
    return ["mine", "base", *embedded_files()]


def _check_named(besieged: BesiegedPlace, told: str) -> None:
    """What was set aside is named."""
    for path in besieged.folder.rglob("*.damaged-*"):
        name = path.name.partition(".damaged-")[0]
        if name not in told:
            raise Found(f"{path.name} is set aside, and doctor does not say so: {told[-800:]}")


def _no_traceback(text: str) -> None:
    if "Traceback" in text:
        raise Found(text[text.index("Traceback") - 200 :][:1500])


@contextlib.contextmanager
def damaged(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """A place whose state is damaged."""
    with besieged_template(folder, memory) as template:

        def probe(chance: random.Random) -> None:
            with template.copied() as besieged:
                done = [damage(chance, besieged.folder) for _ in range(DAMAGES)]
                with besieged.told([f"{name}: {how}" for name, how in done]):
                    check(besieged, done)

        yield probe


PART = SiegePart("damage", 4, damaged)
