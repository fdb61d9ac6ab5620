"""What an owner asks about training runs: list, show."""

from __future__ import annotations

from ingle.capabilities.train.operation import LossPoint, RunName, RunSummary
from ingle.operations.operation import Event, JsonObject, Operation


class ListRuns(Operation, frozen=True, kw_only=True, tag="list_runs"):
    """The training runs of this node. One `RunList`."""


class RunList(Event, frozen=True, kw_only=True, tag="run_list"):
    """Runs, the one that changed last first."""

    runs: list[RunSummary]


class ShowRun(Operation, frozen=True, kw_only=True, tag="show_run"):
    """A run in full. One `RunDetails`."""

    name: RunName


class RunDetails(Event, frozen=True, kw_only=True, tag="run_details"):
    """What was asked for, what the data was, and each step."""

    run: RunSummary
    plan: JsonObject
    data: JsonObject = {}
    losses: list[LossPoint] = []
