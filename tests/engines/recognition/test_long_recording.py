"""Hours of sound: the way to the recogniser takes no more memory than for ten minutes.

Ten hours were measured, too (docs/log/2026-11.md); they take minutes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ingle.sound.samples import RATE
from tests.sound.speech_samples import silence, spoken

pytestmark = [pytest.mark.extras, pytest.mark.timeout(600)]

SENTENCE = "The first sentence is spoken here, and it takes some time."
# In a process of its own, since the most memory of a process never shrinks.
HEAR = """
import resource, sys
from pathlib import Path
from ingle.capabilities.transcribe.operation import Transcribe, Transcript
from ingle.engines.recognition.processors import Processors
from ingle.engines.recognition.recording import RecordingTranscription
from ingle.operations.blob import Blob
from tests.engines.recognition.scripted import ScriptedRecogniser
told = []
operation = Transcribe(model="m", sound=Blob(sha256="ab" * 32, size=1, name="long.wav"))
def emit(event):
    if isinstance(event, Transcript):
        told.append(event)
hearing = RecordingTranscription(operation, ScriptedRecogniser(), emit, Processors(2))
hearing.perform(Path(sys.argv[1]))
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(most, told[0].duration_s, told[0].segments)
"""


def written(path: Path, hours: float) -> Path:
    """Eight-bit sound of a telephone, in which someone speaks in every quarter of a minute."""
    said = spoken(SENTENCE)
    turn = np.concatenate((silence(2), said, silence(13 - len(said) / RATE)))[::2]
    data = ((turn * 127) + 128).astype(np.uint8).tobytes()
    turns = round(hours * 240)
    size = len(data) * turns
    header = b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\x01\0\x01\0"
    header += (8000).to_bytes(4, "little") * 2 + b"\x01\0\x08\0data" + size.to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(header)
        for _ in range(turns):
            file.write(data)
    return path


def heard(path: Path) -> tuple[float, float, int]:
    """MiB of memory, seconds of sound, segments."""
    done = subprocess.run(
        [sys.executable, "-c", HEAR, str(path)], capture_output=True, text=True, check=True
    )
    most, duration, segments = done.stdout.split()
    return int(most) / 1024, float(duration), int(segments)


def test_hours_take_no_more_memory_than_ten_minutes(tmp_path: Path) -> None:
    short = heard(written(tmp_path / "short.wav", 1 / 6))
    long = heard(written(tmp_path / "long.wav", 2))
    assert short[1] == 600
    assert long[1] == 7_200
    assert long[2] == pytest.approx(12 * short[2], rel=0.05)
    assert long[0] < short[0] + 16
