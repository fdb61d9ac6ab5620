"""What ``--device`` names: one device, or several of this machine that train together."""

from __future__ import annotations

from ingle.errors import InvalidRequest
from ingle.training.devices import Device, listing, unknown

TOGETHER = ("cuda", "cpu")
"""What several devices of a run can be: their gradients are summed by NCCL (by RCCL with ROCm),
or by gloo."""


def named(text: str, *, parts: int = 0) -> tuple[str, ...]:
    """The devices that are meant, by their own names; ``cuda`` means every CUDA device.

    Args:
        parts: micro-batches of a step, which are dealt out; 0: as many as it turns out.

    Raises:
        InvalidRequest: one is not there, is named twice, or cannot train with the others.
        EngineMissing: the library for one is not installed.
    """
    # Asking for Vulkan devices takes a while: only where one is named.
    there = {device.name: device for device in listing(vulkan="vulkan" in text)}
    found = [name for word in text.split(",") for name in _meant(word.strip(), there)]
    if len(found) > 1:
        _check_together(found)
        if 0 < parts < len(found):
            raise InvalidRequest(
                f"device: a step has {parts} micro-batch{'es' if parts > 1 else ''}, which is "
                f"too few for {len(found)} devices",
                hint="the same command with a smaller --micro-batch-size, or a larger --batch-size",
                field="device",
            )
    return tuple(found)


def kind_of(devices: str) -> str:
    """Of ``cuda:0,cuda:1`` the ``cuda``."""
    return devices.partition(",")[0].partition(":")[0]


def _meant(word: str, there: dict[str, Device]) -> list[str]:
    if word == "cuda":
        every = [name for name in there if name.startswith("cuda:")]
        if every:
            return sorted(every, key=lambda name: int(name.partition(":")[2]))
    kind = there.get(kind_of(word))
    if kind is not None:
        kind.check_installed()
    for name in (word, f"{word}:0"):
        if name in there:
            return [name]
    raise unknown(word)


def _check_together(names: list[str]) -> None:
    kinds = sorted({kind_of(name) for name in names})
    listed = ",".join(names)
    if len(kinds) > 1:
        raise InvalidRequest(
            f"device: {listed} are of different kinds ({', '.join(kinds)}), "
            "which cannot train together",
            hint="choose devices of one kind, or a single device",
            field="device",
        )
    if kinds[0] not in TOGETHER:
        raise InvalidRequest(
            f"device: a run takes a single {kinds[0]} device; several can be CUDA devices, or "
            "processes on the processor",
            hint=f"the same command with --device {names[0]}",
            field="device",
        )
    if kinds[0] == "cuda" and len(set(names)) < len(names):
        raise InvalidRequest(
            f"device: {listed} lists a device twice",
            hint="list each device once",
            field="device",
        )
