"""Sharing: letting others have the files of a model."""

from __future__ import annotations

from ingle.capabilities.share.operation import (
    ListShares,
    Shared,
    ShareModel,
    Shares,
    UnshareModel,
)
from ingle.operations import Done, Progress
from ingle.operations.capability import Capability, Command, Free, OwnerOnly

CAPABILITY = Capability(
    name="share",
    summary="Let others have the files of a model.",
    operations=(ShareModel, UnshareModel, ListShares),
    events=(Progress, Shared, Shares, Done),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.share.performer:perform",
    commands={
        "share": Command(
            "ingle.capabilities.share.cli:share_command",
            "Share a model, or list what is shared.",
        ),
        "unshare": Command("ingle.capabilities.share.cli:unshare_command", "Stop sharing a model."),
    },
)
