"""Which documents are meant by what is named, and where their text goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ingle.errors import InvalidRequest, NotFound
from ingle.pages.page_formats import FORMATS

ENDINGS = frozenset(
    [
        "avif", "bmp", "gif", "heic", "heif", "jpeg", "jpg", "pbm", "pdf", "pgm", "png", "pnm",
        "ppm", "tif", "tiff", "webp",
    ]
)  # fmt: skip
"""Of a folder's files, those that are taken for documents; a file that is named need not have
one."""
PDF = "pdf"


def found(path: Path) -> list[Path]:
    """The file that is named, or the documents of a folder and of those in it, by name.

    Raises:
        NotFound: there is no such file.
        InvalidRequest: the folder has no document.
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
            f"{path} has no images or PDFs", hint="name a PDF or an image", field="files"
        )
    return inside


def targets(
    documents: Sequence[Path], place: str, form: str, *, folders: bool
) -> list[Path | None]:
    """The file for each document's text; None: stdout.

    Args:
        place: what ``--output`` names: a folder if there is more than one document, if it is one
            already, or ends with a slash; else a file.
        folders: a folder was named, so that there may be more documents another time.

    Raises:
        InvalidRequest: two documents would be written to one file.
    """
    if place in ("", "-"):
        return [None] * len(documents)
    path = Path(place)
    if len(documents) == 1 and not folders and not path.is_dir() and not place.endswith("/"):
        return [path]
    ending = FORMATS[form].ending if form in FORMATS else PDF
    chosen = [path / f"{document.name}.{ending}" for document in documents]
    twice = {str(each) for each in chosen if chosen.count(each) > 1}
    if twice:
        raise InvalidRequest(
            f"output: several documents would be written to {min(twice)}",
            hint="name them one by one",
            field="output",
        )
    return list(chosen)
