"""`TrlRun`: a run that TRL makes. To the process that trains it is what a `Run` is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from ingle.errors import Cancelled, CapabilityMissing, IngleError
from ingle.models.disk_room import check_room
from ingle.models.gguf import read_header
from ingle.training import fitting, merging, peft_files
from ingle.training.adapter_files import modules_of
from ingle.training.architecture import Architecture
from ingle.training.files import ADAPTER, LOSSES, MODEL
from ingle.training.memory_plan import available
from ingle.training.progress import LossCurve, StepProgress
from ingle.training.run_plan import RunPlan
from ingle.training.trl import base, trl_memory
from ingle.training.trl.full_model import FullModel
from ingle.training.trl.placement import FREE, LOOK, Placement, portions
from ingle.training.trl.processes import Processes, TrlPython
from ingle.training.trl.trl_job import CHECKPOINTS, DONE, RESULT, STOP, TrlJob

FINISHED = "finished"


class TrlRun:
    """One run.

    Args:
        folder: of the run.
        python: of TRL's environment.
        cache: a folder that is kept from run to run; bases lie there.
    """

    def __init__(self, folder: Path, plan: RunPlan, python: str, cache: Path) -> None:
        self.folder, self.plan, self._cache = folder, plan, cache
        self._trl = folder / "trl"
        self._trl.mkdir(exist_ok=True)
        self._environment = TrlPython(python, self._trl, cache)
        self._curve = LossCurve(folder / LOSSES)
        self._best: int | None = None
        saved = self._checkpoint()
        if self.finished and (self._trl / RESULT / DONE).exists():
            saved = self._trl / RESULT
        self.step = _step(saved) if saved else 0
        self.steps = plan.max_steps
        (self._trl / STOP).unlink(missing_ok=True)
        self.lost: Future[None] = Future()
        """Never done: `train` sees by itself when a process of TRL's dies."""

    def ended_by(self, error: IngleError) -> IngleError:
        """As `Trainable.ended_by`; what ends it says already how to continue."""
        return error

    @property
    def finished(self) -> bool:
        """It has made its last step."""
        return (self._trl / FINISHED).exists()

    @property
    def stopping(self) -> bool:
        """It is to save after the current step, and end."""
        return (self._trl / STOP).exists()

    @stopping.setter
    def stopping(self, wanted: bool) -> None:
        if wanted:
            (self._trl / STOP).touch()
        else:
            (self._trl / STOP).unlink(missing_ok=True)

    def summary(self) -> str:
        """As `Trainable.summary`."""
        place = Placement.placed(self.plan)
        begun = f", from step {self.step}" if self.step else ""
        what = "all weights" if self.plan.full else "an adapter"
        spread = f"{place.world} processes" if place.world > 1 else "one process"
        shared = ", shared out by FSDP2" if place.sharded else ""
        return (
            f"TRL trains {what} by {self.plan.learns}{begun}: {spread} on {self.plan.device}"
            f"{shared}; about {trl_memory.needed(self.plan, place) / 2**20:.0f} MiB of memory"
        )

    def outcome(self) -> str:
        """As `Trainable.outcome`."""
        return ""

    def check(self) -> None:
        """Raises DoesNotFit, DiskFull: as `Trainable.check`."""
        place = Placement.placed(self.plan)
        free = available("cpu")
        if self.plan.device.partition(":")[0] in ("cuda", "xpu"):
            trl_memory.check_loading(self.plan, place, free)
            free = int(self._environment.ask("-c", FREE, *place.devices))
        trl_memory.check(self.plan, place, free)
        architecture = Architecture.of(read_header(Path(self.plan.base)))
        numbers = architecture.parameters
        if not self.plan.full:
            numbers = fitting.shape_of(self.plan).numbers(architecture)
        # Two moments of weights and two means each, the result, and that as GGUF.
        needed = numbers * 4 * (2 * 3 + 2)
        check_room(self.folder, needed, "a run's saved moments and its result take up to")

    def train(self) -> Iterator[StepProgress]:
        """Have TRL train to the end, or until `stopping`; yields after each step.

        Raises:
            TrainingFailed, DoesNotFit, WorkerDied: as what trains says.
            CapabilityMissing: the base cannot be written for transformers.
            DiskFull: no room for it.
        """
        if self.finished:
            return
        job = self._trl / "job.json"
        placement = Placement.placed(self.plan)
        self._job(placement).write(job)
        self._curve.begin(self.step)
        with Processes(
            self._environment, self._trl, job, placement, self.plan.name
        ) as processes:  # fmt: skip
            for line in processes.lines(lambda: self.stopping):
                match line:
                    case {"kind": "begun", "steps": steps}:
                        self.steps = steps
                        self._curve.begin(self.step)  # the clock, above all
                    case {"kind": "step"}:
                        yield self._progress(line)
                    case {"kind": "ended", "finished": finished}:
                        self._best = line.get("best")
                        if finished:
                            (self._trl / FINISHED).touch()

    def write_adapter(self) -> Path | None:
        """What came back as files: an adapter, or a whole model; returns the GGUF one.

        None: this is not the first node, and the result is there.

        Raises:
            Cancelled: nothing was saved yet.
        """
        if self.plan.node_rank:
            return None
        source = self._result()
        step = self._best or _step(source)
        notes = self.plan.provenance(step, self._curve.shortened())
        gguf = Path(self.plan.base)
        if self.plan.full:
            whole = FullModel(source, gguf, self.plan.model, notes)
            merging.write_gguf(whole, self.folder / MODEL, "F16")
            self._forget(RESULT, CHECKPOINTS)
            return self.folder / MODEL
        peft_files.convert(source, gguf, self.folder / ADAPTER, notes)
        self._write_peft(source)
        self._forget(CHECKPOINTS)
        return self.folder / ADAPTER

    def _forget(self, *folders: str) -> None:
        """Of a run that has ended no one continues: its states take several times its result."""
        for name in folders if self.finished else ():
            shutil.rmtree(self._trl / name, ignore_errors=True)

    def _write_peft(self, source: Path) -> None:
        peft = self.folder / "peft"
        peft.mkdir(exist_ok=True)
        shutil.copyfile(source / peft_files.WEIGHTS, peft / peft_files.WEIGHTS)
        config = json.loads((source / peft_files.CONFIG).read_bytes())
        config["base_model_name_or_path"] = self.plan.model
        (peft / peft_files.CONFIG).write_text(json.dumps(config, indent=1))

    def _job(self, placement: Placement) -> TrlJob:
        """All that the processes are told; the base is written, if it is not there yet."""
        plan = self.plan
        if plan.end < 0:
            raise CapabilityMissing(
                f"{plan.model}'s file has no end-of-turn token, which TRL needs",
                hint="--backend ingle",
            )
        micro, accumulation = portions(plan, placement)
        saved = self._checkpoint()
        dtype = "float32" if plan.full else plan.dtype
        return TrlJob(
            folder=str(self._trl), name=plan.name, base=str(self._base(dtype)), gguf=plan.base,
            data_sha256=plan.data_sha256, method=plan.learns, end=plan.end, full=plan.full,  # type: ignore[arg-type]
            lora_rank=plan.lora_rank, lora_alpha=plan.lora_alpha,
            target_modules=self._modules(),
            lora_dropout=plan.lora_dropout, use_rslora=plan.use_rslora,
            learning_rate=plan.learning_rate, lr_scheduler_type=plan.lr_scheduler_type,
            warmup_steps=plan.warmup_steps, warmup_ratio=plan.warmup_ratio, epochs=plan.epochs,
            max_steps=plan.max_steps, micro=micro, accumulation=accumulation,
            max_length=plan.max_length, packing=plan.batch_of == "rows",
            weight_decay=plan.weight_decay, max_grad_norm=plan.max_grad_norm, seed=plan.seed,
            bfloat16=placement.bfloat16, cpu=placement.cpu, eval_every=plan.eval_every,
            save_every=plan.save_every,
            early_stopping_patience=plan.early_stopping_patience, best=plan.keep == "best",
            beta=plan.beta, reward_funcs=plan.reward_funcs, num_generations=plan.num_generations,
            temperature=plan.temperature, max_completion_length=plan.max_completion_length,
            nnodes=plan.nnodes, sharded=placement.sharded,
            resume=str(saved) if saved else "",
        )  # fmt: skip

    def _modules(self) -> tuple[str, ...]:
        """The target modules by their names in transformers."""
        architecture = Architecture.of(read_header(Path(self.plan.base)))
        names = modules_of(architecture)
        chosen = self.plan.matrices or architecture.targets
        return tuple(names[name].rpartition(".")[2] for name in chosen)

    def _base(self, dtype: str) -> Path:
        """The base as a Hugging Face folder."""
        gguf = Path(self.plan.base)
        folder = base.folder_of(self._cache, self.plan.digest, dtype)
        base.write(gguf, folder, dtype)
        return folder

    def _progress(self, line: dict[str, Any]) -> StepProgress:
        self.step = line["step"]
        fields = (
            "step", "steps", "loss", "learning_rate", "tokens", "seconds", "validation", "reward",
        )  # fmt: skip
        return self._curve.add(**{field: line[field] for field in fields if field in line})

    def _checkpoint(self) -> Path | None:
        """The last moment that was saved whole."""
        found = [
            path.parent for path in (self._trl / CHECKPOINTS).glob(f"checkpoint-*/{DONE}")
        ]  # fmt: skip
        return max(found, key=_step, default=None)

    def _result(self) -> Path:
        """What TRL wrote in the end; if it was killed, its last checkpoint."""
        result, saved = self._trl / RESULT, self._checkpoint()
        if (result / DONE).exists() and (saved is None or _step(result) >= _step(saved)):
            return result
        if saved is None:
            raise Cancelled(
                f"{self.plan.name} was stopped before its first save",
                hint=f"ingle train --resume {self.plan.name}",
            )
        if self.plan.full and not any(saved.glob("*.safetensors")):
            raise Cancelled(
                f"{self.plan.name}'s last checkpoint is sharded; resume the run to merge it",
                hint=f"ingle train --resume {self.plan.name}",
            )
        return saved


def devices(python: str, folder: Path, cache: Path) -> list[str]:
    """The devices that TRL's torch has, the fastest first.

    Raises:
        EngineMissing: it does not answer.
    """
    found: list[str] = json.loads(TrlPython(python, folder, cache).ask("-c", LOOK))
    return found


def _step(folder: Path) -> int:
    """Of which step a checkpoint or a result is."""
    step: int = json.loads((folder / DONE).read_bytes())["step"]
    return step
