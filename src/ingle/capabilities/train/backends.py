"""Which settings each of the two back ends of training takes. What one cannot do is refused by
name, never passed over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ingle.capabilities.train import aliases, modules
from ingle.capabilities.train.settings import TrainingSettings
from ingle.errors import InvalidRequest

_OF_TRL = ("full", "nproc_per_node", "nnodes", "node_rank", "rdzv_endpoint", "beta")
_OF_OURS = ("optim", "slots", "template")
_OF_ADAPTERS = ("lora_rank", "lora_alpha", "target_modules", "lora_dropout", "use_rslora")
_OF_ANSWERS = ("num_generations", "temperature", "max_completion_length")
_DEVICE = re.compile(r"cpu|(cuda|xpu)(:\d+)?|mps")


def check(settings: TrainingSettings) -> None:
    """Raises InvalidRequest: settings that their back end has no use for, or that contradict."""
    method = settings.learns
    modules.matrices(settings.target_modules)
    if settings.warmup_ratio and aliases.given(settings, ("warmup_steps",)):
        raise warmup_twice()
    if settings.reward_funcs and method != "grpo":
        raise _refused("reward_funcs", f"the method {method} trains on examples, not on rewards")
    if method == "grpo" and not settings.reward_funcs:
        raise _refused(
            "reward_funcs", "the method grpo needs a reward", hint="--reward-funcs number"
        )
    if settings.backend == "trl":
        _check_trl(settings)
        return
    if method == "dpo":
        raise _refused("method", "DPO is only available with TRL", hint="--backend trl")
    for field in aliases.given(settings, _OF_TRL):
        raise _refused(field, "only supported by the trl backend", hint="--backend trl")


def warmup_twice() -> InvalidRequest:
    """The refusal of a warm-up in steps and as a share of all steps."""
    return _refused(
        "warmup_ratio",
        "the warm-up is given as warmup_ratio, a share of all steps, and as warmup_steps",
        hint="leave one of them out",
    )


def check_device(device: str) -> None:
    """Raises InvalidRequest: TRL trains on no such device. Empty: it may choose."""
    if "," in device:
        count = device.count(",") + 1
        raise _refused(
            "device", "TRL takes the first device and a number of processes",
            hint=f"--device {device.partition(',')[0]} --nproc-per-node {count}",
        )  # fmt: skip
    if device and not _DEVICE.fullmatch(device):
        raise _refused("device", f"TRL runs on cuda, xpu, mps and cpu, not on {device}")


def check_resumed(settings: TrainingSettings) -> None:
    """Raises InvalidRequest: more than the device is to change in a run that is resumed."""
    fields = tuple(field for field in type(settings).__struct_fields__ if field != "device")
    for field in aliases.given(settings, fields):
        raise _refused(field, "a resumed run keeps its settings", hint="leave it out")


def unused(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Settings that have no meaning for a run, by its plan."""
    found: tuple[str, ...] = _OF_ADAPTERS if plan.get("full") else ()
    found += ("warmup_steps",) if plan.get("warmup_ratio") else ("warmup_ratio",)
    return (*found, *_OF_OURS) if plan.get("backend") == "trl" else (*found, *_OF_TRL)


def _check_trl(settings: TrainingSettings) -> None:
    method = settings.learns
    if settings.full:
        for field in aliases.given(settings, _OF_ADAPTERS):
            raise _refused(field, "it applies to adapters; --full trains the whole model")
    if method != "grpo":
        for field in aliases.given(settings, _OF_ANSWERS):
            raise _refused(field, f"the method {method} does not sample answers")
    if method != "dpo":
        for field in aliases.given(settings, ("beta",)):
            raise _refused(field, f"the method {method} does not use it", hint="--method dpo")
    for field in aliases.given(settings, _OF_OURS):
        raise _refused(field, "TRL does not support it", hint="leave it out, or --backend ingle")
    check_device(settings.device)
    _check_nodes(settings)
    world = settings.nproc_per_node * settings.nnodes
    if settings.answers % world:
        what = "answers" if method == "grpo" else "rows"
        raise _refused(
            "batch_size",
            f"{settings.answers} {what} of a step cannot be shared out evenly to {world} processes",
            hint=f"--batch-size {-(-(settings.batch_size or 8) // world) * world}",
        )


def _check_nodes(settings: TrainingSettings) -> None:
    if settings.nnodes == 1:
        for field in aliases.given(settings, ("node_rank", "rdzv_endpoint")):
            raise _refused(field, "only used with several nodes", hint="--nnodes 2")
        return
    host, _, port = settings.rdzv_endpoint.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise _refused(
            "rdzv_endpoint",
            "several nodes need HOST:PORT of the first one, the same on all of them",
            hint="--rdzv-endpoint 10.0.0.1:29500",
        )  # fmt: skip
    if settings.node_rank >= settings.nnodes:
        raise _refused("node_rank", f"must be between 0 and {settings.nnodes - 1}")


def _refused(field: str, why: str, hint: str = "") -> InvalidRequest:
    return InvalidRequest(f"{field}: {why}", hint=hint, field=field)
