"""Making a collection hold what is in files and folders, as a job.

Files are read ahead while passages are embedded, and each document is written in one transaction
as soon as its vectors are there. So a job that was killed has lost what it was at, and nothing
else: begun once more, it looks at all files and reads those that are missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from ingle.capabilities.collections.document_content import check_size, readable
from ingle.capabilities.collections.document_reader import DocumentReader
from ingle.capabilities.collections.folder_watch import FolderWatch
from ingle.capabilities.collections.open_collections import OpenCollections
from ingle.capabilities.collections.operation import (
    AddDocuments,
    DocumentAdded,
    DocumentSkipped,
)
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.collections.attribute_filter import check_key
from ingle.collections.chunking import ChunkLimits, embedded_text
from ingle.collections.collection import Collection
from ingle.collections.folder_scan import Changes, SeenFile, changes, scan
from ingle.collections.records import CollectedFile, Embedder, RootPatterns, TextPassage
from ingle.errors import (
    Cancelled,
    EngineMissing,
    IngleError,
    InvalidRequest,
    ModelNotFound,
    NotFound,
    ProtocolError,
)
from ingle.jobs.kind import Commands, JobKind, Work
from ingle.operations import Event
from ingle.operations.job_events import JobNote, JobProgress

TOGETHER = 64
"""Passages that are embedded at once."""
READ_AHEAD = 16
"""Documents that wait to be embedded, at most."""
READERS = 2
AROUND = 16
"""Tokens that a model puts around a passage, at most: marks, and a prefix such as ``passage:``."""
UNIT = "files"


class _Read(NamedTuple):
    """What became of a file."""

    source: CollectedFile
    kind: str = ""
    title: str = ""
    passages: tuple[TextPassage, ...] = ()
    known: bool = False
    """Its content is in the collection already."""


async def _start(work: Work, request: AddDocuments) -> AsyncGenerator[Event, None]:
    """Check the request; the events of the job.

    Raises:
        NotFound: a path is not there.
        ModelNotFound: there is no such model.
        InvalidRequest: the collection has vectors of another model.
    """
    name = request.collection
    if name is None:
        raise InvalidRequest("collection: give it a name", field="collection")
    there = collections_of(work)
    # One that is new is made once nothing can be refused any more.
    known = there.find(name) if not request.paths or name in there.names() else None
    roots = [Path(path) for path in request.paths or (known.roots if known else [])]
    for key in request.attributes:
        check_key(key, "attributes")
    for root in roots:
        if not root.is_absolute():
            raise InvalidRequest(f"paths: {root} is not absolute", field="paths")
        if request.paths and not root.exists():
            raise NotFound(f"there is no file or folder {root}", path=str(root))
        if request.paths and not (root.is_file() or root.is_dir()):
            raise InvalidRequest(f"paths: {root} is neither a file nor a folder", field="paths")
    embedder = known.embedder if known else None
    model = request.model or (embedder.model if embedder else work.node.settings.embed_model)
    found = work.node.store.resolve(model)
    reads = found.facts.context_length
    if reads and request.tokens + AROUND > reads:
        raise InvalidRequest(
            f"tokens: {model} reads {reads} tokens at once, {AROUND} of them its own; "
            f"a passage has up to {reads - AROUND}",
            field="tokens",
        )
    collection = known or there.made(name)
    if request.reembed and not work.resumed:
        collection.start_over()
    elif embedder is not None and found.digest != embedder.digest:
        collection.embed_with(Embedder(model=model, digest=found.digest, dimensions=0))
    return _Ingestion(work, request, collection, roots, model).events()


def collections_of(work: Work) -> OpenCollections:
    """The collections of a job's node."""
    node = work.node
    found: OpenCollections = node.part(OpenCollections, lambda: OpenCollections(node.state))
    return found


