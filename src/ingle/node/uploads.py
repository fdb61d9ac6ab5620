"""Examples that paired devices sent for runs here: bounded, checked by hash, deleted after use."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from pathlib import Path

import msgspec

from ingle.capabilities.train.operation import ExamplesReceived, SendExamples, Train
from ingle.errors import DiskFull, IntegrityError, InvalidRequest

MOST = 4 * 2**30
"""Bytes that one guest may have here at once."""
LONGEST_S = 7 * 86400.0
"""What lies here longer is deleted when the node starts."""
PREFIX = "upload:"


class Uploads:
    """A folder for each guest, and in it a file for each hash."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tidy()

    def take(self, party: str, piece: SendExamples) -> ExamplesReceived:
        """Write a piece; says how much is there.

        Raises:
            InvalidRequest: it does not follow what is there, or is too much.
            IntegrityError: all is there, and it is not what was announced.
            DiskFull: no room.
        """
        done, part = self._paths(party, piece.sha256)
        if done.exists():
            return ExamplesReceived(size=done.stat().st_size)
        others = sum(p.stat().st_size for p in done.parent.glob("*") if p != part)
        if piece.size + others > MOST:
            raise InvalidRequest(
                f"{piece.size} bytes are over the {MOST >> 30} GiB that may be sent", field="size"
            )
        there = part.stat().st_size if part.exists() else 0
        if not piece.data:
            return ExamplesReceived(size=there)
        if piece.offset != there or there + len(piece.data) > piece.size:
            raise InvalidRequest(
                f"{there} of {piece.size} bytes are here; a piece for {piece.offset} does not fit",
                field="offset",
            )
        try:
            part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with part.open("ab") as file:
                file.write(piece.data)
        except OSError as error:
            raise DiskFull(f"no room for examples: {error.strerror}") from None
        there += len(piece.data)
        if there == piece.size:
            with part.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                os.fsync(file.fileno())
            if found != piece.sha256:
                part.unlink()
                raise IntegrityError("the examples that arrived are not those that were announced")
            part.replace(done)
        return ExamplesReceived(size=there)

    def resolve(self, party: str, request: Train) -> Train:
        """A guest's request with the paths of what it sent: it can name no file of this disk.

        Raises:
            InvalidRequest: something was named that it has not sent.
        """
        changes = {}
        for field in ("data", "validation"):
            text: str = getattr(request, field)
            if not text:
                continue
            sha256 = text.removeprefix(PREFIX)
            if not text.startswith(PREFIX) or not re.fullmatch("[0-9a-f]{64}", sha256):
                raise InvalidRequest("a paired device must send its examples first", field=field)
            done, _ = self._paths(party, sha256)
            if not done.exists():
                raise InvalidRequest("these examples have not arrived here", field=field)
            changes[field] = str(done)
        return msgspec.structs.replace(request, **changes)

    def forget(self, party: str) -> None:
        """Delete what a guest has sent."""
        shutil.rmtree(self._folder / party[:40], ignore_errors=True)

    def _tidy(self) -> None:
        """Delete what nobody came back for."""
        for path in self._folder.glob("*/*"):
            if time.time() - path.stat().st_mtime > LONGEST_S:
                path.unlink(missing_ok=True)

    def _paths(self, party: str, sha256: str) -> tuple[Path, Path]:
        folder = self._folder / (party[:40] or "own")
        return folder / f"{sha256}.jsonl", folder / f"{sha256}.part"
