"""Which documents are meant by what is named, and where their text goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ingle.cli.named_files import named_files
from ingle.errors import InvalidRequest
from ingle.pages.page_formats import FORMATS
from ingle.pictures.picture_files import ENDINGS

PDF = "pdf"


def found(path: Path) -> list[Path]:
    """The file that is named, or the documents of a folder. Raises as `named_files`."""
    return named_files(path, ENDINGS | {PDF}, "images or PDFs", "name a PDF or an image")


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
