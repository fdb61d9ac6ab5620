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


def test_voices_are_listed_and_each_has_a_sample(place: Place) -> None:
    rows = place.ok("voices", "--language", "pt", "--json").data
    assert {row["language"] for row in rows} == {"pt", "pt-br"}
    assert rows[0]["licence"] == "GPL-3.0-or-later"
    assert "pt-br" in place.ok("voices").out
    file = place.home / "sample.flac"
    spoken = place.ok("speak", "--sample", "-v", "pt-br", "-o", str(file), "--json").data
    assert spoken["characters"] == len(rows[0]["sample"])
    assert file.read_bytes()[:4] == b"fLaC"


def test_an_unknown_voice_names_the_nearest(place: Place) -> None:
    refused = place.ingle("speak", "Hello", "-v", "en-su", "-o", "x.wav", "--json")
    assert refused.status == 2
    assert refused.error["details"]["nearest"]
    assert "en-us" in refused.error["message"]
    assert not (place.home / "x.wav").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("speak", "", "-o", "x.wav"), "nothing to speak"),
        (("speak", "Hello", "--json"), "where is the sound to go?"),
        (("speak", "Hello", "-m", "ember", "-o", "x.wav"), "ember cannot speak"),
        (("speak", "Hello", "-m", "pipre", "-o", "x.wav"), "pipre"),
        (("speak", "Hello", "-o", "x.docx"), ".docx is not a format of sound"),
        (("voices", "ember"), "ember cannot speak"),
    ],
)
def test_what_cannot_be_spoken_is_told(place: Place, arguments: tuple[str, ...], told: str) -> None:
    refused = place.ingle(*arguments)
    assert refused.status in (2, 3)
    assert told in refused.err
