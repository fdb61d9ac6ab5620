"""What can be asked of a node's LoRA adapters: add, list, show, allow, remove."""

from __future__ import annotations

import msgspec

from ingle.operations.operation import Event, JsonObject, Name, Operation


class AdapterSummary(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One adapter of the store."""

    name: str
    """``NAME:2`` is a version of it, ``NAME`` the last one."""
    digest: str
    size: int
    architecture: str = ""
    """What its base must be."""
    source: str = ""
    added: float = 0.0


class AddAdapter(Operation, frozen=True, kw_only=True, tag="add_adapter"):
    """Take in a LoRA adapter (a GGUF file on the node's disk). One `Adapters` with it alone."""

    path: Name
    name: str = ""
    link: bool = False
    """Use the file where it lies instead of copying it."""


class ListAdapters(Operation, frozen=True, kw_only=True, tag="list_adapters"):
    """The adapters of the store. One `Adapters`."""


class ShowAdapter(Operation, frozen=True, kw_only=True, tag="show_adapter"):
    """An adapter and where it came from. One `AdapterDetails`."""

    name: Name


class AllowBase(Operation, frozen=True, kw_only=True, tag="allow_base"):
    """Let an adapter be used on a model that is not its base. One `Done`.

    Meant for the same model in another quantisation; its matrices must fit.
    """

    name: Name
    model: Name


class RemoveAdapter(Operation, frozen=True, kw_only=True, tag="remove_adapter"):
    """Forget an adapter with all its versions, or one version. One `Done`."""

    name: Name


class Adapters(Event, frozen=True, kw_only=True, tag="adapters"):
    """Adapters, newest first."""

    adapters: list[AdapterSummary]


class AdapterDetails(Event, frozen=True, kw_only=True, tag="adapter_details"):
    """One adapter; what its file says of how it was made is a claim of its maker."""

    adapter: AdapterSummary
    path: str
    base: str = ""
    """Digest of the model that it was trained on."""
    model: str = ""
    """What that was called."""
    allowed: list[str] = []
    """Digests of other models that its owner allows it on."""
    rank: int = 0
    alpha: float = 0.0
    targets: list[str] = []
    data: str = ""
    """Hash of the training data."""
    step: int = 0
    plan: JsonObject = {}
    losses: list[list[float | None]] = []
    """Step, loss and validation loss."""
