"""`DeviceSpeeds`: how fast each device was seen to read weights, from the answers it gave.

An answer's tokens come one after the other, and each reads the weights that it uses. So the rate of
an answer that had its model to itself, times the bytes that a token reads, is what the device
reads per second, with all that the engine loses. From it `ingle fit` expects the speed of models
that have not been loaded. It is kept in the state directory, for each card the best that was seen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.node.loaded_model import LoadedModel
from ingle.operations import DeviceInfo, Timing

FILE = "device-speeds.json"
MOST_CARDS = 64
LEAST_TOKENS = 16
"""Shorter answers say little."""


class DeviceSpeeds:
    """Bytes per second by card.

    Args:
        state: the folder that the file is in.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / FILE
        self._seen: dict[str, float] = {}
        # What was measured is measured again: a file that is lost or damaged costs no more.
        with contextlib.suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
            self._seen = msgspec.json.decode(self._path.read_bytes(), type=dict[str, float])

    def of(self, device: DeviceInfo) -> float | None:
        """Bytes per second; None: not seen yet."""
        return self._seen.get(_key(device))

    def learn(self, model: LoadedModel, timing: Timing, devices: Sequence[DeviceInfo]) -> None:
        """Take in how fast an answer came, if its model is on one device and had no other work."""
        tokens = timing.decode_rate * timing.decode_s
        if len(model.need.read) != 1 or model.active > 1 or tokens < LEAST_TOKENS:
            return
        ((name, size),) = model.need.read
        engines = ("", model.device_engine)  # the CPU is no engine's own
        here = [item for item in devices if item.name == name and item.engine in engines]
        if not here:
            return
        key, speed = _key(here[0]), size * timing.decode_rate
        if speed > self._seen.get(key, 0.0) and (key in self._seen or len(self._seen) < MOST_CARDS):
            self._seen[key] = speed
            with contextlib.suppress(OSError):  # a disk that is full: it is measured again
                self._path.write_bytes(msgspec.json.encode(self._seen))


def _key(device: DeviceInfo) -> str:
    """By engine, too: two engines get different speeds out of one card."""
    return " ".join((device.engine, device.kind, *device.card)) if device.kind != "cpu" else "CPU"
