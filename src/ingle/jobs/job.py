"""`Job`: a job as it lies on the disk, and its `JobStatus`, which is the node's to write."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ingle.errors import StorageError
from ingle.operations.job_events import JobSummary

STATUS, REQUEST = "status.json", "request.json"
SHARED = "jobs"
"""The folder in the state directory where jobs lie whose kind has none of its own."""
ACTIVE = ("preparing", "waiting", "running")
"""States of a job that has a process, or else was interrupted."""


class JobStatus(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The file ``status.json``."""

    kind: str = ""
    state: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    started: float = 0.0
    on: str = ""
    results: dict[str, str] = {}
    error: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Job:
    """One job.

    Args:
        plan_file: the file that says what is done.
        running: someone works on it now.
        upgrade_plan: as in `ingle.jobs.kind.JobKind`.
    """

    name: str
    folder: Path
    plan_file: str
    status: JobStatus
    running: bool
    upgrade_plan: Callable[[dict[str, Any]], dict[str, Any]] = lambda plan: plan

    @property
    def kind(self) -> str:
        """The capability that it belongs to."""
        return self.status.kind

    @property
    def state(self) -> str:
        """See `ingle.operations.job_events.JobState`."""
        state = self.status.state
        return "interrupted" if state in ACTIVE and not self.running else state

    @property
    def begun(self) -> bool:
        """It has come so far that it can be resumed."""
        return (self.folder / self.plan_file).exists()

    @property
    def changed(self) -> float:
        """When anything in its folder was written last, in Unix time."""
        latest = 0.0
        with contextlib.suppress(FileNotFoundError):  # it is being removed
            for path in self.folder.iterdir():
                with contextlib.suppress(FileNotFoundError):  # it was replaced this moment
                    latest = max(latest, path.stat().st_mtime)
        return latest

    def plan(self) -> dict[str, Any]:
        """What is done; empty until that is known.

        Raises:
            StorageError: the file is damaged.
        """
        return self.upgrade_plan(read_object(self.folder / self.plan_file))

    def summary(self) -> JobSummary:
        """As it is listed."""
        status, error = self.status, self.status.error or {}
        return JobSummary(
            name=self.name,
            kind=status.kind,
            state=self.state,
            done=status.done,
            total=status.total,
            unit=status.unit,
            started=status.started,
            changed=self.changed,
            on=status.on,
            results=status.results,
            error=str(error.get("message", "")),
            hint=str(error.get("hint", "")),
            folder=str(self.folder),
        )


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty where there is no file.

    Raises:
        StorageError: the file is damaged.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StorageError(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise StorageError(f"{path} is damaged: it holds no JSON object")
    return value
