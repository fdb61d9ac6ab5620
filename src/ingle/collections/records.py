"""What a collection holds, as data."""

from __future__ import annotations

import msgspec


class Embedder(msgspec.Struct, frozen=True, kw_only=True):
    """The model that made a collection's vectors. Those of two models cannot be compared."""

    model: str
    digest: str
    dimensions: int


class RootPatterns(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which files below a root a collection is made of."""

    only: list[str] = []
    """Patterns of names or paths, of which one fits; empty: all."""
    exclude: list[str] = []


class TextPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a document that is embedded and found as one."""

    text: str
    headings: tuple[str, ...] = ()
    """Those that it is under, the outermost first."""
    page: int = 0
    """Of the page that it begins on, from 1; 0: the document has no pages."""
    start: int = 0
    """Of its first character in the text of the document."""
    end: int = 0
    tokens: int = 0
    """Of the embedding model, headings included."""


class CollectedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was seen, as it was then."""

    place: str
    """Its absolute path, or its address."""
    size: int
    changed_ns: int
    """When its content was last changed, by the file system; 0: it is to be looked at again."""
    sha256: str = ""
    problem: str = ""
    """Why nothing of it is in the collection; empty: it is."""


class FoundPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that was found."""

    id: int
    document: str
    """SHA-256 of the file."""
    place: str
    """One of the places that the file lies at."""
    title: str
    headings: tuple[str, ...]
    page: int
    start: int
    end: int
    text: str
    score: float
    """Reciprocal rank fusion's; larger is better. It orders the results of one search, no more."""
