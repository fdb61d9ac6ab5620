"""Samples to bytes of a sound format, piece by piece, as they are made.

Samples are mono, 16 bits, little-endian. Formats: ``pcm`` (the samples as they are), ``wav`` (RIFF
with the sizes that a stream has: 0xFFFFFFFF, which players take for *until the end*), ``mp3``,
``opus`` (in Ogg, RFC 7845) and ``flac``, by FFmpeg's encoders through PyAV.
"""

from __future__ import annotations

import struct
from typing import Any, Literal, Protocol

from ingle.errors import EngineMissing

SoundFormat = Literal["pcm", "wav", "mp3", "opus", "flac"]
SAMPLE_BYTES = 2
UNKNOWN_SIZE = 0xFFFFFFFF
HEADER_BYTES = 44
_CODECS = {
    "mp3": ("mp3", "libmp3lame", "s16p"),
    "opus": ("ogg", "libopus", "s16"),
    "flac": ("flac", "flac", "s16"),
}
_BITS_PER_SECOND = {"mp3": 64_000, "opus": 32_000}
"""Speech of one channel is as good with them as it gets."""
_SOON = {"flush_packets": "1", "page_duration": "200000"}
"""Muxers write what they have, and an Ogg page after 0.2 s (in microseconds)."""
_RATES = {
    "mp3": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "opus": (8000, 12000, 16000, 24000, 48000),
}
"""The only sample rates that a codec knows, in samples per second."""


class Encoder(Protocol):
    """Turns samples into bytes of a format."""

    @property
    def rate(self) -> int:
        """Samples per second of what it writes."""
        ...

    def add(self, samples: bytes) -> bytes:
        """The next samples; what is ready of the encoded stream."""
        ...

    def finish(self) -> bytes:
        """The rest of the encoded stream."""
        ...


def encoder(form: SoundFormat, source_rate: int, rate: int | None = None) -> Encoder:
    """An encoder of a format.

    Args:
        source_rate: samples per second of what it is given.
        rate: samples per second that are wanted; None: as given, or the next that the codec knows.

    Raises:
        EngineMissing: the format needs PyAV, which is not installed.
    """
    target = nearest_rate(form, rate or source_rate)
    if form not in _CODECS and target == source_rate:
        return PlainEncoder(form, target)
    return FFmpegEncoder(form, source_rate, target)


def nearest_rate(form: str, rate: int) -> int:
    """The smallest rate of a codec that loses nothing of this one, or its largest."""
    known = _RATES.get(form)
    if known is None or rate in known:
        return rate
    return next((found for found in known if found > rate), known[-1])


def wav_header(rate: int, size: int | None = None) -> bytes:
    """What stands before the samples in a WAV file.

    Args:
        size: bytes of samples; None: not known yet.
    """
    data = UNKNOWN_SIZE if size is None else size
    whole = UNKNOWN_SIZE if size is None else size + HEADER_BYTES - 8
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", whole, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 16,
        b"data", data,
    )  # fmt: skip


def wav_rate(header: bytes) -> int:
    """Samples per second, of a WAV file that begins as `wav_header` has it."""
    (rate,) = struct.unpack_from("<I", header, 24)
    return int(rate)


class PlainEncoder:
    """The samples as they are, for ``wav`` behind a header. See `Encoder`."""

    def __init__(self, form: str, rate: int) -> None:
        self.rate = rate
        self._header = wav_header(rate) if form == "wav" else b""

    def add(self, samples: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + samples

    def finish(self) -> bytes:
        return self.add(b"")


class FFmpegEncoder:
    """By FFmpeg, which also changes the sample rate. See `Encoder`."""

    def __init__(self, form: str, source_rate: int, rate: int) -> None:
        try:
            import av
        except ImportError as error:
            raise EngineMissing(
                f"{form} at {rate} Hz needs PyAV, which is not installed ({error})",
                hint="pip install 'ingle[speech]'",
            ) from None
        self._av: Any = av
        self.rate = rate
        self._source_rate = source_rate
        self._written = _Written()
        container, codec, layout = _CODECS.get(form, ("s16le", "pcm_s16le", "s16"))
        self._header = wav_header(rate) if form == "wav" else b""
        self._container = self._av.open(self._written, "w", format=container, options=_SOON)
        self._stream = self._container.add_stream(codec, rate=rate, layout="mono")
        if form in _BITS_PER_SECOND:
            self._stream.bit_rate = _BITS_PER_SECOND[form]
        self._resampler = av.AudioResampler(format=layout, layout="mono", rate=rate)

    def add(self, samples: bytes) -> bytes:
        if samples:
            frame = self._av.AudioFrame(
                format="s16", layout="mono", samples=len(samples) // SAMPLE_BYTES
            )
            frame.planes[0].update(samples)
            frame.sample_rate = self._source_rate
            self._encode(frame)
        return self._taken()

    def finish(self) -> bytes:
        self._encode(None)
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()
        return self._taken()

    def _encode(self, frame: Any) -> None:
        for resampled in self._resampler.resample(frame):
            for packet in self._stream.encode(resampled):
                self._container.mux(packet)

    def _taken(self) -> bytes:
        header, self._header = self._header, b""
        return header + self._written.take()


class _Written:
    """What FFmpeg writes into: a stream that cannot be gone back in."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes) -> int:
        self._bytes += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._bytes)
        self._bytes.clear()
        return data
