"""Which recordings are meant by what is named, and where their transcripts go."""

from __future__ import annotations

from pathlib import Path

from ingle.cli.named_files import named_files
from ingle.sound.recording_files import ENDINGS
from ingle.wire.transcripts import FORMATS


def found(path: Path) -> list[Path]:
    """The file that is named, or the recordings of a folder. Raises as `named_files`."""
    return named_files(path, ENDINGS, "recordings", "name a file with sound in it")


def target(recording: Path, folder: Path | None, form: str) -> Path | None:
    """The file of a transcript; None: stdout."""
    if folder is None:
        return None
    ending = FORMATS[form].ending if form in FORMATS else "json"
    return folder / f"{recording.stem}.{ending}"
