"""Training runs on disk: their folders, and what is known of them without training.

A folder is written by the process that trains (`ingle.training.run`), but for
``status.json``, which is the node's: what state the run is in, and why.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from ingle.capabilities.runs.operation import RunDetails
from ingle.capabilities.train.operation import LossPoint, RunSummary
from ingle.errors import Cancelled, IngleError, InvalidRequest, RunNotFound, StorageError
from ingle.node.losses import Losses

PLAN, PREPARED, LOSSES, STATUS = "run.json", "data.json", "losses.jsonl", "status.json"
ADAPTER, MODEL = "adapter.gguf", "model.gguf"
"""In a run's folder: what it made."""
GOES_ON = ("preparing", "waiting", "running")


class Status(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The file ``status.json``."""

    state: str = ""
    steps: int = 0
    adapter: str = ""
    made: str = ""
    on: str = ""
    error: dict[str, Any] | None = None


class Runs:
    """All runs of a node.

    Args:
        folder: in which each has a folder of its name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """A run's folder, whether it is there or not. Names are checked where they come in."""
        return self.folder / name

    def find(self, name: str) -> Path:
        """A run's folder.

        Raises:
            RunNotFound: there is none; names those that are.
        """
        path = self.path(name)
        if not (path / STATUS).exists() and not (path / PLAN).exists():
            known = [run.name for run in self.all(())]
            raise RunNotFound(
                f"there is no run {name!r}"
                + (f"; there are: {', '.join(known[:10])}" if known else ""),
                hint="ingle runs",
            )
        return path

    def begin(self, name: str, on: str = "") -> Path:
        """Make the folder of a new run.

        Raises:
            InvalidRequest: the name is taken.
        """
        path = self.path(name)
        if (path / PLAN).exists():
            raise InvalidRequest(
                f"there is a run {name!r} already",
                hint=f"ingle train --resume {name}, or ingle runs rm {name}, or another --name",
                field="name",
            )
        shutil.rmtree(path, ignore_errors=True)  # what was killed before it had a plan
        path.mkdir(parents=True, mode=0o700)
        self.note(name, state="preparing", on=on)
        return path

    def note(self, name: str, **fields: Any) -> None:
        """Change a run's status; the file is replaced whole."""
        path = self.path(name)
        status = msgspec.structs.replace(self.status(name), **fields)
        part = path / "status.part"
        part.write_bytes(msgspec.json.encode(status))
        part.replace(path / STATUS)

    def fail(self, name: str, error: IngleError) -> None:
        """A run ended with an error. One that had not begun leaves nothing behind."""
        if isinstance(error, Cancelled) and (self.path(name) / PLAN).exists():
            self.note(name, state="paused", error=None)  # it was stopped while it waited
        elif (self.path(name) / PLAN).exists():
            self.note(name, state="failed", error=error.to_data())
        else:
            shutil.rmtree(self.path(name), ignore_errors=True)

    def status(self, name: str) -> Status:
        """What the node knows of a run.

        Raises:
            StorageError: the file is damaged.
        """
        path = self.path(name) / STATUS
        try:
            return msgspec.json.decode(path.read_bytes(), type=Status)
        except FileNotFoundError:
            return Status()
        except msgspec.DecodeError as error:
            raise StorageError(
                f"{path} is damaged: {error}", hint=f"ingle runs rm {name}"
            ) from None

    def all(self, live: Collection[str]) -> list[RunSummary]:
        """All runs, the one that changed last first.

        Args:
            live: names of those that go on now.
        """
        names = {
            path.parent.name for file in (PLAN, STATUS) for path in self.folder.glob(f"*/{file}")
        }
        found = [self.summary(name, live) for name in names if not name.startswith(".")]
        return sorted(found, key=lambda run: -run.changed)

    def summary(self, name: str, live: Collection[str]) -> RunSummary:
        """One run. Raises RunNotFound."""
        folder = self.find(name)
        plan, status, losses = self.plan(name), self.status(name), self.losses(name)
        checked = [point for point in losses if point.validation is not None]
        best = min(checked, key=lambda point: point.validation or 0.0, default=None)
        state = status.state
        if name not in live and state in GOES_ON:
            state = "interrupted"
        error = status.error or {}
        return RunSummary(
            name=name,
            model=str(plan.get("model", "")),
            state=state,
            step=losses[-1].step if losses else 0,
            steps=status.steps,
            loss=losses[-1].loss if losses else None,
            validation=checked[-1].validation if checked else None,
            best=best.validation if best else None,
            best_step=best.step if best else 0,
            changed=max(path.stat().st_mtime for path in folder.iterdir()),
            device=str(plan.get("device", "")),
            on=status.on,
            adapter=status.adapter,
            made=status.made,
            error=str(error.get("message", "")),
            hint=str(error.get("hint", "")),
            folder=str(folder),
        )

    def details(self, name: str, live: Collection[str]) -> RunDetails:
        """One run in full. Raises RunNotFound."""
        return RunDetails(
            run=self.summary(name, live),
            plan=self.plan(name),
            data=_object(self.path(name) / PREPARED),
            losses=self.losses(name),
        )

    def remove(self, name: str) -> None:
        """Delete a run's folder. Raises RunNotFound."""
        shutil.rmtree(self.find(name))

    def plan(self, name: str) -> dict[str, Any]:
        """What was asked for; empty while it is being prepared."""
        return _object(self.path(name) / PLAN)

    def losses(self, name: str) -> list[LossPoint]:
        """Each step."""
        return Losses(self.path(name) / LOSSES).points()


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StorageError(f"{path} is damaged: {error}") from None
    return value if isinstance(value, dict) else {}
