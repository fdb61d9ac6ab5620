"""The node itself: how it is, what is in memory, what left the device."""

from __future__ import annotations

from ingle.capabilities.node.operation import (
    HandOver,
    Ledger,
    LedgerPage,
    Load,
    Loaded,
    NodeStatus,
    Resume,
    Shutdown,
    StatusReport,
    Suspend,
    Unload,
)
from ingle.operations import Done, Status
from ingle.operations.capability import Capability, Command, Free, OwnerOnly

_CLI = "ingle.capabilities.node.cli"

CAPABILITY = Capability(
    name="node",
    version=2,
    summary="The node: its state, the models in memory, the ledger.",
    operations=(NodeStatus, Load, Unload, Suspend, Resume, Shutdown, Ledger, HandOver),
    events=(StatusReport, Status, Loaded, LedgerPage, Done),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.node.performer:perform",
    commands={
        "ps": Command(f"{_CLI}:ps_command", "List loaded models."),
        "stop": Command(f"{_CLI}:stop_command", "Unload a model, or stop the node."),
        "suspend": Command(f"{_CLI}:suspend_command", "Unload all models and accept no work."),
        "resume": Command(f"{_CLI}:resume_command", "Accept work again after suspend."),
        "ledger": Command(f"{_CLI}:ledger_command", "Show what left this device."),
    },
    routes="ingle.capabilities.node.http:table",
    methods="ingle.capabilities.node.client:NodeMethods",
)
