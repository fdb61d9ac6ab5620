from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingle.capabilities.share.operation import Audience, ShareModel
from ingle.config import Settings
from ingle.models import Store
from ingle.models import embedded as embedded_module
from ingle.peers.swarm import Sharing
from ingle.peers.swarm.metainfo import Metainfo

from ...models.conftest import small_disk
from ...models.weights import Shape, write_model
from .pulling import IMPATIENT
from .serving import describe

__all__ = ["small_disk"]


@pytest.fixture(autouse=True)
def embedded(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No embedded models: these tests do not need them built."""
    monkeypatch.setattr(embedded_module, "FOLDER", tmp_path_factory.mktemp("embedded"))


@dataclasses.dataclass(frozen=True)
class Whole:
    """A model file of some megabytes, and its torrent."""

    path: Path
    data: bytes
    metainfo: Metainfo

    @property
    def digest(self) -> str:
        return self.metainfo.digest

    @property
    def torrent(self) -> bytes:
        return self.metainfo.encode()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """About 10 MB, the last piece a short one."""
    folder = tmp_path_factory.mktemp("swarm")
    path = write_model(folder / "tiny.gguf", Shape(layers=8, embedding=256, feed_forward=768))
    data = path.read_bytes()
    return Whole(path, data, describe(folder, data))


class Machine:
    """One device: a store, settings of its own, and its sharing."""

    def __init__(
        self,
        folder: Path,
        address: str = "127.0.0.1",
        store: Store | None = None,
        **settings: object,
    ) -> None:
        self.address = address
        self.state = folder / "state"
        self.state.mkdir(parents=True, exist_ok=True)
        self.store = store or Store(folder / "models")
        self.settings = Settings(**{"share_listen": f"{address}:0", **settings})  # type: ignore[arg-type]
        self.sharing = Sharing(self.store, self.settings, self.state, IMPATIENT)

    async def share(self, path: Path, name: str, audience: Audience = Audience.PEERS) -> None:
        await asyncio.to_thread(self.store.add_path, path, name)
        async for _ in self.sharing.perform(ShareModel(model=name, audience=audience)):
            pass


@asynccontextmanager
async def on(machine: Machine) -> AsyncIterator[Machine]:
    """A machine that is switched on."""
    await machine.sharing.open()
    try:
        yield machine
    finally:
        await machine.sharing.close()
