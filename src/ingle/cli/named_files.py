"""Which files are meant by what is named: a file is itself, a folder what is in it."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path

from ingle.errors import InvalidRequest, NotFound

BLOCK = 1 << 20
"""Bytes that are read of stdin at once."""


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


@contextlib.contextmanager
def files_or_stdin(
    names: Sequence[str], found: Callable[[Path], list[Path]]
) -> Iterator[list[Path]]:
    """The files that are meant. What comes from stdin (``-``) is a file while the block is entered.

    Args:
        found: the files that one name means, as `named_files`.
    """
    with contextlib.ExitStack() as stack:
        files: list[Path] = []
        for name in names:
            files += [_piped(stack)] if name == "-" else found(Path(name))
        yield files


def _piped(stack: contextlib.ExitStack) -> Path:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ingle-"))
    path = Path(folder) / "stdin"
    with path.open("wb") as file:
        while data := sys.stdin.buffer.read(BLOCK):
            file.write(data)
    return path
