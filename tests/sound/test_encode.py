"""Samples encoded piece by piece are read back by FFmpeg."""

from __future__ import annotations

import io
import itertools
import math
import struct
import wave

import av
import pytest

from ingle.sound.encode import SoundFormat, encoder, nearest_rate, wav_header

pytestmark = pytest.mark.extras

RATE = 22_050
SECONDS = 1.5
HERTZ = 440


def tone(seconds: float = SECONDS) -> bytes:
    count = int(RATE * seconds)
    values = [round(12_000 * math.sin(2 * math.pi * HERTZ * at / RATE)) for at in range(count)]
    return struct.pack(f"<{count}h", *values)


def encoded(form: SoundFormat, rate: int | None = None, step: int = 3_000) -> bytes:
    encode = encoder(form, RATE, rate)
    sound = tone()
    pieces = [encode.add(sound[at : at + step]) for at in range(0, len(sound), step)]
    return b"".join([*pieces, encode.finish()])


def decoded(data: bytes) -> tuple[str, int, list[int]]:
    """Codec, rate and samples."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        samples: list[int] = []
        frames = [*container.decode(stream), None]
        for frame in frames:
            for found in resampler.resample(frame):
                samples += found.to_ndarray()[0].tolist()
        return stream.codec_context.name, stream.codec_context.sample_rate, samples


def crossings(samples: list[int]) -> float:
    """How often a second it passes from below to above zero."""
    pairs = itertools.pairwise(samples)
    return sum(1 for before, after in pairs if before < 0 <= after) / (len(samples) / RATE)


@pytest.mark.parametrize(
    ("form", "codec", "rate"),
    [
        ("wav", "pcm_s16le", None),
        ("wav", "pcm_s16le", 16_000),
        ("mp3", "mp3float", None),
        ("opus", "opus", None),
        ("flac", "flac", None),
        ("flac", "flac", 48_000),
    ],
)
def test_what_is_encoded_sounds_alike(form: SoundFormat, codec: str, rate: int | None) -> None:
    name, found, samples = decoded(encoded(form, rate))
    assert name == codec
    if form != "opus":  # which is decoded at 48 kHz, whatever it was made from
        assert found == (rate or RATE)
    assert len(samples) / RATE == pytest.approx(SECONDS, abs=0.1)
    assert crossings(samples[2_000:-4_000]) == pytest.approx(HERTZ, rel=0.01)


def test_pcm_is_the_samples() -> None:
    assert encoded("pcm") == tone()
    assert len(encoded("pcm", 44_100)) == pytest.approx(2 * len(tone()), rel=0.01)


def test_a_wav_file_of_a_known_size_is_one_for_everyone() -> None:
    sound = tone(0.1)
    with wave.open(io.BytesIO(wav_header(RATE, len(sound)) + sound)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert file.readframes(file.getnframes()) == sound


@pytest.mark.parametrize("form", ["wav", "mp3", "opus", "flac", "pcm"])
def test_sound_comes_before_the_end(form: SoundFormat) -> None:
    encode = encoder(form, RATE)
    first = encode.add(tone(1.0)) + encode.add(tone(1.0))
    assert len(first) > 2_000
    assert len(first) > len(encode.finish())


def test_rates_that_a_codec_does_not_know_become_the_next_one() -> None:
    assert nearest_rate("opus", 22_050) == 24_000
    assert nearest_rate("opus", 44_100) == 48_000
    assert nearest_rate("mp3", 23_000) == 24_000
    assert nearest_rate("wav", 23_000) == 23_000
