"""Extract: a document in, its text in blocks out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ingle.operations.blob import Blob
from ingle.operations.events import ModelResult
from ingle.operations.guest_rules import Costless, Estimated, Overruled
from ingle.operations.operation import Event, KeepAlive, ModelOperation

BETWEEN = "\n\n"
"""What stands between two blocks in the text of a document."""

BlockKind = Literal["heading", "paragraph", "list", "table", "code"]


class Block(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A heading, a paragraph, a list, a table (as Markdown) or a piece of code."""

    kind: BlockKind = "paragraph"
    text: str
    level: int = 0
    """Of a heading, 1 to 6."""
    page: int = 0
    """That it begins on, from 1; 0: the document has no pages."""


class Extract(ModelOperation, frozen=True, kw_only=True, tag="extract"):
    """Read a document: text, Markdown, HTML, PDF, tables, code, JSON.

    Which kind it is, the ending of the blob's name says. Events: `ExtractedBlocks` in the order of
    the document, then one `Extracted`.
    """

    document: Annotated[Blob, Estimated()]
    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None
    most_characters: Annotated[
        Annotated[int, msgspec.Meta(ge=1)], Costless("the bytes of the document are counted")
    ] = 64_000_000
    """A document with more text is refused, after that much of it."""


class ExtractedBlocks(Event, frozen=True, kw_only=True, tag="extract.blocks"):
    """The next blocks."""

    blocks: list[Block]


class Extracted(ModelResult, frozen=True, kw_only=True, tag="extract.extracted"):
    """The document is over."""

    kind: str
    """As ``pdf``, ``markdown``."""
    title: str
    """Its first heading of the highest level; else its name."""
    blocks: int
    characters: int
    pages: int = 0
    """The last page with text; 0: it has no pages."""
    unread: list[int] = []
    """Pages without text of their own; what is on them may be pictures of text."""
