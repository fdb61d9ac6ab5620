"""Which files are meant by what is named: a file is itself, a folder what is in it."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from ingle.errors import InvalidRequest, NotFound


def named_files(path: Path, endings: Set[str], what: str, hint: str) -> list[Path]:
    """The file that is named, or the files of a folder and of those in it, by name.

    Args:
        endings: of a folder's files, those that are taken; a file that is named need not have one.
        what: they are, in the plural.
        hint: what to do where there are none.

    Raises:
        NotFound: there is no such file.
        InvalidRequest: the folder has none.
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
        if file.suffix[1:].lower() in endings and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )  # fmt: skip
    if not inside:
        raise InvalidRequest(f"{path} has no {what}", hint=hint, field="files")
    return inside
