"""The training runs of this device, for its owner."""

from __future__ import annotations

from ingle.capabilities.runs.operation import ListRuns, RunDetails, RunList, ShowRun
from ingle.operations.capability import Capability, Command, Free, OwnerOnly

CAPABILITY = Capability(
    name="runs",
    summary="Training runs: list and show.",
    operations=(ListRuns, ShowRun),
    events=(RunList, RunDetails),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.train.performer:perform",
    commands={
        "runs": Command(
            "ingle.capabilities.train.cli.runs_commands:runs_command",
            "Training runs: list, show, follow, compare, stop.",
        )
    },
)