class _Ingestion:
    """One performance of the job."""

    def __init__(
        self,
        work: Work,
        request: AddDocuments,
        collection: Collection,
        roots: list[Path],
        model: str,
    ) -> None:
        self._work = work
        self._request = request
        self._collection = collection
        self._roots = roots
        self._model = model
        limits = ChunkLimits(request.tokens, request.overlap)
        self._reader = DocumentReader(work, model, limits)
        self._done = self._added = self._skipped = self._unchanged = self._removed = 0

    async def events(self) -> AsyncGenerator[Event, None]:
        request, collection = self._request, self._collection
        yield JobNote(text="looking at the files", state="running")
        collection.add_roots([str(root) for root in self._roots])
        if request.paths:
            patterns = RootPatterns(only=request.only, exclude=request.exclude)
            collection.choose([str(root) for root in self._roots], patterns)
        if request.attributes:
            for root in self._roots:
                await asyncio.to_thread(collection.mark, str(root), request.attributes)
        async with contextlib.AsyncExitStack() as stack:
            watch = None
            if request.watch:  # from before the files are looked at: no change is missed
                watch = await stack.enter_async_context(FolderWatch(self._roots))
            while True:
                async with contextlib.aclosing(self._pass()) as events:
                    async for event in events:
                        yield event
                if watch is None:
                    break
                yield JobNote(text="watching for changes", state="waiting")
                await watch.changed()
        yield self._work.ended(
            "done",
            collection=str(request.collection),
            added=str(self._added),
            skipped=str(self._skipped),
            unchanged=str(self._unchanged),
            removed=str(self._removed),
        )

    async def _pass(self) -> AsyncGenerator[Event, None]:
        """Have the collection hold what is there now."""
        request, collection = self._request, self._collection
        known = await asyncio.to_thread(collection.sources)
        seen = await asyncio.to_thread(self._scanned)
        # A file that is named itself is tried, and told of if it cannot be read.
        files = [file for file in seen if readable(file.path.name) or file.path in self._roots]
        found = changes(files, known, self._roots)
        await asyncio.to_thread(collection.forget, found.gone)
        self._unchanged, self._done = found.unchanged, 0
        self._removed += len(found.gone)
        if found.new or found.gone or not request.watch:
            yield JobNote(text=_summary(found, others=len(seen) - len(files)), state="running")
        began = time.monotonic()
        async with contextlib.aclosing(self._documents(found.new)) as documents:
            async for event in documents:
                yield event
                passed = time.monotonic() - began
                left = (len(found.new) - self._done) * passed / self._done if self._done else 0.0
                yield JobProgress(
                    done=self._done, total=len(found.new), unit=UNIT, left_s=round(left, 1)
                )

    def _scanned(self) -> list[SeenFile]:
        """The files of all roots, each with its own patterns."""
        request, chosen = self._request, self._collection.patterns()
        asked = RootPatterns(only=request.only, exclude=request.exclude)
        found = dict[Path, SeenFile]()
        for root in self._roots:
            kept = chosen.get(str(root), RootPatterns())
            patterns = asked if request.paths or asked != RootPatterns() else kept
            for file in scan([root], patterns.only, patterns.exclude):
                found[file.path] = file
        return [found[path] for path in sorted(found)]

    async def _documents(self, files: list[SeenFile]) -> AsyncGenerator[Event, None]:
        waiting, size = list[_Read](), 0
        async with contextlib.aclosing(_ahead(self._read, files)) as all_read:
            async for read in all_read:
                if read.known or read.source.problem:
                    yield await self._noted(read)
                    continue
                waiting.append(read)
                size += len(read.passages)
                if size >= TOGETHER:
                    for event in await self._written(waiting):
                        yield event
                    waiting, size = [], 0
        for event in await self._written(waiting):
            yield event

    async def _read(self, file: SeenFile) -> _Read:
        place = str(file.path)
        try:
            check_size(file.path.name, file.size)
            sha256 = await self._reader.sha256(file)
            source = CollectedFile(
                place=place, size=file.size, changed_ns=file.changed_ns, sha256=sha256
            )
            if self._collection.has(sha256):
                return _Read(source, known=True)
            async with collections_of(self._work).reading(sha256):
                content, passages = await self._reader.passages(file, sha256)
        except Cancelled:
            raise
        except (IngleError, OSError) as error:
            said = _why(error)
            # What may be read another time is looked at again; a damaged file stays damaged.
            again = "changed while" in said or isinstance(
                error, (OSError, ModelNotFound, EngineMissing)
            )
            return _Read(
                CollectedFile(
                    place=place, size=file.size, changed_ns=0 if again else file.changed_ns,
                    problem=said,
                )
            )  # fmt: skip
        return _Read(source, content.kind, content.title, tuple(passages))

    async def _noted(self, read: _Read) -> Event:
        self._done += 1
        await asyncio.to_thread(self._collection.note, read.source)
        if read.known:
            return DocumentAdded(place=read.source.place, kind="", passages=0)
        self._skipped += 1
        return DocumentSkipped(place=read.source.place, problem=read.source.problem)

    async def _written(self, documents: list[_Read]) -> list[Event]:
        texts = [embedded_text(passage) for read in documents for passage in read.passages]
        vectors = await self._vectors(texts)
        found, at = list[Event](), 0
        for read in documents:
            end = at + len(read.passages)
            await asyncio.to_thread(
                self._collection.add, read.source, read.title, read.kind, read.passages,
                vectors[at:end],
            )  # fmt: skip
            at = end
            self._done += 1
            self._added += 1
            found.append(
                DocumentAdded(place=read.source.place, kind=read.kind, passages=len(read.passages))
            )
        return found

    async def _vectors(self, texts: list[str]) -> list[bytes]:
        found = list[bytes]()
        for at in range(0, len(texts), TOGETHER):
            inputs: list[str | list[int]] = [*texts[at : at + TOGETHER]]
            request = Embed(model=self._model, inputs=inputs, kind="passage")
            embedded: Embedded | None = None
            async with self._work.node.perform_for(self._work.principal, request) as events:
                async for event in events:
                    if isinstance(event, Embedded):
                        embedded = event
            if embedded is None:
                raise ProtocolError("the vectors did not come")
            if self._collection.embedder is None:
                made_by = Embedder(
                    model=self._model, digest=embedded.digest, dimensions=embedded.dimensions
                )
                self._collection.embed_with(made_by)
            found += [_halves(row) for row in embedded.rows()]
        return found


