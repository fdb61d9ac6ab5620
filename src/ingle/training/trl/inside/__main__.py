"""One process of a run: ``-m ingle.training.trl.inside JOB``, under ``accelerate launch``."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ingle.errors import CapabilityMissing, DiskFull, DoesNotFit, IngleError
from ingle.training.trl.inside.channel import Channel
from ingle.training.trl.job import DONE, EVENTS, RESULT, Job

PR_SET_PDEATHSIG = 1
SHARES = (2, 13)
"""The first torch whose FSDP2 puts up with a head that is never called: in those before, what was
gathered for the first forward stays away from the second one."""


def main() -> None:
    """Entry point. The one argument is the job's file."""
    if sys.platform.startswith("linux"):  # whoever started it is killed: so is this
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    job = Job.read(Path(sys.argv[1]))
    channel = Channel(Path(job.folder) / EVENTS)
    try:
        _train(job, channel)
    except IngleError as error:
        channel.fail(error)
        raise SystemExit(1) from error
    except Exception as error:
        known = _known(job, error)
        if known is None:
            raise  # its last words are read from stderr
        channel.fail(known)
        raise SystemExit(1) from error


def _train(job: Job, channel: Channel) -> None:
    from ingle.training.trl.inside.progress import Progress, write_place
    from ingle.training.trl.inside.trainers import make

    leads = os.environ.get("LOCAL_RANK", "0") == "0"
    progress = Progress(job, channel, leads=leads)
    trainer = make(job, progress)
    if job.sharded:
        check_sharing(trainer.accelerator.is_fsdp2)
    _check_alike(job)
    trainer.train(resume_from_checkpoint=job.resume or None)
    result = Path(job.folder) / RESULT
    if trainer.args.should_save:
        (result / DONE).unlink(missing_ok=True)
    if job.sharded:  # states to go on from are in pieces, what comes back is in one
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(result))  # all take part: of a sharded model each has a piece
    if trainer.args.should_save:
        write_place(result, trainer.state.global_step)
    if leads:
        ended: dict[str, Any] = {"step": trainer.state.global_step}
        if trainer.state.best_model_checkpoint and job.best:
            ended["best"] = int(trainer.state.best_model_checkpoint.rpartition("-")[2])
        channel.tell("ended", finished=not progress.stopped, **ended)


def check_sharing(shared: bool) -> None:
    """Raises CapabilityMissing: FSDP2 does not share models out here, or not those of TRL.

    Args:
        shared: accelerate has the model shared out.
    """
    import torch

    if not shared:
        raise CapabilityMissing("accelerate does not share the model out here by FSDP2")
    found = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if found < SHARES:
        raise CapabilityMissing(
            f"torch {torch.__version__} does not share out a model whose head TRL computes by "
            f"itself; {'.'.join(map(str, SHARES))} does",
            hint="ingle train --install trl, or the same command without --full",
        )


def _check_alike(job: Job) -> None:
    """Raises InvalidRequest: another node was given other data."""
    import torch.distributed as processes

    from ingle.errors import InvalidRequest

    if not (processes.is_available() and processes.is_initialized()):
        return
    found: list[Any] = [None] * processes.get_world_size()
    processes.all_gather_object(found, (job.data_sha256, job.seed, job.method))
    if len(set(found)) > 1:
        raise InvalidRequest(
            "the nodes were not given the same examples, method and seed",
            hint="the same command and files on each node, but for --node-rank",
            field="data",
        )


def _known(job: Job, error: Exception) -> IngleError | None:
    """What a library's error means, if its words say that memory or the disk did not suffice."""
    words = str(error)
    if isinstance(error, MemoryError) or "out of memory" in words.lower():
        less = job.micro // 2
        hint = (
            f"train anew with --micro-batch-size {less}" if less else "train anew on a smaller base"
        )
        return DoesNotFit(f"memory ran out while {job.name} was trained: {words}"[:500], hint=hint)
    if "No space left on device" in words:
        return DiskFull(
            f"{job.name} could not be saved: {words}"[:500],
            hint=f"make room, then: ingle train --resume {job.name}",
        )
    return None


if __name__ == "__main__":
    main()
