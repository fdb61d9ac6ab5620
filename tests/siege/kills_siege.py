"""Kills: SIGKILL at a chosen step of a command, its node, its worker or its trainer.

A probe kills several times in one copy of the place; then all must be as it was, or as one of the
commands wanted it.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from tests.waiting import eventually

from .besieged_place import ENDED_S, NODE, BesiegedPlace, besieged_template
from .node_memory import NodeMemory
from .siege_part import Probe, SiegePart

KILLS = 5
"""In each probe."""
COMMAND, WORKER, TRAINER = "ingle.cli.main", "engines.worker", "training_worker"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("pull", "fetched", "--from", "files/other.gguf"),
    ("pull", "fetched", "--from", "files/other.gguf"),
    ("pull", "files/other.gguf"),
    ("cp", "mine", "again"),
    ("cp", "ember-embed", "embedder"),
    ("rm", "spare"),
    ("prune",),
    ("prune", "--partials"),
    ("create", "made", "-f", "files/Modelfile"),
    ("import", "--all"),
    ("adapter", "add", "files/lora-2.gguf", "--name", "new"),
    ("adapter", "add", "files/lora-2.gguf", "--name", "lora"),
    ("adapter", "rm", "old"),
    ("adapter", "merge", "mine+lora", "--out", "files/merged.gguf"),
    ("adapter", "merge", "mine+lora", "--out", "files/merged", "--format", "safetensors"),
    ("adapter", "share", "lora"),
    ("share", "mine"),
    ("unshare", "mine"),
    ("config", "set", "slots", "3"),
    ("config", "unset", "model"),
    ("run", "mine", "Hi", "-n", "3"),
    ("run", "ember", "Hi", "-n", "3"),
    ("run", "mine", "Hi", "-n", "3", "--adapter", "lora"),
    ("chat", "mine"),
    ("embed", "ember-embed", "a text"),
    ("stop",),
    ("stop", "--node"),
    ("suspend",),
    ("resume",),
    ("doctor",),
    ("doctor", "--repair"),
    ("peers", "me"),
    ("peers", "invite"),
    ("peers", "reset"),
    ("jobs", "stop", "letters"),
    ("runs", "show", "letters"),
    ("serve", "--port", "0"),
    ("serve", "--port", "0"),
    ("ledger",),
)
TRAINING: tuple[tuple[str, ...], ...] = (
    ("train", "--resume", "letters", "--device", "cpu"),
    ("train", "mine", "--data", "files/data.jsonl", "--max-steps", "3", "--device", "cpu"),
)


class Killing:
    """One kill: which command, whom, and when."""

    def __init__(self, chance: random.Random) -> None:
        training = chance.random() < 0.03
        self.command = chance.choice(TRAINING if training else COMMANDS)
        outside = (WORKER, TRAINER) if training else (WORKER,)
        self.victim = chance.choice((COMMAND, COMMAND, NODE, NODE, NODE, NODE, *outside))
        self.step = int(2 ** chance.uniform(0, 6.5 if self.victim == NODE else 3.5))
        self.delay_ms = chance.choice((0, 0, chance.randrange(1, 40)))

    def __str__(self) -> str:
        return f"ingle {' '.join(self.command)}, {self.victim} at {self.step}+{self.delay_ms} ms"

    def strike(self, besieged: BesiegedPlace, number: int) -> str:
        """Run the command, and kill. Returns where, as far as it is known."""
        mark = besieged.folder / f"killed-{number}"
        order = f"{self.victim}:{self.step}:{self.delay_ms}:{mark}"
        errors = besieged.folder / f"stderr-{number}"
        with errors.open("wb") as told:
            process = besieged.place.start(
                *self.command, stdout=told, stderr=told, variables={"SIEGE_KILL": order}
            )

        def over() -> bool:
            return process.poll() is not None or b"http://" in errors.read_bytes()

        if self.victim in (WORKER, TRAINER):
            self._kill_child(besieged, over)
        eventually(over, f"the end of {self}", seconds=ENDED_S)
        process.kill()
        process.wait()
        if not mark.exists():  # it was faster than its killer: the node dies when it is idle
            besieged.look_at_nodes()
            for node in besieged.family.named(NODE):
                _kill(node)
            return "afterwards"
        return mark.read_text()

    def _kill_child(self, besieged: BesiegedPlace, over: Callable[[], bool]) -> None:
        """Kill a worker or a trainer as soon as there is one."""
        eventually(lambda: over() or besieged.family.named(self.victim), seconds=ENDED_S)
        for child in besieged.family.named(self.victim):
            _kill(child)


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def killed(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """A place whose processes are killed."""
    with besieged_template(folder, memory) as template:

        def probe(chance: random.Random) -> None:
            with template.copied() as besieged:
                told: list[str] = []
                with besieged.told(told):
                    for number in range(KILLS):
                        killing = Killing(chance)
                        told.append(f"{killing}")
                        told[-1] += f": {killing.strike(besieged, number)}"
                    besieged.family.reap()
                    besieged.check()

        yield probe


PART = SiegePart("kills", 6, killed)
