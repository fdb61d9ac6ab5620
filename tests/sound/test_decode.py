"""Any recording is decoded, in bounded memory; what is not one is refused and says why."""

from __future__ import annotations

import io
import struct
import tracemalloc
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from ingle.errors import InvalidRequest
from ingle.sound import decode
from ingle.sound.samples import RATE, Samples
from tests.sound.speech_samples import noise, silence, spoken, write

pytestmark = pytest.mark.extras

TEXT = "This is a recording of one sentence."


def samples_of(path: Path) -> Samples:
    with decode.opened(path, path.name) as recording:
        return np.concatenate(list(recording.blocks()))


def refused(data: bytes, tmp_path: Path, name: str = "talk.mp3") -> InvalidRequest:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InvalidRequest) as error:
        samples_of(path)
    assert error.value.details["field"] == "sound"
    assert name in error.value.message or "sample" in error.value.message
    return error.value


def wav(samples: bytes, *, rate: int = RATE, width: int = 2, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((channels, width, rate, 0, "NONE", ""))
        sound.writeframes(samples)
    return file.getvalue()


def float_wav(values: list[float]) -> bytes:
    data = struct.pack(f"<{len(values)}f", *values)
    form = struct.pack("<HHIIHH", 3, 1, RATE, RATE * 4, 4, 32)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("phone.wav", "pcm_s16le", 8000, "mono"),
        ("studio.wav", "pcm_s24le", 192_000, "stereo"),
        ("talk.mp3", "libmp3lame", 44_100, "stereo"),
        ("talk.m4a", "aac", 48_000, "stereo"),
        ("talk.ogg", "libopus", 48_000, "mono"),
        ("talk.opus", "libopus", 48_000, "mono"),
        ("talk.flac", "flac", 44_100, "stereo"),
        ("talk.webm", "libopus", 48_000, "mono"),
    ],
)
def test_recordings_of_every_kind_are_decoded(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str
) -> None:
    said = spoken(TEXT)
    found = samples_of(write(tmp_path / name, said, codec=codec, rate=rate, layout=layout))
    assert found.dtype == np.float32
    assert len(found) == pytest.approx(len(said), abs=0.08 * RATE)
    # Compressed sound is not the same, but it is as loud at the same times.
    assert envelope(found, len(said)) == pytest.approx(envelope(said, len(said)), abs=0.08)


def envelope(samples: Samples, length: int) -> list[float]:
    """How loud each quarter of a second is."""
    step = RATE // 4
    return [
        float(np.sqrt(np.mean(samples[at : at + step] ** 2)))
        for at in range(0, length - step, step)
    ]


def test_a_video_is_heard(tmp_path: Path) -> None:
    said = spoken(TEXT)
    path = write(tmp_path / "film.mp4", said, codec="aac", rate=48_000, picture=True)
    assert len(samples_of(path)) == pytest.approx(len(said), abs=0.08 * RATE)


def test_a_video_without_sound_says_so(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            image = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode(None))
    error = refused(path.read_bytes(), tmp_path, "silent.mp4")
    assert "it has no sound, only video" in error.message


def test_what_is_not_a_recording_is_refused(tmp_path: Path) -> None:
    assert "it is empty" in refused(b"", tmp_path).message
    text = "Not music, whatever its name says.\n" * 200
    assert "it is not a recording" in refused(text.encode(), tmp_path).message
    random = np.random.default_rng(3).bytes(20_000)
    assert "it is not a recording" in refused(random, tmp_path).message
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    assert "it is not a recording" in refused(playlist, tmp_path).message
    script = b"ffconcat version 1.0\nfile /etc/passwd\n"
    assert "it is not a recording" in refused(script, tmp_path).message


def test_a_header_without_sound_is_refused(tmp_path: Path) -> None:
    assert "no sound that can be decoded" in refused(wav(b""), tmp_path, "x.wav").message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_sample_that_is_not_a_number_is_named(tmp_path: Path, value: float) -> None:
    values = [0.0] * RATE + [value] + [0.0] * 100
    error = refused(float_wav(values), tmp_path, "nan.wav")
    assert error.message == "sound: the sample at 1.00 s is not a finite number"


def test_one_sample_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    path.write_bytes(wav(b"\0\1"))
    assert len(samples_of(path)) == 1


def test_loud_samples_are_kept_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    path.write_bytes(float_wav([4.0, -4.0, 0.5]))
    assert samples_of(path).tolist() == [1.0, -1.0, 0.5]


def test_what_is_damaged_is_passed_over_and_missed(tmp_path: Path) -> None:
    said = np.concatenate([spoken(TEXT)] * 4)
    path = write(tmp_path / "talk.flac", said, codec="flac")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 30_000] = bytes(30_000)
    path.write_bytes(bytes(data))
    with decode.opened(path) as recording:
        found = np.concatenate(list(recording.blocks()))
        assert recording.missing_s == pytest.approx((len(said) - len(found)) / RATE, abs=0.1)
        assert recording.missing_s > 0.5
    assert len(found) > len(said) // 2


@pytest.mark.parametrize("name", ["cut.wav", "cut.flac"])
def test_what_was_cut_off_is_missed(tmp_path: Path, name: str) -> None:
    said = np.concatenate([spoken(TEXT)] * 4)
    codec = "flac" if name.endswith("flac") else "pcm_s16le"
    path = write(tmp_path / name, said, codec=codec)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with decode.opened(path) as recording:
        found = np.concatenate(list(recording.blocks()))
        assert recording.missing_s == pytest.approx((len(said) - len(found)) / RATE, abs=0.2)
        assert recording.missing_s > 2


def test_what_is_encrypted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "locked.mp4"
    key = "00112233445566778899aabbccddeeff"
    options = {
        "encryption_scheme": "cenc-aes-ctr", "encryption_key": key, "encryption_kid": key,
    }  # fmt: skip
    said = spoken(TEXT)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("aac", rate=RATE)
        frame = av.AudioFrame.from_ndarray(said.reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(
            format="fltp", layout=stream.codec_context.layout, rate=RATE, frame_size=1024
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    error = refused(path.read_bytes(), tmp_path, "locked.mp4")
    assert "encrypted" in error.message


def test_blocks_are_of_a_second_and_long_files_take_no_more_memory(tmp_path: Path) -> None:
    def peak(seconds: int) -> int:
        path = tmp_path / f"{seconds}.wav"
        path.write_bytes(wav(bytes(2 * 8000 * seconds), rate=8000))
        tracemalloc.start()
        with decode.opened(path) as recording:
            assert recording.duration_s == seconds
            lengths = [len(block) for block in recording.blocks()]
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sum(lengths) == pytest.approx(seconds * RATE, abs=100)
        assert set(lengths[:-1]) == {decode.BLOCK}
        return most

    assert peak(3600) < peak(60) + (1 << 20)


def test_noise_and_silence_are_sound_too(tmp_path: Path) -> None:
    for samples in (silence(1), noise(1)):
        path = write(tmp_path / "x.flac", samples, codec="flac")
        assert len(samples_of(path)) == pytest.approx(RATE, abs=100)
