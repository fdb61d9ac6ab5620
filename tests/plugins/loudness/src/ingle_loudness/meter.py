"""The engine in its worker: a gain for each hundredth of a second's place in the second."""

from __future__ import annotations

import array
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from ingle.engines.engine import Emit, Feed, LoadSpec, blob_path
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import DeviceInfo, Operation
from ingle.operations.operation import Bytes
from ingle_loudness.operation import Level, Loudness, Measured

SILENCE = -96.0


class Meter:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "meter"

    def version(self) -> str:
        return "1.0"

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> MeterSession:
        return MeterSession(spec)


class MeterSession:
    """See `ingle.engines.engine.Session`."""

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec
        self._rate = int(json.loads(Path(spec.files["config"][0]).read_text())["rate"])
        self._gains = _floats(Path(spec.files["weights"][0]).read_bytes())
        self.facts: dict[str, Any] = {"rate": self._rate}

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        if not isinstance(operation, Loudness):
            raise CapabilityMissing(f"the meter cannot {type(operation).__name__}")
        loudest, levels, samples = 0, [], 0
        for second, sound in enumerate(self._seconds(operation, feed)):
            samples += len(sound)
            levels.append(self._level(sound))
            loudest = max(loudest, second, key=lambda at: levels[at])
            emit(Level(second=second, decibels=round(levels[-1], 2)))
        if not samples:
            raise InvalidRequest("there is no sound", field="sound")
        mean = sum(levels) / len(levels)
        emit(Measured(seconds=samples / self._rate, decibels=round(mean, 2), loudest=loudest))

    def close(self) -> None:
        pass

    def _seconds(self, operation: Loudness, feed: Feed | None) -> Iterator[array.array[int]]:
        buffer = b""
        step = 2 * self._rate
        for data in self._bytes(operation, feed):
            buffer += data
            while len(buffer) >= step:
                yield _samples(buffer[:step])
                buffer = buffer[step:]
        if len(buffer) >= 2:
            yield _samples(buffer[: len(buffer) // 2 * 2])

    def _bytes(self, operation: Loudness, feed: Feed | None) -> Iterator[bytes]:
        if operation.sound is not None:
            with blob_path(self._spec, operation.sound).open("rb") as file:
                while data := file.read(1 << 16):
                    yield data
            return
        for piece in feed or ():
            if isinstance(piece, Bytes):
                yield piece.data

    def _level(self, sound: array.array[int]) -> float:
        width = max(1, len(sound) // len(self._gains))
        power = sum(
            (self._gains[min(at // width, len(self._gains) - 1)] * sample) ** 2
            for at, sample in enumerate(sound)
        )
        root = math.sqrt(power / len(sound)) / 32768
        return max(SILENCE, 20 * math.log10(root)) if root else SILENCE


def _samples(data: bytes) -> array.array[int]:
    return _native(array.array("h", data))


def _floats(data: bytes) -> array.array[float]:
    return _native(array.array("f", data))


def _native(values: Any) -> Any:
    if sys.byteorder == "big":
        values.byteswap()
    return values
