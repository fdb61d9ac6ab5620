"""The folders of a node's jobs: made, read, noted in and deleted.

A folder is written by the process that works, but for ``status.json`` and ``request.json``,
which are the node's: how the job stands, and what was asked.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ingle.errors import Cancelled, DiskFull, IngleError, InvalidRequest, RunNotFound, StorageError
from ingle.jobs.job import REQUEST, SHARED, STATUS, Job, JobStatus, read_object
from ingle.jobs.kind import COMMANDS, JobKind, kinds
from ingle.operations import operation_name
from ingle.operations.encoded import UNREADABLE
from ingle.operations.job_events import JobOperation
from ingle.operations.reading import kept

NAMED = 10
"""Jobs that an error names."""

ENDED = ("done", "failed", "stopped")
"""States of a job that has nothing more to do."""


class JobFolders:
    """All jobs of a node.

    Args:
        state: the state directory.
    """

    def __init__(self, state: Path) -> None:
        self._state = state

    def path(self, kind: JobKind, name: str) -> Path:
        """A job's folder, whether it is there or not. Names are checked where they come in."""
        return self._state / kind.folder / name

    def find(self, name: str, running: Collection[str] = (), kind: JobKind | None = None) -> Job:
        """One job.

        Args:
            running: names of those that are being worked on.
            kind: only of this one.

        Raises:
            RunNotFound: there is none; names those that are.
        """
        for root, owner in self._roots():
            job = self._read(root / name, owner, running)
            if job is not None and (kind is None or job.kind == kind.name):
                return job
        noun, commands = (kind.noun, kind.commands) if kind else ("job", COMMANDS)
        known = [job.name for job in self.all(running, kind)]
        raise RunNotFound(
            f"there is no {noun} {name!r}"
            + (f"; there are: {', '.join(known[:NAMED])}" if known else ""),
            hint=commands.list,
        )

    def all(self, running: Collection[str] = (), kind: JobKind | None = None) -> list[Job]:
        """All jobs, the one that changed last first."""
        found = [
            job
            for root, owner in self._roots()
            for path in root.glob("[!.]*")
            if (job := self._read(path, owner, running)) is not None
            and (kind is None or job.kind == kind.name)
        ]
        return sorted(found, key=lambda job: -job.changed)

    def begin(self, kind: JobKind, name: str, on: str = "") -> Path:
        """Make the folder of a new job.

        Raises:
            InvalidRequest: the name is taken.
        """
        for root, owner in self._roots():
            there = self._read(root / name, owner)
            again = kind.repeatable and there is not None and there.kind == kind.name
            if again and there is not None and there.state in ENDED:
                shutil.rmtree(there.folder)
            elif there is not None and (there.begun or there.state == "damaged"):
                raise _taken(kind, there)
            shutil.rmtree(root / name, ignore_errors=True)  # what was killed before it had begun
        path = self.path(kind, name)
        path.mkdir(parents=True, mode=0o700)
        self.note(path, kind=kind.name, state="preparing", started=time.time(), on=on)
        return path

    def keep(self, folder: Path, request: JobOperation) -> None:
        """Write down what was asked, unless that is known: from now on it can be resumed.

        Raises:
            DiskFull: it could not be written.
        """
        if not (folder / REQUEST).exists():
            # With all fields: also those at their defaults, which may change.
            fields = {"op": operation_name(request), **msgspec.structs.asdict(request)}
            _replace(folder / REQUEST, msgspec.json.format(msgspec.json.encode(fields), indent=1))

    def note(self, folder: Path, **fields: Any) -> None:
        """Change a job's status; the file is replaced whole.

        Raises:
            DiskFull: it could not be written.
        """
        owner = dict(self._roots()).get(folder.parent)
        job = self._read(folder, owner)
        status = job.status if job is not None else JobStatus()
        _replace(folder / STATUS, msgspec.json.encode(msgspec.structs.replace(status, **fields)))

    def fail(self, kind: JobKind, folder: Path, error: IngleError) -> None:
        """A job ended with an error. One that had not begun leaves nothing behind."""
        if not (folder / kind.plan).exists():
            shutil.rmtree(folder, ignore_errors=True)
        elif isinstance(error, Cancelled):
            self.note(folder, state="paused", error=None)  # it was stopped while it waited
        else:
            self.note(folder, state="failed", error=error.to_data())

    def first(self, kind: JobKind, name: str) -> JobOperation | None:
        """The request that a job began with; None: it is not known.

        Raises:
            StorageError: it cannot be read.
        """
        path = self.path(kind, name) / REQUEST
        try:
            fields = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
            return kept(fields, kind.operation)
        except FileNotFoundError:
            return None
        except (*UNREADABLE, InvalidRequest) as error:
            raise StorageError(
                f"{path} is damaged: {error}", hint=f"{kind.commands.remove} {name}"
            ) from None

    def remove(self, job: Job) -> None:
        """Delete a job's folder."""
        shutil.rmtree(job.folder)

    def _roots(self) -> Iterator[tuple[Path, JobKind | None]]:
        """Where jobs lie, and whose they are if they do not say."""
        yield self._state / SHARED, None
        for kind in kinds().values():
            if kind.folder != SHARED:
                yield self._state / kind.folder, kind

    def _read(
        self, folder: Path, owner: JobKind | None, running: Collection[str] = ()
    ) -> Job | None:
        """The job of a folder; None: there is none."""
        plan = owner.plan if owner is not None else REQUEST
        if not (folder / STATUS).exists() and not (folder / plan).exists():
            return None
        try:
            status = _status(folder, owner)
        except StorageError as error:
            status = JobStatus(
                kind=owner.name if owner is not None else "",
                state="damaged",
                error=error.to_data(),
            )
        kind = kinds().get(status.kind)
        return Job(
            name=folder.name,
            folder=folder,
            plan_file=kind.plan if kind is not None else plan,
            status=status,
            running=folder.name in running,
            **({"upgrade_plan": kind.upgrade_plan} if kind is not None else {}),
        )


def _status(folder: Path, owner: JobKind | None) -> JobStatus:
    path = folder / STATUS
    found = read_object(path)
    if owner is not None and "kind" not in found:
        found = {**owner.upgrade(folder, found), "kind": owner.name}
    try:
        return msgspec.convert(found, JobStatus)
    except msgspec.ValidationError as error:
        raise StorageError(f"{path} is damaged: {error}") from None


def _taken(kind: JobKind, there: Job) -> InvalidRequest:
    name, commands = there.name, kind.commands
    if there.kind != kind.name:
        return InvalidRequest(
            f"there is a job {name!r} of the kind {there.kind} already",
            hint=f"ingle jobs rm {name}, or choose another --name", field="name",
        )  # fmt: skip
    resume = f"{commands.resume} {name}, or " if kind.resumable else ""
    return InvalidRequest(
        f"there is a {kind.noun} {name!r} already",
        hint=f"{resume}{commands.remove} {name}, or choose another --name",
        field="name",
    )


def _replace(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise DiskFull(f"{path}: {error.strerror}", hint="free disk space: ingle df") from None
