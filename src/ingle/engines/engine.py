"""The Engine protocol: what runs weights of some formats for some capabilities.

An engine is found by its entry point (group ``ingle.engines``) and imported
only inside a worker process, so a crash, a leak or a slow import of its never
touches the node. Plug-in authors check theirs with `ingle.testing.check_engine`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, cast

import msgspec

from ingle.errors import EngineMissing
from ingle.operations import DeviceInfo, Event, Operation
from ingle.operations.blob import Blob
from ingle.operations.operation import Piece

Role = Literal["generate", "embed", "rerank", "score"]
"""What a worker is loaded for. An engine may lay out memory differently for each."""

Emit = Callable[[Event], None]
"""Hand one event to the caller. Raises `Cancelled` once the caller has stopped the
operation; a session lets that pass and frees its slot."""


class Feed(Protocol):
    """Pieces that the caller sends into an operation, for a capability that takes any.

    Iterating blocks until the next one comes; it ends after the last one, and when the caller
    has stopped (then the next ``emit`` raises `Cancelled`).
    """

    def __iter__(self) -> Iterator[Piece]:
        """The pieces in order."""
        ...


class AdapterFile(msgspec.Struct, frozen=True):
    """A LoRA adapter to load beside the model, with scale 0 until a request names it."""

    name: str
    path: str


class LoadSpec(msgspec.Struct, frozen=True, kw_only=True):
    """All that a worker needs to open a model. Plain data: it is sent to the process."""

    engine: str
    model: str
    digest: str = ""
    files: list[str] = []
    """The weights; shards in order."""
    mmproj: str = ""
    """The vision projector, or empty."""
    role: Role = "generate"
    context: int = 4096
    """Tokens per slot."""
    slots: int = 1
    threads: int = 0
    """0: as many as there are cores to use."""
    adapters: list[AdapterFile] = []
    prefixes: dict[str, str] = {}
    """``query`` and ``passage`` prefixes of an embedding model."""
    inbox: str = ""
    """The folder in which blobs lie while an operation needs them; see `blob_path`."""
    options: dict[str, Any] = {}
    """Settings of this engine alone (such as ``server_binary`` or ``base_url``)."""


class Session(Protocol):
    """An open model inside a worker. `perform` is called from several threads at once."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the node should know once the model is open (``context``, ``device``, ...)."""
        ...

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        """Do it, blocking; hand every event to ``emit``.

        Args:
            feed: what the caller sends in; None for a capability that takes nothing.

        Raises:
            IngleError: what the caller is to be told.
            Cancelled: as raised by ``emit``; the slot is free on return.
        """
        ...

    def close(self) -> None:
        """Free everything. Called once, after the last `perform` has returned."""
        ...


class Engine(Protocol):
    """Opens models. Instances are made without arguments, in a worker process."""

    name: ClassVar[str]
    network: ClassVar[bool]
    """Its workers may open network connections (only `upstream` may)."""

    def version(self) -> str:
        """The engine's version.

        Raises:
            EngineMissing: it is not installed; the hint is the command.
        """
        ...

    def devices(self) -> list[DeviceInfo]:
        """The devices that it can run on here, best first."""
        ...

    def open(self, spec: LoadSpec) -> Session:
        """Load a model; blocks until it can serve.

        Raises:
            ModelLoadFailed: with the engine's own reason, as far as it tells one.
        """
        ...


def blob_path(spec: LoadSpec, blob: Blob) -> Path:
    """Where a session finds the bytes of a blob, while the operation that names it is performed."""
    return Path(spec.inbox) / blob.sha256


def cores() -> int:
    """Processors that this process may use: the default number of an engine's threads."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS has no affinity to ask for


def engine_names() -> list[str]:
    """The names of all installed engines, without importing any."""
    return sorted(point.name for point in entry_points(group="ingle.engines"))


def load_engine(name: str) -> Engine:
    """Import an engine by name. Only a worker process should call this.

    Raises:
        EngineMissing: no such engine, or its package is not installed.
    """
    for point in entry_points(group="ingle.engines", name=name):
        try:
            return cast("Engine", point.load()())
        except ImportError as error:
            raise EngineMissing(
                f"engine {name!r} cannot be imported: {error}",
                hint="ingle doctor",
                engine=name,
            ) from error
    raise EngineMissing(
        f"there is no engine named {name!r}; installed are: {', '.join(engine_names())}",
        hint="ingle doctor",
        engine=name,
    )
