"""Model files: mutants of sound files, taken in by a real node, shown, loaded and asked."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Iterator
from pathlib import Path

import psutil

import ingle
from ingle.client.sync import Home
from ingle.config import Settings
from ingle.errors import IngleError
from ingle.models.embedded import embedded_files
from ingle.operations.generation import AdapterUse
from tests.engines.lora import write_adapter
from tests.models.weights import write_model
from tests.waiting import eventually

from .besieged_place import NODE, BesiegedPlace
from .finding import Found
from .gguf_mutant import GgufParts, mutant
from .node_memory import NodeMemory, peak_memory
from .process_family import adopting
from .siege_part import Probe, SiegePart

MOST_OF_A_WORKER = 1 << 30
"""Bytes of its own, as the node is told. What is mapped counts as resident, too."""
LOOK_EVERY = 25
BASE = "sound"


class BesiegedStore:
    """A node that is given bad files."""

    def __init__(self, besieged: BesiegedPlace, home: Home, sound: dict[str, GgufParts]) -> None:
        self._besieged = besieged
        self._home = home
        self._sound = sound
        self._path = besieged.folder / "mutant.gguf"
        self._count = 0
        (self.node,) = besieged.family.named(NODE)

    def probe(self, chance: random.Random) -> None:
        """One mutant."""
        kind = chance.choice(("model",) * 7 + ("embedder", "adapter", "adapter", "ember"))
        parts = copy.deepcopy(self._sound[kind])
        self._path.write_bytes(mutant(chance, parts))
        try:
            self._try(kind)
        except IngleError as error:
            if type(error) is IngleError:
                raise Found(f"{kind}: {error.message}; {parts.said}") from None
        except Found as found:
            raise Found(f"{found}; {kind}: {parts.said}") from None
        finally:
            self._forget(kind)
        self._count += 1
        if self._count % LOOK_EVERY == 0:
            self.look()

    def _try(self, kind: str) -> None:
        if kind == "adapter":
            self._home.add_adapter(self._path, "mutant")
            self._home.show_adapter("mutant")
            self._home.chat(BASE, adapters=[AdapterUse(name="mutant")], max_tokens=2).send("Hi")
            return
        taken = self._home.pull("mutant", source=str(self._path))
        self._home.show("mutant")
        self._home.fit("mutant")
        if "chat" in taken.capabilities:
            self._home.chat("mutant", max_tokens=2).send("Hi")
        elif "embed" in taken.capabilities:
            self._home.embed("a text", "mutant")

    def _forget(self, kind: str) -> None:
        """It goes, with the process that had it loaded."""
        with contextlib.suppress(IngleError):
            if kind == "adapter":
                self._home.remove_adapter("mutant")
            else:
                self._home.unload("mutant", force=True)
                self._home.remove("mutant")

    def look(self) -> None:
        """The node is there, as small as it may be, and serves its own model.

        Raises:
            Found: it is not so.
        """
        if not self.node.is_running() or self.node.status() == psutil.STATUS_ZOMBIE:
            raise Found("the node is down")
        self._besieged.look_at_nodes()
        self._besieged.memory.check()
        for worker in self._besieged.family.named("engines.worker"):
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
                if peak_memory(worker.pid) > MOST_OF_A_WORKER:
                    raise Found(f"a worker took {peak_memory(worker.pid) // 10**6} MB")
        if not self._home.chat(BASE, max_tokens=2).send("Hi").usage.completion_tokens:
            raise Found("the sound model says nothing")

    def close(self) -> None:
        """The attack is over: only what was sound is left."""
        self.look()
        left = {model.name for model in self._home.models()} - {BASE, *embedded_files()}
        if left or self._home.adapters():
            raise Found(f"not removed: {left}, {self._home.adapters()}")
        self._home.unload("", force=True)
        eventually(
            lambda: not self._besieged.family.named("engines.worker"), "the workers have ended"
        )


@contextlib.contextmanager
def besieged_store(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """A node in the background, and a sound file of each kind."""
    files = folder / "files"
    (folder / "tmp").mkdir()
    files.mkdir()
    model = write_model(files / "model.gguf")
    embedder = write_model(files / "embedder.gguf", pooling=1)
    adapter = write_adapter(files / "adapter.gguf", model, seed=1)
    ember = embedded_files()["ember"].resolve()
    names = ("model", "embedder", "adapter", "ember")
    paths = (model, embedder, adapter, ember)
    sound = {name: GgufParts.read(path) for name, path in zip(names, paths, strict=True)}
    with adopting() as family:
        besieged = BesiegedPlace(folder, family, memory, INGLE_WORKER_MEMORY=str(MOST_OF_A_WORKER))
        besieged.succeed("pull", BASE, "--from", str(model))
        settings = Settings(state_dir=str(folder / "state"), models_dir=str(folder / "models"))
        with ingle.open(settings, otherwise="fail") as home:
            store = BesiegedStore(besieged, home, sound)
            yield store.probe
            store.close()
        besieged.stop()
        besieged.check_files()
        log = (folder / "state" / "logs" / "node.log").read_text(errors="replace")
        if "Traceback" in log:
            raise Found(f"node.log: {log[log.index('Traceback') - 300 :][:1500]}")


PART = SiegePart("gguf", 30, besieged_store)
