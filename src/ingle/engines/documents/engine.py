"""Readers of documents in a worker: what a stranger's file does there, it does to no one else."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from ingle.capabilities.extract.operation import (
    BETWEEN,
    Block,
    Extract,
    Extracted,
    ExtractedBlocks,
)
from ingle.documents.document_file import DocumentFile
from ingle.documents.kinds import kind_of, read
from ingle.engines.engine import Emit, Feed, LoadSpec, blob_path
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import DeviceInfo, Operation

TOLD = 16_384
"""Characters that are told at once, about."""


class DocumentsEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "documents"

    def version(self) -> str:
        return version("ingle")

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> DocumentsSession:
        return DocumentsSession(spec)


class DocumentsSession:
    """See `ingle.engines.engine.Session`."""

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec
        self.facts: dict[str, Any] = {"device": "CPU"}

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        if not isinstance(operation, Extract):
            raise CapabilityMissing(
                f"{self._spec.model} cannot {type(operation).__name__.lower()}",
                model=self._spec.model,
            )
        _Extraction(operation, emit).perform(blob_path(self._spec, operation.document))

    def close(self) -> None:
        pass  # nothing stays open


class _Extraction:
    """One document that is being read."""

    def __init__(self, operation: Extract, emit: Emit) -> None:
        self._name = operation.document.name
        self._most = operation.most_characters
        self._emit = emit
        self._held: list[Block] = []
        self._size = 0
        self._blocks = self._characters = self._pages = 0
        self._unread: list[int] = []
        self._title, self._level = "", 7

    def perform(self, path: Path) -> None:
        for block in read(DocumentFile(path, self._name)):
            self._take(block)
        self._tell()
        kind = kind_of(self._name)
        assert kind is not None, "it was read"
        self._emit(
            Extracted(
                kind=kind.name,
                title=self._title or Path(self._name).stem,
                blocks=self._blocks,
                characters=self._characters,
                pages=self._pages,
                unread=self._unread,
            )
        )

    def _take(self, block: Block) -> None:
        if not block.text:
            self._unread.append(block.page)
            return
        if block.kind == "heading" and block.level < self._level:
            self._title, self._level = block.text, block.level
        self._characters += len(block.text) + (len(BETWEEN) if self._blocks else 0)
        if self._characters > self._most:
            raise InvalidRequest(
                f"{self._name} has more than {self._most:,} characters of text",
                hint="cut it into several files",
                field="document",
            )
        self._blocks += 1
        self._pages = max(self._pages, block.page)
        self._held.append(block)
        self._size += len(block.text)
        if self._size >= TOLD:
            self._tell()

    def _tell(self) -> None:
        if self._held:
            self._emit(ExtractedBlocks(blocks=self._held))
            self._held, self._size = [], 0
