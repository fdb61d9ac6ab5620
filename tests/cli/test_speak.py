"""``ingle speak``: a real worker, a real voice, files that others can play."""

from __future__ import annotations

import subprocess
import wave

import pytest

from .place import DEADLINE_S, Place

pytestmark = pytest.mark.extras


def test_a_text_becomes_a_file(place: Place) -> None:
    file = place.home / "hello.wav"
    spoken = place.ok("speak", "Hello there", "-o", str(file), "--json").data
    assert (spoken["model"], spoken["voice"], spoken["characters"]) == ("espeak", "en-us", 11)
    with wave.open(str(file)) as sound:
        seconds = sound.getnframes() / sound.getframerate()
        loudest = max(memoryview(sound.readframes(sound.getnframes())).cast("h"))
    assert seconds == pytest.approx(spoken["duration_s"], abs=0.001)
    assert 0.4 < seconds < 2
    assert loudest > 1_000


def test_what_is_piped_in_goes_out(place: Place) -> None:
    command = place.start("speak", "-l", "de", "--format", "pcm", stdin=subprocess.PIPE)
    with command:
        sound, told = command.communicate(b"Guten Tag. Wie geht es dir?", DEADLINE_S)
    assert command.returncode == 0, told
    assert len(sound) > 22_050
