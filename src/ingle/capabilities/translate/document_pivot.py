"""Documents through one model, or through two with English in between."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from ingle.capabilities.translate.operation import (
    Translate,
    TranslatedBytes,
    Translation,
    TranslationProgress,
)
from ingle.capabilities.translate.routing import in_two_steps, route_legs
from ingle.errors import InvalidRequest
from ingle.node.node import Node
from ingle.operations import Event
from ingle.operations.blob import Blob

SAMPLE = 1 << 14
"""Bytes of a text file by which its language is detected."""
BINARY = frozenset(["docx"])


class Lender(Protocol):
    """What puts files into a node (`ingle.capabilities.blobs.client.BlobMethods`)."""

    node: Node

    def _lent(self, path: str | Path) -> AbstractAsyncContextManager[Blob]: ...


async def document_events(
    home: Lender, request: Translate, file: Path, detector: str
) -> AsyncGenerator[Event, None]:
    """The events of a document's translation.

    Args:
        detector: the model that tells languages.

    Raises:
        ModelNotFound: no model here translates between the two languages.
        InvalidRequest: it is a catalogue, and would need two models; or it is not said which
            language the document is in, and cannot be seen.
    """
    sample = "" if request.format in BINARY else await asyncio.to_thread(_sample, file)
    legs = await route_legs(home.node, request, sample, detector)
    if len(legs) == 1:
        async with home.node.perform(legs[0]) as events:
            async for event in events:
                yield event
        return
    if request.format == "po":  # the second step would find nothing that is not translated
        raise InvalidRequest(
            f"document: a catalogue cannot be translated from {legs[0].source} to {request.to} "
            f"with {legs[0].to} in between",
            hint="use a model of this pair, or one that chats: --model ember",
            field="document",
        )
    first, second = legs
    data, before = bytearray(), None
    async with home.node.perform(first) as events:
        async for event in events:
            match event:
                case TranslatedBytes(data=piece):
                    data += piece
                case TranslationProgress(completed=done, total=total):
                    yield TranslationProgress(completed=done // 2, total=total)
                case Translation():
                    before = event
                case _:
                    yield event
    assert before is not None
    with tempfile.TemporaryDirectory(prefix="ingle-") as folder:
        between = Path(folder) / file.name
        between.write_bytes(data)
        async with home._lent(between) as blob:
            leg = msgspec.structs.replace(second, document=blob)
            async with home.node.perform(leg) as events:
                async for event in events:
                    match event:
                        case TranslationProgress(completed=done, total=total):
                            share = before.characters * done // max(1, total)
                            yield TranslationProgress(
                                completed=(before.characters + share) // 2,
                                total=before.characters,
                            )
                        case Translation():
                            yield in_two_steps(before, event)
                        case _:
                            yield event


def _sample(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(SAMPLE).decode("utf-8", "ignore")
