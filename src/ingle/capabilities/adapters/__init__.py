"""The LoRA adapters of this device."""

from __future__ import annotations

from ingle.capabilities.adapters.operation import (
    AdapterDetails,
    Adapters,
    AddAdapter,
    AllowBase,
    ListAdapters,
    RemoveAdapter,
    ShowAdapter,
)
from ingle.operations import Done
from ingle.operations.capability import Capability, Command, Free, OwnerOnly

CAPABILITY = Capability(
    name="adapters",
    summary="The LoRA adapters of this device.",
    operations=(AddAdapter, ListAdapters, ShowAdapter, AllowBase, RemoveAdapter),
    events=(Adapters, AdapterDetails, Done),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.adapters.performer:perform",
    commands={
        "adapter": Command(
            "ingle.capabilities.adapters.cli:adapter_command",
            "LoRA adapters: add, list, show, merge, share.",
        )
    },
    methods="ingle.capabilities.adapters.client:AdapterMethods",
)
