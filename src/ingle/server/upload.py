"""Forms with a file of any size: the file goes to the disk as it arrives, and into the node."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from ingle.capabilities.blobs.operation import BlobList, ForgetBlob, ListBlobs
from ingle.errors import DiskFull, InvalidRequest
from ingle.node import transfers
from ingle.node.node import Node, ask
from ingle.operations import Done
from ingle.operations.blob import Blob
from ingle.server.exchange import Exchange
from ingle.temporary_folders import TemporaryFolders
from ingle.wire.multipart import FormData, FormPart, MultipartParser, boundary_of

PIECE = 1 << 18
MOST_FIELDS = 64
MOST_FIELD = 64 * 1024
"""Bytes of one field that is not a file."""
HEADROOM = 256 << 20
"""Bytes of the disk that stay free."""

Fields = dict[str, list[str]]


class UploadedFile:
    """The file of a form, on the disk."""

    def __init__(self, path: Path, name: str, field: str) -> None:
        self.path = path
        self.name = name
        self.field = field
        self.size = 0
        self._hash = hashlib.sha256()

    def add(self, data: bytes, file: BinaryIO) -> None:
        """The next bytes. Raises DiskFull."""
        try:
            file.write(data)
        except OSError as error:
            raise DiskFull(f"no room for {self.name}: {error.strerror}", hint="ingle df") from None
        self._hash.update(data)
        self.size += len(data)

    @property
    def blob(self) -> Blob:
        """What it is called in a node."""
        return Blob(sha256=self._hash.hexdigest(), size=self.size, name=self.name)


@asynccontextmanager
async def form(exchange: Exchange) -> AsyncIterator[tuple[Fields, UploadedFile]]:
    """The fields of a request's form, and its file, which is there while the block is entered.

    Raises:
        InvalidRequest: it is not a form with one file, or a field is too long.
        DiskFull: there is no room for the file.
        BodyTimeout, ClientGone: as a body's.
    """
    async with form_with_files(exchange, most=1) as (fields, files):
        yield fields, files[0]


@asynccontextmanager
async def form_with_files(
    exchange: Exchange, *, most: int
) -> AsyncIterator[tuple[Fields, list[UploadedFile]]]:
    """As `form`, with one file or more, up to this many."""
    parser = MultipartParser(boundary_of(exchange.headers.get("content-type", "")))
    with TemporaryFolders(exchange.settings.state_dir).one() as folder:
        _require_room(folder, exchange)
        reader = _FormReader(folder, most)
        with contextlib.closing(reader):
            async for data in exchange.body_pieces(PIECE):
                # Hashing and writing a quarter of a MiB takes less than a hop to a thread.
                for part in parser.feed(data):
                    reader.take(part)
                await asyncio.sleep(0)  # a body that is here already leaves others their turn
        parser.close()
        if not reader.files:
            raise InvalidRequest("file: the form has no file", field="file")
        yield reader.fields, reader.files


class _FormReader:
    def __init__(self, folder: Path, most: int) -> None:
        self.fields: Fields = {}
        self.files: list[UploadedFile] = []
        self._folder, self._most = folder, most
        self._open: BinaryIO | None = None
        self._name = ""
        self._count = 0
        self._held: list[bytes] = []
        self._size = 0

    def take(self, part: FormPart | FormData) -> None:
        match part:
            case FormPart(filename=None):
                self.close()
                self._begin_field(part.name)
            case FormPart():
                self.close()
                self._begin_file(part)
            case FormData(data=data) if self._open is not None:
                self.files[-1].add(data, self._open)
            case FormData(data=data):
                self._size += len(data)
                if self._size > MOST_FIELD:
                    raise InvalidRequest(
                        f"{self._name}: has more than {MOST_FIELD} bytes", field=self._name
                    )
                self._held.append(data)

    def close(self) -> None:
        """The part under way has ended."""
        if self._open is not None:
            self._open.close()
            self._open = None
        elif self._name:
            value = b"".join(self._held)
            try:
                self.fields.setdefault(self._name, []).append(value.decode())
            except UnicodeDecodeError:
                raise InvalidRequest(f"{self._name}: is not UTF-8", field=self._name) from None
        self._name, self._held, self._size = "", [], 0

    def _begin_field(self, name: str) -> None:
        self._count += 1
        if self._count > MOST_FIELDS:
            raise InvalidRequest(f"the form has more than {MOST_FIELDS} fields", field="body")
        self._name = name or "field"

    def _begin_file(self, part: FormPart) -> None:
        if len(self.files) == self._most:
            most = "one file" if self._most == 1 else f"{self._most} files"
            raise InvalidRequest(f"{part.name}: the form has more than {most}", field=part.name)
        name = (part.filename or "").replace("\\", "/").rpartition("/")[2][:255]
        path = self._folder / f"file{len(self.files)}"
        self.files.append(UploadedFile(path, name, part.name))
        self._open = path.open("wb")


def _require_room(folder: Path, exchange: Exchange) -> None:
    declared = exchange.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() and declared.isascii() else 0
    free = shutil.disk_usage(folder).free
    # Twice: as it arrives, and in the node.
    if 2 * size + HEADROOM > free:
        raise DiskFull(
            f"the form has {size / 2**20:.1f} MiB, and {free / 2**20:.1f} MiB are free",
            hint="ingle df",
            needed_bytes=2 * size,
            free_bytes=free,
        )


class LentBlobs:
    """Files of requests in a node, each as long as a request is about it.

    What was in the node before stays.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._used: Counter[str] = Counter()
        self._own: set[str] = set()

    @asynccontextmanager
    async def lent(self, file: UploadedFile) -> AsyncIterator[Blob]:
        """A file's blob, while the block is entered."""
        blob = file.blob
        self._used[blob.sha256] += 1
        try:
            if self._used[blob.sha256] == 1:
                there = (await ask(self._node, ListBlobs(), BlobList)).blobs
                if all(other.sha256 != blob.sha256 for other in there):
                    self._own.add(blob.sha256)
            await transfers.send(self._node, file.path, blob)
            yield blob
        finally:
            self._used[blob.sha256] -= 1
            if not self._used[blob.sha256]:
                del self._used[blob.sha256]
                if blob.sha256 in self._own:
                    self._own.discard(blob.sha256)
                    await ask(self._node, ForgetBlob(sha256=blob.sha256), Done)
