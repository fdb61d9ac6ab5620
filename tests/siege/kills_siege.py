"""Kills: SIGKILL at a chosen step of a command, its node, its worker or its trainer.

A probe kills several times in one copy of the place; then all must be as it was, or as one of the
commands wanted it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from tests.waiting import eventually

from .besieged_place import ENDED_S, NODE, BesiegedPlace, besieged_template
from .finding import Found
from .friend import NAME, RENAMED, Friend, befriended
from .node_memory import NodeMemory
from .siege_part import Probe, SiegePart

KILLS = 8
"""In each probe."""
COMMAND, WORKER, TRAINER = "ingle.cli.main", "engines.worker", "training_worker"
CODE, GRANT = "CODE", "GRANT"
"""Stand for a new code of the friend, and for the grant that it has."""
INVITE = ("peers", "invite", "--preset", "family", "--json")
"""The friend joins what comes of it."""
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
PEERS: tuple[tuple[str, ...], ...] = (
    ("peers", "join", CODE),
    ("peers", "join", CODE),
    INVITE,
    INVITE,
    INVITE,
    ("grant", NAME, "--capabilities", "chat,embed", "--tokens-per-day", "90000"),
    ("grant", NAME, "--preset", "family"),
    ("grants", "--json"),
    ("revoke", GRANT),
    ("peers", "set", NAME, "--name", RENAMED),
    ("peers", "forget", NAME),
    ("peers", "--ask"),
    ("run", "ember", "Hi", "-n", "2", "--on", NAME),
)
TRAINING: tuple[tuple[str, ...], ...] = (
    ("train", "--resume", "letters", "--device", "cpu"),
    ("train", "mine", "--data", "files/data.jsonl", "--max-steps", "3", "--device", "cpu"),
)


class Killing:
    """One kill: which command, whom, and when."""

    def __init__(self, chance: random.Random) -> None:
        kind = chance.random()
        training, peers = kind < 0.03, kind > 0.7
        self.command = chance.choice(TRAINING if training else PEERS if peers else COMMANDS)
        outside = (WORKER, TRAINER) if training else (WORKER,)
        self.victim = chance.choice((COMMAND, COMMAND, NODE, NODE, NODE, NODE, *outside))
        self.step = int(2 ** chance.uniform(0, 6.5 if self.victim == NODE else 3.5))
        self.joined = ""
        self.delay_ms = chance.choice((0, 0, chance.randrange(1, 40)))

    def __str__(self) -> str:
        return f"ingle {' '.join(self.command)}, {self.victim} at {self.step}+{self.delay_ms} ms"

    def strike(self, besieged: BesiegedPlace, friend: Friend, number: int) -> str:
        """Run the command, and kill. Returns where, as far as it is known."""
        command = [friend.invite() if word == CODE else word for word in self.command]
        if GRANT in command:
            command[-1] = _grant(besieged)
        mark = besieged.folder / f"killed-{number}"
        order = f"{self.victim}:{self.step}:{self.delay_ms}:{mark}"
        errors = besieged.folder / f"stderr-{number}"
        with errors.open("wb") as told:
            process = besieged.place.start(
                *command, stdout=told, stderr=told, variables={"SIEGE_KILL": order}
            )

        def over() -> bool:
            return process.poll() is not None or b"http://" in errors.read_bytes()

        if self.victim in (WORKER, TRAINER):
            self._kill_child(besieged, over)
        eventually(over, f"the end of {self}", seconds=ENDED_S)
        process.kill()
        process.wait()
        if self.command == INVITE:
            self.joined = friend.join(errors.read_text(errors="replace"))
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


def _grant(besieged: BesiegedPlace) -> str:
    """Some grant that was given; what looks like one, if there is none."""
    given = json.loads(besieged.succeed("grants", "--json"))
    return str(given[0]["id"]) if given else "000000000000"


def _check_friend(besieged: BesiegedPlace, commands: list[tuple[str, ...]]) -> None:
    """The paired device is known and answers, unless it was to be forgotten.

    Raises:
        Found: it is not so.
    """
    besieged.succeed("grants", "--json")
    known = {peer["name"] for peer in json.loads(besieged.succeed("peers", "--json"))}
    if {command[:2] for command in commands} & {("peers", "forget"), ("peers", "reset")}:
        return
    names = known & {NAME, RENAMED}
    if not names:
        raise Found(f"the paired device is lost: {known}")
    besieged.succeed("run", "ember", "Hi", "-n", "1", "--on", names.pop())


@contextlib.contextmanager
def killed(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """A place whose processes are killed."""
    with (
        befriended(folder / "f") as friend,
        besieged_template(folder, memory, prepare=friend.pair, INGLE_EGRESS="allow") as template,
    ):

        def probe(chance: random.Random) -> None:
            with template.copied() as besieged:
                told: list[str] = []
                commands: list[tuple[str, ...]] = []
                with besieged.told(told):
                    for number in range(KILLS):
                        killing = Killing(chance)
                        commands.append(killing.command)
                        told.append(f"{killing}")
                        told[-1] += f": {killing.strike(besieged, friend, number)} {killing.joined}"
                    besieged.family.reap()
                    _check_friend(besieged, commands)
                    besieged.check()

        yield probe


PART = SiegePart("kills", 4, killed)
