"""Which files are documents, of which format, and where their translations go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ingle.capabilities.translate.operation import MOST_TERMS
from ingle.errors import InvalidRequest, NotFound

FORMATS = ("text", "markdown", "html", "srt", "vtt", "po", "docx")
ENDINGS = {
    "txt": "text", "text": "text", "md": "markdown", "markdown": "markdown", "html": "html",
    "htm": "html", "xhtml": "html", "srt": "srt", "vtt": "vtt", "po": "po", "pot": "po",
    "docx": "docx",
}  # fmt: skip
LONGEST_GLOSSARY = 1 << 20


class NamedDocument(NamedTuple):
    """A file, and what it is."""

    path: Path
    format: str
    within: Path
    """Its name, with the folders that it is in below the one that was named."""


def documents(names: Sequence[str], form: str) -> list[NamedDocument]:
    """The files that are named, and the documents of folders that are, by name.

    Raises:
        NotFound: there is no such file.
        InvalidRequest: a file is of no format that is known, or a folder has no documents.
    """
    found: list[NamedDocument] = []
    for name in names:
        path = Path(name)
        if path.is_file():
            found.append(NamedDocument(path, form or _format(path), Path(path.name)))
        elif not path.exists():
            raise NotFound(f"there is no file {name}", path=name)
        else:
            inside = sorted(
                each
                for each in path.rglob("*")
                if each.suffix[1:].lower() in ENDINGS and each.is_file()
                and not any(part.startswith(".") for part in each.relative_to(path).parts)
            )  # fmt: skip
            if not inside:
                raise InvalidRequest(
                    f"{name} has no documents; known are {', '.join(ENDINGS)}", field="files"
                )
            found += [
                NamedDocument(each, form or _format(each), each.relative_to(path))
                for each in inside
            ]
    return found


def target(document: NamedDocument, place: str, to: str, *, several: bool) -> Path | None:
    """Where a translation goes; None: stdout."""
    if place in ("", "-") and document.format == "docx":
        path = document.path
        return path.with_name(f"{path.stem}.{to}{path.suffix}")
    if place in ("", "-"):
        return None
    if several or place.endswith("/") or Path(place).is_dir():
        return Path(place) / document.within
    return Path(place)


def read_glossary(path: Path) -> list[tuple[str, str]]:
    """The terms of a file: a line each, the term and what is written for it, with a tab between.

    Raises:
        NotFound: there is no such file.
        InvalidRequest: a line is something else; says which.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}", path=str(path))
    if path.stat().st_size > LONGEST_GLOSSARY:
        raise InvalidRequest(f"{path} has more than {LONGEST_GLOSSARY} bytes", field="glossary")
    terms = []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        term, tab, written = line.partition("\t")
        if not tab or not term.strip():
            raise InvalidRequest(
                f"{path}: line {number} has no tab between a term and what is written for it",
                field="glossary",
            )
        terms.append((term.strip(), written.strip()))
    if len(terms) > MOST_TERMS:
        raise InvalidRequest(
            f"{path} has {len(terms)} terms; the limit is {MOST_TERMS}", field="glossary"
        )
    return terms


def _format(path: Path) -> str:
    found = ENDINGS.get(path.suffix[1:].lower())
    if found is None:
        raise InvalidRequest(
            f"{path.name}: {path.suffix or 'a name without an ending'} is not a format of "
            f"documents; known are {', '.join(ENDINGS)}",
            hint="name the format: --format text",
            field="format",
        )
    return found
