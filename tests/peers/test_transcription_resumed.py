"""A device that dies in the middle of a recording: the next goes on from the last segment."""

from __future__ import annotations

import asyncio
import itertools
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    Transcribe,
    Transcript,
    TranscriptSegment,
)
from ingle.engines.recognition.processors import Processors
from ingle.engines.recognition.recording import RecordingTranscription
from ingle.errors import PeerLost
from ingle.operations import Event, ModelOperation, Rerouted, Started
from ingle.operations.blob import Blob
from ingle.operations.encoded import Encoded, Passed
from ingle.peers.delegation import DelegationTarget, delegate
from ingle.sound.samples import RATE
from tests.engines.recognition.scripted import Caller, ScriptedRecogniser
from tests.sound.speech_samples import silence, spoken

pytestmark = pytest.mark.extras

SENTENCE = "The first sentence is spoken here, and it takes some time."
DIGEST = "sha256:" + "ab" * 32


class Device:
    """Transcribes truly, but for hearing; dies after so many segments."""

    def __init__(self, name: str, recording: Path, dies_after: int | None = None) -> None:
        self.asked: list[Transcribe] = []
        self._recording = recording
        self._dies_after = dies_after
        self.target = DelegationTarget(name, "m", DIGEST, False, self._perform)

    @asynccontextmanager
    async def _perform(
        self, operation: ModelOperation, feed: Any
    ) -> AsyncIterator[AsyncIterator[Passed]]:
        assert isinstance(operation, Transcribe)
        self.asked.append(operation)
        yield self._events(operation)

    async def _events(self, operation: Transcribe) -> AsyncIterator[Passed]:
        yield Started(model="m", digest=DIGEST, where="local")
        caller = Caller()
        work = RecordingTranscription(operation, ScriptedRecogniser(), caller.emit, Processors(2))
        await asyncio.to_thread(work.perform, self._recording)
        segments = 0
        for event in caller.events:
            segments += isinstance(event, TranscriptSegment)
            if self._dies_after is not None and segments > self._dies_after:
                raise PeerLost("desk stopped responding")
            yield Encoded(msgspec.msgpack.encode(event))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    said = spoken(SENTENCE)
    turn = np.concatenate((silence(2), said, silence(8 - len(said) / RATE)))
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((np.concatenate([turn] * 12) * 32767).astype("<i2").tobytes())
    return path


def performed(*devices: Device) -> list[Event]:
    operation = Transcribe(model="m", sound=Blob(sha256="ab" * 32, size=1, name="talk.wav"))
    types = {
        str(kind.__struct_config__.tag): kind
        for kind in (DetectedLanguage, TranscriptSegment, Transcript)
    }

    async def work() -> list[Event]:
        found: list[Event] = []
        async for event in delegate(operation, [device.target for device in devices]):
            known = event.decode(types) if isinstance(event, Encoded) else event
            found += [known] if known is not None else []
        return found

    return asyncio.run(work())


def segments(events: list[Event]) -> list[TranscriptSegment]:
    return [event for event in events if isinstance(event, TranscriptSegment)]


@pytest.mark.parametrize("dies_after", [0, 1, 3])
def test_the_rest_comes_from_the_next(recording: Path, dies_after: int) -> None:
    (whole,) = [e for e in performed(Device("local", recording)) if isinstance(e, Transcript)]
    desk = Device("peer:desk", recording, dies_after)
    laptop = Device("local", recording)
    events = performed(desk, laptop)
    found = segments(events)
    assert [segment.id for segment in found] == list(range(len(found)))
    ends = [segment.end for segment in found]
    assert ends == sorted(ends)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    (transcript,) = [event for event in events if isinstance(event, Transcript)]
    assert transcript.text == "".join(segment.text for segment in found).strip()
    assert transcript.segments == len(found)
    assert transcript.heard_s == pytest.approx(120, abs=0.01)
    assert transcript.duration_s == whole.duration_s == 120
    assert transcript.language == "en"
    (rerouted,) = [event for event in events if isinstance(event, Rerouted)]
    assert (rerouted.was, rerouted.to) == ("peer:desk", "local")
    (asked,) = laptop.asked
    assert asked.first_id == dies_after
    if dies_after:
        assert asked.language == "en"
        assert asked.start_s >= found[dies_after - 1].end
    assert sum(isinstance(event, DetectedLanguage) for event in events) == 1


def test_two_may_die_one_after_the_other(recording: Path) -> None:
    events = performed(
        Device("peer:desk", recording, 1),
        Device("peer:shelf", recording, 2),
        Device("local", recording),
    )
    found = segments(events)
    assert [segment.id for segment in found] == list(range(len(found)))
    (transcript,) = [event for event in events if isinstance(event, Transcript)]
    assert transcript.text == "".join(segment.text for segment in found).strip()
    assert transcript.segments == len(found)
    assert transcript.heard_s == pytest.approx(120, abs=0.01)
