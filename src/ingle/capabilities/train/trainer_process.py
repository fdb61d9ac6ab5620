"""`TrainerProcess`: the process that trains, seen from the node.

The node never imports what training needs; this process does. It asks the
node for one thing only: to turn texts into tokens, as the engine does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from ingle.capabilities.train.operation import TrainingJob
from ingle.engines import death, sandbox, watch
from ingle.engines.child import ChildProcess
from ingle.engines.sandbox import SandboxPolicy
from ingle.errors import EngineMissing, WorkerDied
from ingle.jobs.jobs import SAVE_S
from ingle.operations import Event, Operation
from ingle.protocol.connection import Answer, PieceStream
from ingle.temporary_folders import TemporaryFolders
from ingle.training.files import PLAN

MODULES = ("torch", "safetensors", "jinja2", "gguf")
LINKS = 10_000
_KEPT = ("OMP_NUM_THREADS", "HF_HOME", "HF_DATASETS_CACHE", "HF_HUB_CACHE", "VK_DRIVER_FILES",
         "VK_ICD_FILENAMES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")  # fmt: skip


class TrainerProcess:
    """One run in a process of its own. Made by `start`."""

    def __init__(self, child: ChildProcess) -> None:
        self._child = child

    @classmethod
    async def start(
        cls,
        job: TrainingJob,
        *,
        cache: Path,
        log_file: Path,
        answer: Answer,
        folders: TemporaryFolders | None = None,
    ) -> TrainerProcess:
        """Start it. What it does begins with the first operation.

        Args:
            cache: a folder for compiled programs, kept from run to run.
            answer: performs what it asks of the node.
            folders: as `ChildProcess.start`.

        Raises:
            EngineMissing: what training needs is not installed.
        """
        check_installed(*MODULES)
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        job = msgspec.structs.replace(job, cache=str(cache))
        child = await ChildProcess.start(
            [sys.executable, "-P", "-m", "ingle.training.training_worker"],
            job,
            policy=SandboxPolicy(
                readable=_readable(job),
                writable=[job.folder, job.locks, str(cache)],
                network=job.network,
                loopback=job.loopback,
                variables=_environment(cache),
                largest_file=None,
            ),
            lost=lambda child: _why_it_died(job, child),
            answer=answer,
            log_file=log_file,
            folders=folders,
        )
        child.watch(watch.processes(child))
        return cls(child)

    @property
    def pid(self) -> int:
        """The process that we started: the sandbox around the run, where it is a process."""
        return self._child.pid

    def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """As `Node.perform`: `FollowRun` trains, `StopRun` has it save and stop."""
        return self._child.connection.perform(operation, feed)

    async def close(self) -> None:
        """Close the socket, which has it save and end; kill it if it does not go."""
        await self._child.stop(SAVE_S)


def check_installed(*modules: str, by: str = "training") -> None:
    """Raises EngineMissing: some of these, which are needed by something, are not there; says what
    installs them."""
    import importlib.util

    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineMissing(
            f"{by} needs {', '.join(missing)}, which the core installation does not include",
            hint="pip install 'ingle[train]'",
        )


def _why_it_died(job: TrainingJob, child: ChildProcess) -> WorkerDied:
    name = job.request.name
    how = death.with_last_lines(child.death(), child.stderr)
    if not (Path(job.folder) / PLAN).exists():
        return WorkerDied(
            f"the process that prepared {name} died {how}; nothing is left of the run",
            hint="run the command that started it again",
        )
    return WorkerDied(
        f"the process that trained {name} died {how}", hint=f"ingle train --resume {name}"
    )


def _environment(cache: Path) -> dict[str, str]:
    """A worker's variables, those that choose devices and caches, and a cache of its own."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **sandbox.environment(),
        **kept,
        "XDG_CACHE_HOME": str(cache),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "torch"),
        "TRITON_CACHE_DIR": str(cache / "triton"),
        "HF_HOME": str(_hugging_face()),
    }


def _hugging_face() -> Path:
    return Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()


def _readable(job: TrainingJob) -> list[str]:
    """The base and the data; the caches of data sets where the data is known by a name."""
    found = [job.base, *job.readable]
    for name in filter(None, (job.request.data, job.request.validation)):
        path = Path(name)
        if path.exists():
            found += [name, *_link_targets(path)]
            continue
        caches = [_hugging_face(), *(
            Path(os.environ[variable]).expanduser()
            for variable in ("HF_DATASETS_CACHE", "HF_HUB_CACHE") if variable in os.environ
        )]  # fmt: skip
        found += [str(cache) for cache in caches if cache.is_dir()]
    for spec in job.request.settings.reward_funcs:
        _, python, function = spec.partition("python:")
        if python:
            found.append(function.rpartition(":")[0])
    for variable in ("VK_DRIVER_FILES", "VK_ICD_FILENAMES"):
        files = os.environ.get(variable, "").split(os.pathsep)
        found += [file for file in files if Path(file).is_file()]
    return list(dict.fromkeys(found))


def _link_targets(folder: Path) -> Iterator[str]:
    """Files that links in a folder lead to: a snapshot of the hub's cache is made of them."""
    count = 0
    for path in folder.rglob("*") if folder.is_dir() else ():
        if path.is_symlink() and path.exists() and count < LINKS:
            count += 1
            yield str(path.resolve())
