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
from ingle.training.trl.trl_job import DONE, EVENTS, RESULT, TrlJob

PR_SET_PDEATHSIG = 1
SHARES = (2, 13)
"""The first torch whose FSDP2 puts up with a head that is never called: in those before, what was
gathered for the first forward stays away from the second one."""


def main() -> None:
    """Entry point. The one argument is the job's file."""
    if sys.platform.startswith("linux"):  # if its parent is killed, so is this
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    job = TrlJob.read(Path(sys.argv[1]))
    channel = Channel(Path(job.folder) / EVENTS)
    try:
        _train(job, channel)
        _part()
    except IngleError as error:
        channel.fail(error)
        raise SystemExit(1) from error
    except Exception as error:
        known = _known(job, error)
        if known is None:
            raise  # its last words are read from stderr
        channel.fail(known)
        raise SystemExit(1) from error


def _train(job: TrlJob, channel: Channel) -> None:
    from ingle.training.trl.inside.progress_callback import ProgressCallback, write_place
    from ingle.training.trl.inside.trainers import make

    leads = os.environ.get("LOCAL_RANK", "0") == "0"
    progress = ProgressCallback(job, channel, leads=leads)
    trainer = make(job, progress)
    if job.sharded:
        check_sharing(trainer.accelerator.is_fsdp2)
    _check_alike(job)
    trainer.train(resume_from_checkpoint=job.resume or None)
    result = Path(job.folder) / RESULT
    if trainer.args.should_save:
        (result / DONE).unlink(missing_ok=True)
    if job.sharded:  # states to continue from are in pieces, what comes back is in one
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(result))  # all take part: of a sharded model each has a piece
    if trainer.args.should_save:
        write_place(result, trainer.state.global_step)
    if leads:
        ended: dict[str, Any] = {"step": trainer.state.global_step}
        if trainer.state.best_model_checkpoint and job.best:
            ended["best"] = int(trainer.state.best_model_checkpoint.rpartition("-")[2])
        channel.tell("ended", finished=not progress.stopped, **ended)


def _part() -> None:
    """Leave the other processes of the run together: one that ends while threads of another still
    wait for it has those abort their process, whose run is then taken for one that failed."""
    import torch.distributed as processes

    if processes.is_available() and processes.is_initialized():
        processes.barrier()
        processes.destroy_process_group()


def check_sharing(shared: bool) -> None:
    """Raises CapabilityMissing: FSDP2 does not share models out here, or not those of TRL.

    Args:
        shared: accelerate has the model shared out.
    """
    import torch

    if not shared:
        raise CapabilityMissing("accelerate does not shard the model with FSDP2 here")
    found = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if found < SHARES:
        raise CapabilityMissing(
            f"torch {torch.__version__} cannot shard a model whose head TRL computes; "
            f"{'.'.join(map(str, SHARES))} can",
            hint="ingle train --install trl, or the same command without --full",
        )


def _check_alike(job: TrlJob) -> None:
    """Raises InvalidRequest: another node was given other data."""
    import torch.distributed as processes

    from ingle.errors import InvalidRequest

    if not (processes.is_available() and processes.is_initialized()):
        return
    found: list[Any] = [None] * processes.get_world_size()
    processes.all_gather_object(found, (job.data_sha256, job.seed, job.method))
    if len(set(found)) > 1:
        raise InvalidRequest(
            "the nodes have different training data, methods or seeds",
            hint="use the same command and files on each node, except for --node-rank",
            field="data",
        )


def _known(job: TrlJob, error: Exception) -> IngleError | None:
    """What a library's error means, if its words say that memory or the disk did not suffice."""
    words = str(error)
    if isinstance(error, MemoryError) or "out of memory" in words.lower():
        less = job.micro // 2
        hint = (
            f"train again with --micro-batch-size {less}"
            if less
            else "train again on a smaller base"
        )
        return DoesNotFit(f"out of memory while training {job.name}: {words}"[:500], hint=hint)
    if "No space left on device" in words:
        return DiskFull(
            f"{job.name} could not be saved: {words}"[:500],
            hint=f"free disk space, then: ingle train --resume {job.name}",
        )
    return None


if __name__ == "__main__":
    main()
