"""Training runs as they are shown: their curves, their results, and several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingle.capabilities.runs.operation import RunDetails
from ingle.capabilities.train import aliases
from ingle.capabilities.train.operation import RunSummary
from ingle.errors import StorageError
from ingle.jobs.comparing import Rows, differences, standing
from ingle.jobs.job import Job, read_object
from ingle.training.files import LOSSES, PLAN, PREPARED
from ingle.training.loss_log import LossLog

UNIT = "steps"


def plan_of(folder: Path) -> dict[str, Any]:
    """What was asked of the run in a folder, also of one that an older version wrote; empty until
    that is known.

    Raises:
        StorageError: the file is damaged.
    """
    return aliases.current(read_object(folder / PLAN))


def summary(job: Job) -> RunSummary:
    """One run, as ``ingle runs`` lists it.

    Raises:
        StorageError: a file of it is damaged.
    """
    plan, status, losses = job.plan(), job.status, LossLog(job.folder / LOSSES).points()
    checked = [point for point in losses if point.validation is not None]
    best = min(checked, key=lambda point: point.validation or 0.0, default=None)
    error = status.error or {}
    return RunSummary(
        name=job.name,
        model=str(plan.get("model", "")),
        state=job.state,
        step=losses[-1].step if losses else 0,
        steps=status.total,
        loss=losses[-1].loss if losses else None,
        validation=checked[-1].validation if checked else None,
        best=best.validation if best else None,
        best_step=best.step if best else 0,
        changed=job.changed,
        device=str(plan.get("device", "")),
        on=status.on,
        adapter=status.results.get("adapter", ""),
        made=status.results.get("model", ""),
        error=str(error.get("message", "")),
        hint=str(error.get("hint", "")),
        folder=str(job.folder),
    )


def listed(job: Job) -> RunSummary:
    """As `summary`; a run with a damaged file says so, and hides no other."""
    try:
        return summary(job)
    except StorageError as error:
        return RunSummary(
            name=job.name,
            model="",
            state="damaged",
            changed=job.changed,
            on=job.status.on,
            error=error.message,
            hint=error.hint or f"ingle runs rm {job.name}",
            folder=str(job.folder),
        )


def details(job: Job) -> RunDetails:
    """One run in full."""
    return RunDetails(
        run=summary(job),
        plan=job.plan(),
        data=read_object(job.folder / PREPARED),
        losses=LossLog(job.folder / LOSSES).points(),
    )


def compared(jobs: Sequence[Job]) -> Rows:
    """Losses of several runs, and what is not the same in their settings."""
    runs = [summary(job) for job in jobs]
    return [
        *standing(jobs),
        ("loss", [_number(run.loss) for run in runs]),
        ("validation", [_number(run.validation) for run in runs]),
        ("best", [_best(run) for run in runs]),
        *differences([job.plan() for job in jobs], but=("name", "base")),
    ]


def upgraded(folder: Path, status: dict[str, Any]) -> dict[str, Any]:
    """The status of a run that ingle 0.1 wrote, as it is written now."""
    points = LossLog(folder / LOSSES).points()
    made = {"adapter": status.get("adapter", ""), "model": status.get("made", "")}
    return {
        "state": status.get("state", ""),
        "done": points[-1].step if points else 0,
        "total": status.get("steps", 0),
        "unit": UNIT,
        "on": status.get("on", ""),
        "results": {what: name for what, name in made.items() if name},
        "error": status.get("error"),
    }


def _best(run: RunSummary) -> str:
    return "-" if run.best is None else f"{run.best:.4f} at step {run.best_step}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
