"""The Engine protocol: what opens models in a worker process and performs operations on them.

What the node must know of an engine is in its declaration (`ingle.engines.declaration`),
which names the engine's class. That is imported only inside a worker process, so a crash, a
leak or a slow import of its never touches the node. Plug-in authors check theirs with
`ingle.testing.check_engine`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import msgspec

from ingle.operations import DeviceInfo, Event, Operation
from ingle.operations.blob import Blob
from ingle.operations.operation import Piece

Role = str
"""What a worker is loaded for: ``generate``, ``embed``, ``rerank``, ``score``, or the name of
another capability. An engine may lay out memory differently for each."""

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
    size: int = 0
    """Bytes of the file."""


class LoadSpec(msgspec.Struct, frozen=True, kw_only=True):
    """All that a worker needs to open a model. Plain data: it is sent to the process."""

    engine: str
    model: str
    digest: str = ""
    files: dict[str, list[str]] = {}
    """Paths of the files of each role (``weights``, shards in order; ``projector``; ...)."""
    sizes: dict[str, int] = {}
    """Bytes of the files of each role. Known before the files are here."""
    folder: str = ""
    """Where the files lie under their relative names, if their format is one of folders."""
    role: Role = "generate"
    slots: int = 1
    """Operations that are performed at once."""
    threads: int = 0
    """0: as many as there are cores to use."""
    adapters: list[AdapterFile] = []
    inbox: str = ""
    """The folder in which blobs lie while an operation needs them; see `blob_path`."""
    options: dict[str, Any] = {}
    """What this engine alone understands, and checks (``context``, ``server_binary``, ...)."""
    declaration: str = ""
    """The name of the declaration that reads the options, where the engine is a build of another;
    empty: the engine's own."""

    @property
    def weights(self) -> list[str]:
        """Paths of the weights."""
        return self.files.get("weights", [])


def context_of(spec: LoadSpec) -> int:
    """Tokens per slot, which every engine that counts tokens calls ``context``; 0 for others."""
    context = spec.options.get("context", 0)
    return context if isinstance(context, int) else 0


def usual_role(capabilities: Sequence[str]) -> Role:
    """What a model is loaded for where no request says."""
    if "chat" in capabilities or "complete" in capabilities or not capabilities:
        return "generate"
    return capabilities[0]


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


@runtime_checkable
class Stoppable(Protocol):
    """A session that computes for long between two events, and can be told to stop meanwhile."""

    def stop(self, operation: Operation) -> None:
        """The caller has stopped an operation that is being performed, or just was.

        Called from another thread than `Session.perform`, and returns at once. Without it a
        session hears of the end by the next event that it emits.
        """
        ...


class Engine(Protocol):
    """Opens models. Instances are made without arguments, in a worker process."""

    name: ClassVar[str]
    """As in its declaration."""

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


@runtime_checkable
class BuildOf(Protocol):
    """An engine that comes in several builds, each by a name of its own."""

    def choose_build(self, options: dict[str, Any]) -> None:
        """Be the build that a spec's options name. Called before anything else is."""
        ...

    def lacking(self) -> list[str]:
        """What the build does without, such as flags that an older one does not have."""
        ...


def blob_path(spec: LoadSpec, blob: Blob) -> Path:
    """Where a session finds the bytes of a blob, while the operation that names it is performed."""
    return Path(spec.inbox) / blob.sha256


def cores() -> int:
    """Processors that this process may use: the default number of an engine's threads."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS has no affinity to ask for
