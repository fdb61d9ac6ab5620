"""Kills while a trainer prepares and trains, also of the node: the run continues, or is gone.

A kill point is what the trainer has computed until then, in processor time: a fast and a busy
machine kill at the same step, nearly.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.waiting import eventually

from .besieged_place import NODE, BesiegedPlace, besieged_template
from .finding import Found
from .kills_siege import TRAINER
from .node_memory import NodeMemory
from .siege_part import Probe, SiegePart

KILLS = 2
"""In each probe, of the same run if it is still there."""
LATEST_S = 9.0
"""Of a trainer's processor time: it loads its library in three, and takes few steps."""
ENDED_S = 240.0
NAME = "siege"
BEGIN = ("train", "base", "--data", "files/data.jsonl", "--name", NAME, "--max-steps", "4",
         "--save-every", "1", "--device", "cpu")  # fmt: skip
RESUME = ("train", "--resume", NAME, "--device", "cpu")
GONE = ("ingle runs", "run the command that started it again")
"""What is hinted at where a run is resumed of which nothing is left."""


class TrainerKill:
    """One kill: when, and of whom, one after the other."""

    def __init__(self, chance: random.Random) -> None:
        self.after_s = chance.uniform(0, LATEST_S)
        self.victims = chance.choice(((TRAINER,), (NODE,), (TRAINER, NODE), (NODE, TRAINER)))

    def __str__(self) -> str:
        return f"{' and '.join(self.victims)} after {self.after_s:.2f} s"

    def strike(self, besieged: BesiegedPlace, command: tuple[str, ...]) -> str:
        """Run the command, and kill. Returns what it said."""
        errors = besieged.folder / "stderr-train"
        with errors.open("wb") as told:
            process = besieged.place.start(*command, stdout=told, stderr=told)

        def due() -> bool:
            return process.poll() is not None or _computed_s(besieged) >= self.after_s

        eventually(due, str(self), seconds=ENDED_S)
        besieged.look_at_nodes()
        for victim in self.victims:
            for each in besieged.family.named(victim):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each.pid, signal.SIGKILL)
        status = process.wait(ENDED_S)
        said = errors.read_text(errors="replace")
        if "Traceback" in said or "internal error" in said:
            raise Found(said[-1500:])
        if status and "error: " not in said:
            raise Found(f"{status}, without a reason: {said[-500:]!r}")
        return said


def _computed_s(besieged: BesiegedPlace) -> float:
    """The processor time of the trainer that has taken most; 0 while there is none."""
    found = [0.0]
    for process in besieged.family.named(TRAINER):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            found.append(times.user + times.system)
    return max(found)


def next_command(besieged: BesiegedPlace) -> tuple[str, ...]:
    """What gets the adapter after a kill; empty if it is there.

    Raises:
        Found: the run is neither to be resumed nor said to be gone.
    """
    runs = {run["name"]: run["state"] for run in json.loads(besieged.succeed("runs", "--json"))}
    state = runs.get(NAME)
    if state is None or not (besieged.folder / "state" / "runs" / NAME / "run.json").exists():
        told = besieged.place.ingle(*RESUME)
        if told.status == 0 or NAME not in told.err or not any(each in told.err for each in GONE):
            raise Found(f"a run that is gone: {told.status} {told.err[-500:]!r}")
        return BEGIN
    if state not in ("interrupted", "failed", "paused", "done"):
        raise Found(f"after a kill the run is {state}")
    return () if state == "done" else RESUME


@contextlib.contextmanager
def trained(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """A place in which a run is killed several times, and then ends."""
    with besieged_template(folder, memory) as template:

        def probe(chance: random.Random) -> None:
            with template.copied() as besieged:
                done: list[str] = []
                with besieged.told(done):
                    command: tuple[str, ...] = BEGIN
                    for _ in range(KILLS):
                        kill = TrainerKill(chance)
                        done.append(f"ingle {' '.join(command)}: {kill}")
                        done[-1] += f": {kill.strike(besieged, command).strip()[-200:]!r}"
                        command = next_command(besieged)
                        if not command:
                            break
                    if command:
                        _finish(besieged, command)
                    if f'"{NAME}"' not in besieged.succeed("adapter", "list", "--json"):
                        raise Found("the run has ended, and its adapter is not there")
                    besieged.check()

        yield probe


def _finish(besieged: BesiegedPlace, command: tuple[str, ...]) -> None:
    process = besieged.place.start(*command, stdout=subprocess.DEVNULL)
    _, errors = process.communicate(timeout=ENDED_S)
    if process.returncode:
        raise Found(f"ingle {' '.join(command)}: {process.returncode} {errors.decode()[-1000:]}")


PART = SiegePart("trainer", 1, trained)
