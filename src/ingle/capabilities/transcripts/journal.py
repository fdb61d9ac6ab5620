"""`Journal`: what has been heard of a recording, line by line, in a file that survives a kill."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import msgspec

from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    TranscriptProgress,
    TranscriptSegment,
)

Entry = TranscriptSegment | DetectedLanguage | TranscriptProgress
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


class Journal:
    """A file of entries. A line that was cut off when its writer was killed is dropped."""

    def __init__(self, path: Path) -> None:
        self.segments: list[TranscriptSegment] = []
        self.language = ""
        self.position_s = 0.0
        """Everything before was heard."""
        self._file: BinaryIO = path.open("a+b")
        self._file.seek(0)
        whole = 0
        for line in self._file:
            try:
                entry = _decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                break
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            self._take(entry)
        self._file.truncate(whole)

    def add(self, entry: Entry) -> None:
        """Keep an entry. What was heard up to a `TranscriptProgress` is safe on the disk."""
        if isinstance(entry, TranscriptProgress) and entry.position_s <= self.position_s:
            return  # a sign of life, and no progress
        self._take(entry)
        self._file.write(_encode(entry) + b"\n")
        self._file.flush()
        if isinstance(entry, TranscriptProgress):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _take(self, entry: Entry) -> None:
        match entry:
            case TranscriptSegment():
                self.segments.append(entry)
                self.position_s = max(self.position_s, entry.end)
            case DetectedLanguage(language=language):
                self.language = language
            case TranscriptProgress(position_s=position):
                self.position_s = max(self.position_s, position)
