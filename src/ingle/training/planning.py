"""Planning: what was asked for, and the devices it is done on, as one `RunPlan`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from ingle.capabilities.train import backends
from ingle.capabilities.train.operation import TrainingJob
from ingle.errors import InvalidRequest
from ingle.models import known_templates
from ingle.models.gguf import read_header
from ingle.training import devices, fitting, step_count
from ingle.training.architecture import Architecture
from ingle.training.device_list import kind_of, named
from ingle.training.examples import Columns, Source
from ingle.training.files import PLAN
from ingle.training.run import Run
from ingle.training.run_plan import RunPlan
from ingle.training.trl import base as trl_base
from ingle.training.trl.placement import Placement
from ingle.training.trl.trl_run import TrlRun
from ingle.training.trl.trl_run import devices as trl_devices


class PlannedRun(NamedTuple):
    """A plan, and how it came about."""

    plan: RunPlan
    devices: tuple[str, ...]
    """Those that it takes."""
    reason: str = ""
    """Why they were chosen, if no one named one."""


def planned(job: TrainingJob) -> PlannedRun:
    """The plan of a job: of its run if that has begun, else a new one.

    Raises:
        InvalidRequest, CapabilityMissing, BadModelFile: it cannot work, on any device or on
            those that were named.
        EngineMissing: a library that a device needs is not installed.
    """
    folder, wanted = Path(job.folder), job.request.settings.device
    if (folder / PLAN).exists():
        plan = Run.plan_of(folder)
        if plan.backend == "trl":
            return _placed_again(job, plan, wanted)
        if wanted:
            plan = _moved(plan, wanted)
            write(folder, plan)
        return PlannedRun(plan, tuple(plan.devices))
    plan = _asked(job)
    _check(job, plan)
    if plan.backend == "trl":
        return _placed(job, plan)
    if wanted:
        found = named(wanted, parts=plan.parts)
        devices.check_moments(found[0], eight_bit=plan.eight_bit)
        dtype = devices.dtype_of(found[0])
        plan = msgspec.structs.replace(plan, device=",".join(found), dtype=dtype)
        return PlannedRun(plan, tuple(plan.devices))
    chosen = devices.choose(
        Path(plan.base), fitting.shape_of(plan), rows=plan.micro_batch_size,
        sequence=plan.max_length, parts=plan.parts, eight_bit=plan.eight_bit,
    )  # fmt: skip
    plan = msgspec.structs.replace(plan, device=chosen.names, dtype=chosen.device.dtype)
    return PlannedRun(plan, tuple(plan.devices), chosen.reason)


def check_fits(job: TrainingJob, plan: RunPlan) -> None:
    """Refuse what will not fit or cannot be given to TRL, before the data is prepared.

    Raises:
        DoesNotFit, DiskFull, CapabilityMissing, BadModelFile, InvalidRequest
    """
    if plan.backend == "ingle":
        fitting.check(plan, plan.micro_batch_size)
        return
    trl_base.check(Path(plan.base))
    if not plan.full:
        fitting.check_shape(plan)
    TrlRun(Path(job.folder), plan, job.python, Path(job.cache)).check()


def write(folder: Path, plan: RunPlan) -> None:
    """Write a run's plan, whole or not at all."""
    part = folder / "run.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=1))
    part.replace(folder / PLAN)


def _asked(job: TrainingJob) -> RunPlan:
    request = job.request
    given = msgspec.structs.asdict(request.settings)
    given |= {
        "name": request.name,
        "model": job.model,
        "digest": job.digest,
        "base": job.base,
        "data": Path(request.data).name if Path(request.data).exists() else request.data,
        "data_sha256": "",
        "lora_alpha": request.settings.lora_alpha or 2.0 * request.settings.lora_rank,
        "target_modules": request.settings.matrices or _all_matrices(job),
    }
    try:
        plan = msgspec.convert(given, RunPlan)
        return plan if plan.learns == "sft" else step_count.fixed(plan)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"not a valid plan: {error}", field="settings") from None


def _all_matrices(job: TrainingJob) -> tuple[str, ...]:
    """Raises CapabilityMissing, BadModelFile: as `Architecture.of`."""
    return Architecture.of(read_header(Path(job.base))).targets


def _check(job: TrainingJob, plan: RunPlan) -> None:
    """Refuse what cannot work on any device, before one is looked for."""
    known_templates.check(plan.template)
    if not plan.full:
        fitting.check_shape(plan)
    fitting.check_rewards(plan)
    for data in filter(None, (job.request.data, job.request.validation)):
        Source.find(data, Columns(job.request.columns))


def _moved(plan: RunPlan, wanted: str) -> RunPlan:
    """A run that continues, on other devices of the kind that it began on."""
    found = ",".join(named(wanted, parts=plan.parts))
    _check_kind(plan, found)
    return msgspec.structs.replace(plan, device=found)


def _check_kind(plan: RunPlan, wanted: str) -> None:
    """Raises InvalidRequest: a run that continues would change to another kind of device, whose
    numbers are not quite the same."""
    if kind_of(wanted) != kind_of(plan.device):
        raise InvalidRequest(
            f"device: {plan.name} started on {plan.device}; resume it on a device of that kind",
            hint=f"ingle train --resume {plan.name}",
            field="device",
        )


def _placed_again(job: TrainingJob, plan: RunPlan, wanted: str) -> PlannedRun:
    """Of a run that TRL continues with: where it was, or on another device of that kind."""
    if not wanted:
        return _placed(job, plan)
    backends.check_device(wanted)
    _check_kind(plan, wanted)
    found = _placed(job, msgspec.structs.replace(plan, device=wanted))
    write(Path(job.folder), found.plan)
    return found


def _placed(job: TrainingJob, plan: RunPlan) -> PlannedRun:
    """Of a run that TRL makes: on which of its devices."""
    if job.keep_only:
        return PlannedRun(plan, tuple(plan.devices))
    there = ["cpu"]
    if plan.device != "cpu":
        there = trl_devices(job.python, Path(job.folder) / "trl", Path(job.cache))
    found = Placement.of(plan, there).devices
    plan = msgspec.structs.replace(plan, device=found[0], dtype=devices.dtype_of(found[0]))
    return PlannedRun(plan, found)
