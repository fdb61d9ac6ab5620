"""Kills while documents are added to a collection, of the node and of the command: in the end
every file is in it, and none twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.waiting import eventually

from .besieged_place import NODE, BesiegedPlace, besieged_template
from .finding import Found
from .kills_siege import COMMAND
from .node_memory import NodeMemory
from .siege_part import Probe, SiegePart

KILLS = 5
"""In each probe, of the same job."""
FILES = 60
ALIKE = 5
"""Of which so many have the content of another one."""
ENDED_S = 120.0
ADD = ("collection", "add", "many", "many", "--tokens", "32")
_ONCE = {
    "each file": ("SELECT count(*), count(DISTINCT place) FROM source WHERE problem = ''", FILES),
    "each content": ("SELECT count(*), count(DISTINCT sha256) FROM document", FILES - ALIKE),
    "each passage": ("SELECT count(*), count(DISTINCT text) FROM passage", FILES - ALIKE),
    "a vector of each": ("SELECT count(*), count(DISTINCT passage) FROM vector", FILES - ALIKE),
    "words of each": ("SELECT count(*), count(*) FROM words WHERE words MATCH 'thing'",
                      FILES - ALIKE),
}  # fmt: skip


class IngestKill:
    """One kill: of whom, and once how many more files are in the collection."""

    def __init__(self, chance: random.Random) -> None:
        self.after = chance.choice((0, 0, 1, 2, 3, 5, 8))
        self.victim = chance.choice((NODE, NODE, NODE, COMMAND))

    def __str__(self) -> str:
        return f"{self.victim} after {self.after} files"

    def strike(self, besieged: BesiegedPlace, number: int) -> None:
        """Add the documents, and kill."""
        file = besieged.folder / "state/collections/many.sqlite"
        before = _files_in(file)
        errors = besieged.folder / f"stderr-{number}"
        with errors.open("wb") as told:
            process = besieged.place.start(*ADD, stdout=told, stderr=told)

        def due() -> bool:
            begun = file.exists() and bool(besieged.family.named(NODE))
            return process.poll() is not None or (begun and _files_in(file) >= before + self.after)

        eventually(due, str(self), seconds=ENDED_S)
        besieged.look_at_nodes()
        for victim in besieged.family.named(self.victim):
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim.pid, signal.SIGKILL)
        process.wait(ENDED_S)
        said = errors.read_text(errors="replace")
        if "Traceback" in said or "internal error" in said:
            raise Found(said[-1500:])


def _files_in(path: Path) -> int:
    """How many files a collection has, as another process sees it."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
            (count,) = file.execute("SELECT count(*) FROM source").fetchone()
            return int(count)
    except sqlite3.Error:
        return 0  # it is not there, or has no tables yet


def _check(path: Path) -> None:
    """Raises Found: something is lost, or there twice."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        sound = file.execute("PRAGMA integrity_check").fetchall()
        if sound != [("ok",)]:
            raise Found(f"the collection is damaged: {sound}")
        file.execute("INSERT INTO words(words) VALUES ('integrity-check')")
        for what, (sql, wanted) in _ONCE.items():
            found = file.execute(sql).fetchone()
            if found != (wanted, wanted):
                raise Found(f"{what} once: {found} instead of {wanted}")


def _write_files(folder: Path) -> None:
    folder.mkdir()
    for number in range(FILES):
        text = f"Thing {number % (FILES - ALIKE)} is here."
        (folder / f"{number:02}.txt").write_text(text)


@contextlib.contextmanager
def added(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """A place in which adding documents is killed several times, and then ends."""
    with besieged_template(folder, memory) as template:

        def probe(chance: random.Random) -> None:
            with template.copied() as besieged:
                _write_files(besieged.folder / "many")
                done: list[str] = []
                with besieged.told(done):
                    for number in range(KILLS):
                        kill = IngestKill(chance)
                        done.append(str(kill))
                        kill.strike(besieged, number)
                    besieged.succeed(*ADD)
                    found = besieged.succeed("search", "many", "thing 7", "--json")
                    if "Thing 7 is here." not in found:
                        raise Found(f"what was added is not found: {found[-500:]}")
                    besieged.check(chat=False)
                    _check(besieged.folder / "state/collections/many.sqlite")

        yield probe


PART = SiegePart("collections", 1, added)