async def _ahead(
    read: Callable[[SeenFile], Awaitable[_Read]], files: list[SeenFile]
) -> AsyncGenerator[_Read, None]:
    """What becomes of each file, a few of them read at once, in their order."""
    tasks: list[asyncio.Task[_Read]] = []
    limit = asyncio.Semaphore(READERS)

    async def one(file: SeenFile) -> _Read:
        async with limit:
            return await read(file)

    waiting = iter(files)
    try:
        while True:
            while len(tasks) < READ_AHEAD and (file := next(waiting, None)) is not None:
                tasks.append(asyncio.create_task(one(file)))
            if not tasks:
                return
            yield await tasks.pop(0)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _why(error: IngleError | OSError) -> str:
    """What is written down of a file that could not be read, with what would help."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"{error} (try: {error.hint})" if error.hint else str(error)


def _halves(row: bytes) -> bytes:
    """A row of float32 as float16."""
    import numpy as np

    return np.frombuffer(row, "<f4").astype("<f2").tobytes()


def _summary(found: Changes, others: int) -> str:
    counted = f"{len(found.new)} files to read, {found.unchanged} unchanged, {len(found.gone)} gone"
    return counted + (f", {others} of kinds that are not read" if others else "")


KIND = JobKind(
    name="collections",
    operation=AddDocuments,
    start=_start,
    noun="collection",
    commands=Commands(),
)
