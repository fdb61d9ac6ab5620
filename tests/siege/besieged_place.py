"""A small home with models, an adapter and a paused run, made once, copied for each probe."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from ingle.database import is_sound
from ingle.models.embedded import embedded_files
from ingle.models.name_records import NameRecords
from tests.cli.place import Place
from tests.engines.lora import write_adapter
from tests.models.weights import write_model
from tests.training.models import write_base
from tests.waiting import eventually

from .finding import Found
from .node_memory import NodeMemory
from .process_family import ProcessFamily, adopting, described

RECORDED = Path(__file__).parents[1] / "training" / "recorded" / "letters"
HOOKS = Path(__file__).parent / "hooks"
KEPT_MODELS = ("mine", "base", *embedded_files())
KEPT_ADAPTER = "lora"
DATABASES = ("state/node.sqlite3", "state/peers.sqlite3", "models/index.sqlite3")
DOCUMENTED = (
    "files/*", "mutant.gguf", "killed-*", "stderr-*", "config.toml", "config.toml.backup", "tmp",
    "state/logs/*",
    "state/node.lock", "state/node.token", "state/identity.key", "state/*.sqlite3",
    "state/*.sqlite3.backup", "state/runs/*", "state/inbox", "state/inbox/1", "state/inboxes",
    "state/training-cache/*", "state/jobs/*", "state/responses.sqlite*", "state/shares.sqlite3-*",
    "config.toml*.part", "state/tmp", "tmp/" + 8 * "[a-z0-9_]",
    "state/swarm/*", "state/vector_stores.sqlite*", "many", "many/*", "state/collections",
    "state/collections/*", "state/blobs", "state/blobs/*",
    "models/blobs/sha256-*", "models/index.sqlite3", "models/index.sqlite3.backup",
    "models/index.sqlite3-journal", "state/device-speeds.json", "state/speculation.json",
    "models/names", "models/names/" + 64 * "[0-9a-f]",
    "models/partial/*", "models/views/*", "files", "state", "state/logs", "state/runs",
    "state/training-cache", "state/jobs", "models", "models/blobs", "models/partial",
    "models/views",
)  # fmt: skip
"""What may lie in a home whose node has ended: also what an interrupted pull leaves, to be
continued, what the siege puts there itself, SQLite's own logs of databases that no one has opened
or written since, and the file by which Python tries whether a temporary folder can be written.
Nothing else may be left behind."""
KNOWN_LEFT_OVER: tuple[str, ...] = ()
"""What is left behind all the same, and is to be mended."""
ENDED_S = 60.0
NODE = "client.host"
"""In the command line of a node in the background."""


class BesiegedPlace:
    """A place, all processes that were started for it, and what must stay true of it."""

    def __init__(
        self, folder: Path, family: ProcessFamily, memory: NodeMemory, **variables: str
    ) -> None:
        self.family = family
        self.memory = memory
        self.folder = folder
        chosen = {
            "TMPDIR": str(folder / "tmp"),
            "PYTHONPATH": python_path(),
            "INGLE_PEER_HOST": "127.0.0.1",
            "INGLE_PEER_PORT": "0",
            "INGLE_NEARBY": "false",
            "INGLE_EGRESS": "deny",
            "INGLE_CONTEXT": "256",
            "INGLE_SLOTS": "1",
        }
        self.place = Place(folder, **{**chosen, **memory.variables, **variables})

    def end(self) -> None:
        """End all that runs here, at once."""
        self.look_at_nodes()
        self.family.end()

    def look_at_nodes(self) -> None:
        """How much memory the nodes have taken that live."""
        for node in self.family.named(NODE):
            self.memory.look_at(node.pid)

    def check(self, *, chat: bool = True) -> None:
        """Models are listed, shown and used; nothing runs on, and nothing lies about.

        Raises:
            Found: it is not so.
        """
        listed = self.succeed("list", "--json")
        for name in KEPT_MODELS:
            if f'"{name}"' not in listed:
                raise Found(f"the model {name} is lost: {listed}")
        self.succeed("show", "mine", "--json")
        if KEPT_ADAPTER not in self.succeed("adapter", "list", "--json"):
            raise Found("the adapter is lost")
        if "letters" not in self.succeed("runs", "--json"):
            raise Found("the run is lost")
        if chat:
            self.succeed("run", "mine", "Hi", "-n", "1")
        self.stop()
        self.check_files()

    @contextlib.contextmanager
    def told(self, what: list[str]) -> Iterator[None]:
        """What is found also says what was done before."""
        try:
            yield
        except (AssertionError, subprocess.TimeoutExpired) as found:
            raise Found(f"{found}\n    after " + "\n    after ".join(what)) from None

    def stop(self) -> None:
        """Stop the node, and wait until nothing runs any more."""
        self.succeed("stop", "--node")
        self.wait_ended()

    def wait_ended(self) -> None:
        """Raises Found: something does not end."""
        try:
            eventually(lambda: not self.family.living(), seconds=ENDED_S)
        except AssertionError:
            left = [f"{each.pid} {described(each)}" for each in self.family.living()]
            if left:
                raise Found(f"still running: {left}") from None
        self.family.reap()

    def succeed(self, *arguments: str) -> str:
        """What a command prints that must succeed."""
        told = self.place.ingle(*arguments)
        if told.status != 0:
            raise Found(f"ingle {' '.join(arguments)}: {told.status} {told.err[-1500:]}")
        if "Traceback" in told.err:
            raise Found(f"ingle {' '.join(arguments)}: {told.err[-1500:]}")
        return told.out

    def check_files(self) -> None:
        """Raises Found: a database is damaged, or something was left behind."""
        left = [name for name in self.files() if not _matches(name, DOCUMENTED + KNOWN_LEFT_OVER)]
        if left:
            raise Found(f"left behind: {left}")
        for name in DATABASES:
            path = self.folder / name
            if path.exists() and not is_sound(path):
                raise Found(f"{name} is damaged")
        self._check_blobs()

    def files(self) -> list[str]:
        """All that lies here, relative to the place."""
        found = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*"))
        return sorted(found)

    def _check_blobs(self) -> None:
        """Every blob is in some record, and every record in the index and in a file."""
        index = self.folder / "models" / "index.sqlite3"
        with contextlib.closing(sqlite3.connect(index)) as connection:
            rows = list(connection.execute("SELECT kind, key, record FROM names"))
        if sorted(rows) != sorted(NameRecords(index.with_name("names")).all()):
            raise Found(f"the records of names differ from the index: {[row[:2] for row in rows]}")
        records = b"".join(row[2] for row in rows)
        for blob in (self.folder / "models" / "blobs").iterdir():
            if blob.name.removeprefix("sha256-").encode() not in records and blob.is_file():
                raise Found(f"no name needs {blob.name}")


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def python_path() -> str:
    """The hooks are in it."""
    return f"{HOOKS}:{os.environ.get('PYTHONPATH', '')}"


class PlaceTemplate:
    """A place that is made once; each probe has a copy of it at the same path."""

    def __init__(
        self,
        folder: Path,
        family: ProcessFamily,
        memory: NodeMemory,
        place: Path | None,
        prepare: Callable[[BesiegedPlace], None],
        variables: dict[str, str],
    ) -> None:
        self.folder = place or folder / "p"
        self._variables = variables
        self._kept = folder / "kept"
        self._family = family
        self._memory = memory
        self._make(prepare)

    def _place(self) -> BesiegedPlace:
        return BesiegedPlace(self.folder, self._family, self._memory, **self._variables)

    def _make(self, prepare: Callable[[BesiegedPlace], None]) -> None:
        self.folder.mkdir()
        files = self.folder / "files"
        (self.folder / "tmp").mkdir()
        files.mkdir()
        trained = write_base(files / "trained.gguf", kind="Q8_0", layers=1, width=64, wide=64)
        base = write_model(files / "tiny.gguf", seed=1)
        write_model(files / "other.gguf", seed=2)
        write_adapter(files / "lora.gguf", base, seed=1)
        write_adapter(files / "lora-2.gguf", base, seed=2)
        (files / "Modelfile").write_text("FROM mine\nSYSTEM You are Mario.\n")
        lines = '{"prompt": "Who?", "completion": "We."}\n' * 4
        (files / "data.jsonl").write_text(lines)
        besieged = self._place()
        for arguments in (
            ("pull", "mine", "--from", str(base)),
            ("pull", "base", "--from", str(trained)),
            ("cp", "mine", "spare"),
            ("adapter", "add", str(files / "lora.gguf"), "--name", KEPT_ADAPTER),
            ("adapter", "add", str(files / "lora-2.gguf"), "--name", "old"),
            ("config", "set", "keep_alive", "10m"),
            ("config", "set", "model", "mine"),
        ):
            besieged.succeed(*arguments)
        self._lay_down_a_run(besieged)
        prepare(besieged)
        besieged.stop()
        besieged.succeed("list")  # a node that starts copies the databases that have changed
        besieged.stop()
        shutil.move(self.folder, self._kept)

    def _lay_down_a_run(self, besieged: BesiegedPlace) -> None:
        blobs = self.folder / "models" / "blobs"
        details = besieged.place.ok("show", "base", "--json").data
        digest = str(details["digest"])
        run = self.folder / "state" / "runs" / "letters"
        shutil.copytree(RECORDED, run)
        base = blobs / digest.replace(":", "-")
        plan = (run / "run.json").read_text()
        (run / "run.json").write_text(plan.replace("BASE", str(base)).replace("DIGEST", digest))

    @contextlib.contextmanager
    def copied(self) -> Iterator[BesiegedPlace]:
        """A copy for one probe."""
        shutil.copytree(self._kept, self.folder, symlinks=True)
        besieged = self._place()
        try:
            yield besieged
        finally:
            besieged.end()
            shutil.rmtree(self.folder)


@contextlib.contextmanager
def besieged_template(
    folder: Path,
    memory: NodeMemory,
    place: Path | None = None,
    prepare: Callable[[BesiegedPlace], None] = lambda _: None,
    **variables: str,
) -> Iterator[PlaceTemplate]:
    """The template, while all processes below this one are accounted for.

    Args:
        memory: of all nodes of all copies.
        place: where the copies are.
        prepare: what else is done in the place before it is copied.
        variables: of its environment, instead of those that all places have.
    """
    with adopting() as family:
        yield PlaceTemplate(folder, family, memory, place, prepare, variables)
