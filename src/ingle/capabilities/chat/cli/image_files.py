"""Pictures and recordings as files: read, and found in what is typed.

Who drags a file into a terminal has its path typed, quoted or with escapes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ingle.errors import InvalidRequest

SUFFIXES = frozenset(
    (".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
)
MOST_BYTES = 20 * 2**20
"""Of one file. The node takes no more of an URL either."""
_PATH = re.compile(
    r"""(?<!\S)(?:
        '(?P<single>(?:file://|[~/])[^'\n]+)'
      | "(?P<double>(?:file://|[~/])[^"\n]+)"
      | (?P<plain>(?:file://|~/|/)(?:\\.|[^\s\\'"])+)
    )(?!\S)""",
    re.VERBOSE,
)


class DraggedFiles(NamedTuple):
    """What was typed, apart."""

    text: str
    images: list[Path]


def dragged_files(typed: str) -> DraggedFiles:
    """Pictures whose whole paths are among what was typed, and the text without them.

    A path that names no picture that is there stays text.
    """
    images: list[Path] = []

    def taken(found: re.Match[str]) -> str:
        path = _path(found)
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            return found[0]
        images.append(path)
        return ""

    text = _PATH.sub(taken, typed)
    return DraggedFiles(re.sub(r" {2,}", " ", text).strip() if images else typed, images)


def _path(found: re.Match[str]) -> Path:
    name = found["single"] or found["double"]
    if not name:
        name = re.sub(r"\\(.)", r"\1", found["plain"])
    if name.startswith("file://"):
        name = unquote(urlsplit(name).path)
    return Path(name).expanduser()


def read_image(path: Path) -> bytes:
    """A picture's file.

    Raises:
        InvalidRequest: there is none, or it is empty or too large.
    """
    return _read(path, "image", "scale the image down")


def read_recording(path: Path) -> bytes:
    """A recording's file. Raises InvalidRequest as `read_image`."""
    return _read(path, "recording", "cut it, or turn it into text: ingle transcribe FILE")


def _read(path: Path, what: str, hint: str) -> bytes:
    field = "audio" if what == "recording" else what
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    except FileNotFoundError:
        raise InvalidRequest(f"there is no file {path}", field=field) from None
    except OSError as error:
        raise InvalidRequest(f"{path}: {error.strerror}", field=field) from None
    if size > MOST_BYTES:
        raise InvalidRequest(
            f"{path} has {size} bytes; the most for {what}s is {MOST_BYTES}",
            hint=hint,
            field=field,
        )
    if not data:
        raise InvalidRequest(f"{path} is empty", field=field)
    return data
