"""What is in a document, by whichever capability reads its kind.

Text is extracted; pictures, and pages of PDFs that have no text of their own, are read by `Ocr`;
recordings are transcribed, each minute under a heading that says when it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import PurePosixPath
from typing import NamedTuple

from ingle.capabilities.extract.client import READER
from ingle.capabilities.extract.operation import Block, Extract, Extracted, ExtractedBlocks
from ingle.capabilities.ocr.operation import Ocr, OcrPage
from ingle.capabilities.transcribe.operation import Transcribe, TranscriptSegment
from ingle.documents.kinds import kind_of
from ingle.documents.markdown_document import blocks as markdown_blocks
from ingle.errors import InvalidRequest, ProtocolError
from ingle.jobs.kind import Work
from ingle.operations import Event, Operation
from ingle.operations.blob import Blob
from ingle.pages.markdown import markdown
from ingle.pictures import picture_files
from ingle.sound import recording_files

MINUTE_S = 60
MOST_TEXT = 64 << 20
"""Characters of one document; what has more is a table or a log that is better cut in parts."""
TEXTS = frozenset({"text", "markdown", "html", "table", "code"})
"""Kinds whose files are about as large as their text."""


class Content(NamedTuple):
    """A document that was read."""

    kind: str
    title: str
    blocks: list[Block]


def readable(name: str) -> bool:
    """There is a reader of files of this name."""
    ending = PurePosixPath(name).suffix[1:].lower()
    known = ending in picture_files.ENDINGS | recording_files.ENDINGS
    return known or kind_of(name) is not None


def check_size(name: str, size: int) -> None:
    """Before a byte is read.

    Raises:
        InvalidRequest: it has more text than a document may have.
    """
    kind = kind_of(name)
    if kind is not None and kind.name in TEXTS and size > MOST_TEXT:
        raise _too_long(name)


def _too_long(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name} has more than {MOST_TEXT >> 20} MiB of text", hint="split it into several files"
    )


async def content(work: Work, blob: Blob) -> Content:
    """What is in a document.

    Raises:
        IngleError: it cannot be read, or the model that would is not here.
    """
    path = PurePosixPath(blob.name)
    ending = path.suffix[1:].lower()
    if ending in picture_files.ENDINGS:
        return Content("picture", path.stem, await _recognised(work, blob, ""))
    if ending in recording_files.ENDINGS and kind_of(blob.name) is None:
        return Content("recording", path.stem, await _heard(work, blob))
    extracted, blocks = await _extracted(work, blob)
    if extracted.unread:
        found = await _recognised(work, blob, ranges(extracted.unread))
        # Pages keep their order; of one page there is only one of both.
        blocks = sorted([*blocks, *found], key=lambda block: block.page)
    return Content(extracted.kind, extracted.title, blocks)


def ranges(pages: list[int]) -> str:
    """Numbers of pages as ``1-3,7``."""
    found = list[list[int]]()
    for page in sorted(pages):
        if found and page == found[-1][-1] + 1:
            found[-1][1:] = [page]
        else:
            found.append([page])
    return ",".join("-".join(map(str, part)) for part in found)


async def _extracted(work: Work, blob: Blob) -> tuple[Extracted, list[Block]]:
    blocks, extracted, size = list[Block](), None, 0
    async with _asked(work, Extract(model=READER, document=blob, on="local")) as events:
        async for event in events:
            if isinstance(event, ExtractedBlocks):
                blocks += event.blocks
                size += sum(len(block.text) for block in event.blocks)
                if size > MOST_TEXT:
                    raise _too_long(blob.name)
            elif isinstance(event, Extracted):
                extracted = event
    if extracted is None:
        raise ProtocolError(f"{blob.name} did not come to its end")
    return extracted, blocks


async def _recognised(work: Work, blob: Blob, pages: str) -> list[Block]:
    asked = Ocr(model=work.node.settings.ocr_model, document=blob, pages=pages, on="local")
    found = list[Block]()
    async with _asked(work, asked) as events:
        async for event in events:
            if isinstance(event, OcrPage):
                for block in markdown_blocks(markdown(event).split("\n")):
                    found.append(
                        Block(
                            kind=block.kind, text=block.text, level=block.level, page=event.number
                        )
                    )
    return found


async def _heard(work: Work, blob: Blob) -> list[Block]:
    asked = Transcribe(model=work.node.settings.transcribe_model, sound=blob, on="local")
    minutes: dict[int, list[str]] = {}
    async with _asked(work, asked) as events:
        async for event in events:
            if isinstance(event, TranscriptSegment) and event.text.strip():
                minutes.setdefault(int(event.start // MINUTE_S), []).append(event.text.strip())
    found = list[Block]()
    for minute, texts in minutes.items():
        hours, rest = divmod(minute, 60)
        found.append(Block(kind="heading", text=f"{hours}:{rest:02}:00", level=1))
        found.append(Block(text=" ".join(texts)))
    return found


def _asked(work: Work, operation: Operation) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
    return work.node.perform_for(work.principal, operation)
