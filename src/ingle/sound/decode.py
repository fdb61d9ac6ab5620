"""Decoding: any recording, by FFmpeg (PyAV), as blocks of samples, in bounded memory.

Runs in workers only: files of strangers are read here.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.error import FFmpegError

from ingle.errors import InvalidRequest
from ingle.sound.samples import RATE, Samples, finite

CONTAINERS = (
    "aac", "ac3", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "dts", "eac3", "flac", "flv",
    "matroska", "mov", "mp3", "mpeg", "mpegts", "ogg", "rm", "tta", "w64", "wav", "webm", "wv",
)  # fmt: skip
"""FFmpeg's names of the containers that are read. Not among them: playlists and scripts, which
name other files, pictures, and formats that are recognised by next to nothing."""
MOST_CHANNELS = 64
ESTIMATED = frozenset({"aac", "ac3", "amr", "dts", "eac3", "mp3", "mpegts"})
"""Containers that do not say how long they are: FFmpeg estimates it from the first packets."""
_RIFF = struct.Struct("<4sI")
UNKNOWN_SIZE = 0xFFFFF000
BLOCK = RATE
"""Samples of a block, except for the last one."""
_DECODE_FAILURES = (FFmpegError, ValueError, OverflowError)


class Recording:
    """A file with sound in it, open for decoding once.

    Args:
        file: seekable; its bytes decide what it is, not its name.
        name: for messages.

    Raises:
        InvalidRequest: it is empty, is not a recording, has no sound, or cannot be decoded.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name = name or "the recording"
        self.damaged = 0
        """Packets that could not be decoded and were left out."""
        self.missing_s = 0.0
        """After all blocks: by how much they are shorter than the file says. What was cut off, or
        was passed over since it is damaged."""
        self._container = self._opened(file)
        self._cut_off = cut_off(file)
        stream = self._container.streams.best("audio")
        if stream is None:
            kinds = sorted({str(other.type) for other in self._container.streams})
            self.close()
            raise self._refused(
                "it has no sound" + (f", only {', '.join(kinds)}" if kinds else ""),
                hint="give a file with a sound track",
            )
        self._stream = stream
        self.duration_s = self._duration()
        """As the file says; 0 where it does not."""

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def blocks(self) -> Iterator[Samples]:
        """Its sound in blocks of `BLOCK` samples, the last one shorter.

        Raises:
            InvalidRequest: nothing of it can be decoded, or a sample is not a number.
        """
        buffer: list[Samples] = []
        held = given = 0
        for samples in self._decoded():
            buffer.append(finite(samples, given + held))
            held += len(samples)
            if held >= BLOCK:
                whole = np.concatenate(buffer)
                for start in range(0, held - BLOCK + 1, BLOCK):
                    yield whole[start : start + BLOCK]
                given += held - held % BLOCK
                held %= BLOCK
                buffer = [whole[len(whole) - held :]]
        if held:
            yield np.concatenate(buffer)
        if not given + held:
            raise self._refused("it has no sound that can be decoded: empty, damaged or encrypted")
        name, context = self._container.format.name, self._stream.codec_context
        if self._cut_off and context.bit_rate:
            self.missing_s = self._cut_off * 8 / context.bit_rate
        elif name not in ESTIMATED:
            self.missing_s = max(0.0, self.duration_s - (given + held) / RATE)

    def _decoded(self) -> Iterator[Samples]:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        for frame in self._frames():
            try:
                parts = resampler.resample(frame)
            except _DECODE_FAILURES as error:
                raise self._refused(f"its sound cannot be resampled: {error}") from None
            for part in parts:
                yield part.to_ndarray().reshape(-1).astype(np.float32, copy=False)
        for part in resampler.resample(None):
            yield part.to_ndarray().reshape(-1).astype(np.float32, copy=False)

    def _frames(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except _DECODE_FAILURES:
                self.damaged += 1  # the rest of the container cannot be read
                return
            try:
                yield from packet.decode()
            except _DECODE_FAILURES:
                self.damaged += 1

    def _opened(self, file: BinaryIO) -> Any:
        if not file.read(1):
            raise self._refused("it is empty")
        file.seek(0)
        try:
            return av.open(
                file,
                metadata_errors="ignore",
                container_options={
                    "format_whitelist": ",".join(CONTAINERS),
                    "protocol_whitelist": "",
                },
            )
        except _DECODE_FAILURES as error:
            raise self._refused(f"it is not a recording ({_reason(error)})") from None

    def _duration(self) -> float:
        stream = self._stream
        context = stream.codec_context
        if not context.sample_rate or not 0 < context.channels <= MOST_CHANNELS:
            self.close()
            raise self._refused(
                f"its sound cannot be decoded (codec {context.name}, "
                f"{context.sample_rate} Hz, {context.channels} channels)"
            )
        if stream.duration is not None and stream.time_base:
            return max(0.0, float(stream.duration * stream.time_base))
        return max(0.0, (self._container.duration or 0) / av.time_base)

    def _refused(
        self, why: str, hint: str = "give a recording: wav, mp3, m4a, ogg, opus, flac, webm, mp4"
    ) -> InvalidRequest:
        return InvalidRequest(f"sound: {self._name}: {why}", hint=hint, field="sound")


@contextlib.contextmanager
def opened(path: Path, name: str = "") -> Iterator[Recording]:
    """The recording in a file. Raises InvalidRequest as `Recording`."""
    with path.open("rb") as file, contextlib.closing(Recording(file, name)) as recording:
        yield recording


def cut_off(file: BinaryIO) -> int:
    """Bytes that a WAV file lacks of what its header says; FFmpeg passes over that. 0 for others.

    A program that writes one without knowing its end leaves a size that is 0 or next to 4 GiB.
    """
    at = file.tell()
    file.seek(0)
    kind, size = _RIFF.unpack(file.read(_RIFF.size).ljust(_RIFF.size, b"\0"))
    there = file.seek(0, io.SEEK_END)
    file.seek(at)
    if kind != b"RIFF" or size >= UNKNOWN_SIZE:
        return 0
    return max(0, int(size) + _RIFF.size - there)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error)
