"""Following a training run: what `train` and `runs follow` show, and what Ctrl-C does."""

from __future__ import annotations

from ingle.capabilities.jobs.cli import follow_job
from ingle.capabilities.train.operation import (
    FollowRun,
    RunSummary,
    StopRun,
    Train,
    Trained,
    TrainingNote,
    TrainingProgress,
)
from ingle.cli.output import Output, age
from ingle.operations import Event

LINES = 20
"""Lines of progress for a whole run, besides those with a validation loss."""


def attend(output: Output, request: Train | FollowRun) -> RunSummary | None:
    """Show a run until it ends. None: it keeps running without us.

    The first Ctrl-C has a run of ours save and stop, and leaves one that we only follow.
    """
    stop = StopRun(name=request.name) if isinstance(request, Train) else None
    ended = follow_job.attend(
        output, request, last=Trained, show=lambda event: show(output, event), stop=stop
    )
    return ended.run if isinstance(ended, Trained) else None


def told(output: Output, ended: RunSummary | None) -> None:
    """Say how it ended, and what can be done now."""
    if ended is None:
        return
    if output.json:
        output.data(ended)
    elif ended.adapter:
        output.text(f"{ended.adapter}  step {ended.step}  loss {_number(ended.loss)}")
        name = ended.adapter.partition(":")[0]  # its last version
        output.note(f'use it with: ingle run {ended.model}+{name} "..."')
    elif ended.made:
        output.text(f"{ended.made}  step {ended.step}  loss {_number(ended.loss)}")
        output.note(f'use it with: ingle run {ended.made} "..."')
    elif ended.state == "done":
        output.note("done; the result is on the first node")
    if ended.state == "paused":
        if not output.json:
            output.note(
                f"\nsaved at step {ended.step}; resume it with: ingle train --resume {ended.name}"
            )
        raise SystemExit(130)


def show(output: Output, event: Event) -> None:
    """One event as a line on stderr."""
    if output.json:
        return
    match event:
        case TrainingNote(text=text) if text:
            output.note(text)
        case TrainingProgress() as at:
            checked = "" if at.validation is None else f"  validation {at.validation:.4f}"
            if at.reward is not None:
                checked = f"  reward {at.reward:.3f}{checked}"
            if checked or at.step == 1 or at.step % max(1, at.steps // LINES) == 0:
                output.note(
                    f"step {at.step}/{at.steps}  loss {at.loss:.4f}{checked}  "
                    f"{at.tokens_per_s:.0f} tokens/s  {age(at.left_s)} left"
                )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
