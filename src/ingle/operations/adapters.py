"""What can be asked of a node's LoRA adapters: add, list, remove."""

from __future__ import annotations

import msgspec

from ingle.operations.operation import Event, Name, Operation


class AdapterSummary(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One adapter of the store."""

    name: str
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


class RemoveAdapter(Operation, frozen=True, kw_only=True, tag="remove_adapter"):
    """Forget an adapter. One `Done`."""

    name: Name


class Adapters(Event, frozen=True, kw_only=True, tag="adapters"):
    """Adapters, newest first."""

    adapters: list[AdapterSummary]
