"""Why the scheduler does not load a model, or take a request, in words and numbers."""

from __future__ import annotations

from ingle.engines.engine import LoadSpec, context_of
from ingle.errors import Busy, DoesNotFit, ModelLoadFailed
from ingle.node.slot_request import SlotRequest


def queue_full(waiting: int, limit: int) -> Busy:
    """No more requests may wait."""
    return Busy(
        f"{waiting} requests are already waiting, the limit is {limit}",
        hint="try again in a moment, or: ingle config set queue N",
        queued=waiting,
        limit=limit,
    )


def suspended() -> Busy:
    """The node takes no work."""
    return Busy("the node is suspended", hint="ingle resume")


def over_budget(slot_request: SlotRequest, needed: int, budget: int) -> DoesNotFit:
    """It needs more than all models together may have."""
    spec = slot_request.spec
    return DoesNotFit(
        f"{spec.model} needs {_gib(needed)} {_how(spec)}; the budget is {_gib(budget)}"
        + _advice(slot_request, budget),
        hint=f"ingle fit {spec.model}",
        needed_bytes=needed,
        available_bytes=budget,
        device=slot_request.device,
    )


def machine_full(slot_request: SlotRequest, needed: int, free: int) -> DoesNotFit:
    """Other programs have the memory that it needs."""
    model = slot_request.spec.model
    return DoesNotFit(
        f"{model} needs {_gib(needed)}, and other programs leave only {_gib(free)}"
        + _advice(slot_request, free),
        hint=f"close other programs, or: ingle fit {model}",
        needed_bytes=needed,
        available_bytes=free,
        device=slot_request.device,
    )


def unloaded(spec: LoadSpec) -> ModelLoadFailed:
    """Someone unloaded it before it was there."""
    return ModelLoadFailed(
        f"{spec.model} was unloaded while it was loading", hint="try again", model=spec.model
    )


def _advice(slot_request: SlotRequest, room: int) -> str:
    text = slot_request.advice(slot_request.spec, room)
    return f". {text.removesuffix('.')}" if text else ""


def _how(spec: LoadSpec) -> str:
    context = context_of(spec)
    return (f"at a context of {context} " if context else "") + f"with {spec.slots} slots"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
