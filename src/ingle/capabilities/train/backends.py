"""Which settings each of the two back ends of training takes. What one cannot do is refused by
name, never passed over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ingle.capabilities.train.settings import TrainingSettings
from ingle.errors import InvalidRequest

_OF_TRL = ("full", "processes", "nodes", "node_rank", "address", "beta")
_OF_OURS = ("eight_bit_moments", "slots")
_OF_ADAPTERS = ("rank", "alpha", "targets", "dropout", "rank_stabilised")
_OF_ANSWERS = ("group", "temperature", "max_tokens")
_DEVICE = re.compile(r"cpu|(cuda|xpu)(:\d+)?|mps")


def check(settings: TrainingSettings) -> None:
    """Raises InvalidRequest: settings that their back end has no use for, or that contradict."""
    method = settings.learns
    if settings.rewards and method != "grpo":
        raise _refused("rewards", f"the method {method} trains on examples, not on rewards")
    if method == "grpo" and not settings.rewards:
        raise _refused("rewards", "the method grpo needs a reward", hint="--reward number")
    if settings.backend == "trl":
        _check_trl(settings)
        return
    if method == "dpo":
        raise _refused("method", "DPO is only available with TRL", hint="--backend trl")
    for field in _given(settings, _OF_TRL):
        raise _refused(field, "only supported by the trl backend", hint="--backend trl")


def check_device(device: str) -> None:
    """Raises InvalidRequest: TRL trains on no such device. Empty: it may choose."""
    if "," in device:
        count = device.count(",") + 1
        raise _refused(
            "device", "TRL takes the first device and a number of processes",
            hint=f"--device {device.partition(',')[0]} --processes {count}",
        )  # fmt: skip
    if device and not _DEVICE.fullmatch(device):
        raise _refused("device", f"TRL runs on cuda, xpu, mps and cpu, not on {device}")


def check_resumed(settings: TrainingSettings) -> None:
    """Raises InvalidRequest: more than the device is to change in a run that is resumed."""
    fields = tuple(field for field in type(settings).__struct_fields__ if field != "device")
    for field in _given(settings, fields):
        raise _refused(field, "a resumed run keeps its settings", hint="leave it out")


def unused(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Settings that have no meaning for a run, by its plan."""
    found = _OF_ADAPTERS if plan.get("full") else ()
    return (*found, *_OF_OURS) if plan.get("backend") == "trl" else (*found, *_OF_TRL)


def _check_trl(settings: TrainingSettings) -> None:
    method = settings.learns
    if settings.full:
        for field in _given(settings, _OF_ADAPTERS):
            raise _refused(field, "it applies to adapters; --full trains the whole model")
    if method != "grpo":
        for field in _given(settings, _OF_ANSWERS):
            raise _refused(field, f"the method {method} does not sample answers")
    if method != "dpo":
        for field in _given(settings, ("beta",)):
            raise _refused(field, f"the method {method} does not use it", hint="--method dpo")
    for field in _given(settings, _OF_OURS):
        raise _refused(field, "TRL does not support it", hint="leave it out, or --backend ingle")
    check_device(settings.device)
    _check_nodes(settings)
    world = settings.processes * settings.nodes
    if settings.answers % world:
        what = "answers" if method == "grpo" else "rows"
        raise _refused(
            "rows",
            f"{settings.answers} {what} of a step cannot be shared out evenly to {world} processes",
            hint=f"--rows {-(-settings.rows // world) * world}",
        )


def _check_nodes(settings: TrainingSettings) -> None:
    if settings.nodes == 1:
        for field in _given(settings, ("node_rank", "address")):
            raise _refused(field, "only used with several nodes", hint="--nodes 2")
        return
    host, _, port = settings.address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise _refused(
            "address", "several nodes need HOST:PORT of the first one, the same on all of them",
            hint="--address 10.0.0.1:29500",
        )  # fmt: skip
    if settings.node_rank >= settings.nodes:
        raise _refused("node_rank", f"must be between 0 and {settings.nodes - 1}")


def _given(settings: TrainingSettings, fields: tuple[str, ...]) -> list[str]:
    """Those of the fields that are not at their defaults."""
    defaults = type(settings)()
    return [field for field in fields if getattr(settings, field) != getattr(defaults, field)]


def _refused(field: str, why: str, hint: str = "") -> InvalidRequest:
    return InvalidRequest(f"{field}: {why}", hint=hint, field=field)
