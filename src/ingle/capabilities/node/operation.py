"""What can be asked of a node about itself: status, what runs, load, unload, suspend, ledger."""

from __future__ import annotations

import msgspec

from ingle.operations import DeviceInfo
from ingle.operations.generation import AdapterUse
from ingle.operations.operation import Count, Event, KeepAlive, Name, Operation, Positive


class WorkerInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One loaded model and the process that runs it."""

    model: str
    digest: str
    engine: str
    pid: int
    role: str = "generate"
    """``generate``, ``embed``, ``rerank`` or ``score``: a model may be loaded once for each."""
    state: str
    """``loading``, ``ready``, ``busy``, ``stopping``."""
    context: int
    slots: int
    active: int = 0
    queued: int = 0
    memory: int = 0
    """Resident bytes, measured."""
    predicted: int = 0
    """Bytes that fit predicted and admission reserved."""
    device: str = ""
    idle_s: float = 0.0
    expires_s: float | None = None
    """Seconds until it is unloaded; None: never."""
    sandbox: str = ""
    adapters: list[str] = []
    device_memory: dict[str, int] = {}
    """Bytes on each graphics device, as planned or as its driver has them."""
    read_bytes: dict[str, int] = {}
    """Bytes of weights that each token reads, by device; empty where that is not known."""
    notes: list[str] = []
    """What its load has come to that was not planned, such as fewer layers on a full device."""
    reason: str = ""
    """Why this engine runs it."""


class EngineInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An engine of this machine."""

    name: str
    version: str = ""
    path: str = ""
    """Where it is, if it is not the built-in one or a plug-in's."""
    devices: list[DeviceInfo] = []
    lacking: list[str] = []
    """Optional flags that an older program does not have."""
    problem: str = ""
    """Why it cannot be used, and the command that fixes it."""
    absent: bool = False
    """It needs an extra of ingle that is not installed."""
    chosen: bool = False
    """It runs GGUF models for which nothing else is chosen."""
    reason: str = ""
    """Why it is chosen."""
    speed: float = 0.0
    """How many times faster than the built-in engine its self-test found it; 0: not measured."""


class NodeStatus(Operation, frozen=True, kw_only=True, tag="status"):
    """How the node is. One `StatusReport`."""

    probe: bool = False
    """Ask the engines for their devices even if that takes a second."""


class StatusReport(Event, frozen=True, kw_only=True, tag="status_report"):
    """The node, its devices and its workers."""

    version: str
    pid: int
    started: float
    state_dir: str
    devices: list[DeviceInfo]
    workers: list[WorkerInfo]
    memory_budget: int
    memory_used: int
    engines: dict[str, str]
    """Engine name to its version, or to why it cannot run. Which of the two: see ``problems``."""
    problems: dict[str, str] = {}
    """The engines that cannot run, each with the reason and the command that fixes it."""
    rss: int = 0
    suspended: bool = False
    upstreams: list[str] = []
    installed_engines: list[EngineInfo] = []
    """Every engine with its devices, if the engines were asked."""


class Load(Operation, frozen=True, kw_only=True, tag="load"):
    """Load a model now, before the first request. `Status` events, then one `Loaded`."""

    model: Name
    context: Positive | None = None
    slots: Positive | None = None
    keep_alive: KeepAlive | None = None
    adapters: list[AdapterUse] = []


class Loaded(Event, frozen=True, kw_only=True, tag="loaded"):
    """The model is in memory."""

    worker: WorkerInfo


class Unload(Operation, frozen=True, kw_only=True, tag="unload"):
    """Free a model's memory, or that of all. Working requests end first. One `Done`."""

    model: str = ""
    """Empty: every loaded model."""
    force: bool = False
    """Stop working requests too."""


class Suspend(Operation, frozen=True, kw_only=True, tag="suspend"):
    """Free all memory and refuse new work until `Resume`; running answers finish. One `Done`."""


class Resume(Operation, frozen=True, kw_only=True, tag="resume"):
    """Take work again and reload what was loaded. One `Done`."""


class Shutdown(Operation, frozen=True, kw_only=True, tag="shutdown"):
    """Stop the node. One `Done`, then the connection ends."""


class Ledger(Operation, frozen=True, kw_only=True, tag="ledger"):
    """Show what left this device. One `LedgerPage`, newest first."""

    limit: Positive = 100
    offset: Count = 0
    to: str = ""
    """Only entries whose recipient begins so (``peer:``, ``upstream:``)."""


class LedgerEntry(msgspec.Struct, kw_only=True):
    """One operation that left the device."""

    time: float
    to: str
    operation: str
    model: str
    bytes_out: int
    bytes_in: int
    grant: str = ""
    outcome: str = ""


class LedgerPage(Event, frozen=True, kw_only=True, tag="ledger_page"):
    """Entries of the egress ledger."""

    entries: list[LedgerEntry]


class HandOver(Operation, frozen=True, kw_only=True, tag="hand_over"):
    """Asked by a newer version: end as soon as nothing is under way, so that it can take over.

    One `Done`: ``now`` if the node ends at once, else ``later``. A node that serves others in
    the foreground stays, and says ``stays``.
    """

    since = 2

    version: str = ""
    """Of who asks."""
