"""Which recordings are meant by what is named, and where their transcripts go."""

from __future__ import annotations

from pathlib import Path

from ingle.errors import InvalidRequest, NotFound
from ingle.wire.transcripts import FORMATS

ENDINGS = frozenset(
    [
        "3gp", "aac", "ac3", "aif", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "flac", "flv",
        "m4a", "m4b", "m4v", "mka", "mkv", "mov", "mp2", "mp3", "mp4", "mpeg", "mpg", "mpga", "oga",
        "ogg", "ogv", "opus", "ts", "tta", "w64", "wav", "webm", "wma", "wmv", "wv",
    ]
)  # fmt: skip
"""Of a folder's files, those that are taken for recordings; a file that is named need not have
one."""


def found(path: Path) -> list[Path]:
    """The file that is named, or the recordings of a folder and of those in it, by name.

    Raises:
        NotFound: there is no such file.
        InvalidRequest: the folder has no recording.
    """
    if path.is_file():
        return [path]
    if not path.exists():
        raise NotFound(f"there is no file {path}", path=str(path))
    if not path.is_dir():
        raise InvalidRequest(f"{path} is neither a file nor a folder", field="files")
    inside = sorted(
        file
        for file in path.rglob("*")
        if file.suffix[1:].lower() in ENDINGS and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )  # fmt: skip
    if not inside:
        raise InvalidRequest(
            f"{path} has no recordings", hint="name a file with sound in it", field="files"
        )
    return inside


def target(recording: Path, folder: Path | None, form: str) -> Path | None:
    """The file of a transcript; None: stdout."""
    if folder is None:
        return None
    ending = FORMATS[form].ending if form in FORMATS else "json"
    return folder / f"{recording.stem}.{ending}"
