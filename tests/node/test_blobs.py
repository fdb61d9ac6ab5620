"""Blobs: put, continued, got, kept while they are needed, and no one else's."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ingle.capabilities.blobs.operation import BlobPiece, BlobState, GetBlob, PutBlob
from ingle.client.home import AsyncHome, open_async
from ingle.client.host import host
from ingle.config import Settings
from ingle.errors import (
    Busy,
    DiskFull,
    IngleError,
    IntegrityError,
    InvalidRequest,
    NotFound,
    QuotaFull,
)
from ingle.node import transfers
from ingle.node.loaded_model import OWNER
from ingle.node.node_blobs import NodeBlobs
from ingle.operations.blob import Blob
from ingle.operations.operation import Bytes, Operation

pytestmark = pytest.mark.anyio
MIB = 1 << 20
GUEST = "ab" * 32


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(blobs: NodeBlobs, data: bytes, principal: str = GUEST) -> Blob:
    with blobs.begin(principal, sha(data), len(data)) as writing:
        writing.add(data)
    return Blob(sha256=sha(data), size=len(data))


@pytest.fixture
def blobs(tmp_path: Path) -> NodeBlobs:
    return NodeBlobs(tmp_path / "blobs", guest_bytes=10 * MIB)


def test_what_was_cut_off_is_continued(blobs: NodeBlobs) -> None:
    data = os.urandom(3 * MIB)
    with blobs.begin(GUEST, sha(data), len(data)) as writing:
        writing.add(data[:MIB])
    with pytest.raises(NotFound):
        blobs.path(GUEST, sha(data))
    with blobs.begin(GUEST, sha(data), len(data)) as writing:
        assert writing.there == MIB
        writing.add(data[MIB:])
        assert writing.complete
    assert blobs.path(GUEST, sha(data)).read_bytes() == data


def test_wrong_bytes_are_deleted(blobs: NodeBlobs) -> None:
    with (
        pytest.raises(IntegrityError),
        blobs.begin(GUEST, sha(b"announced"), 9) as writing,
    ):
        writing.add(b"different")
    assert blobs.size() == 0


def test_a_blob_that_never_ends_is_stopped_at_its_size(blobs: NodeBlobs) -> None:
    with blobs.begin(GUEST, sha(b"12345"), 5) as writing:
        writing.add(b"123")
        with pytest.raises(InvalidRequest, match="announced"):
            writing.add(b"4567")


def test_nobody_reaches_anothers_blobs(blobs: NodeBlobs) -> None:
    blob = put(blobs, b"mine alone")
    for principal in ("", "cd" * 32):
        with pytest.raises(NotFound):
            blobs.path(principal, blob.sha256)
        assert blobs.all(principal) == []
    for name in ("../x", "x" * 64, blob.sha256.upper()):
        with pytest.raises(InvalidRequest):
            blobs.path(GUEST, name)


def test_a_full_quota_makes_room_of_what_is_not_in_use(blobs: NodeBlobs) -> None:
    first, second = put(blobs, b"a" * 4 * MIB), put(blobs, b"b" * 4 * MIB)
    os.utime(blobs.path(GUEST, first.sha256), (1, 1))
    third = put(blobs, b"c" * 4 * MIB)
    assert {blob.sha256 for blob in blobs.all(GUEST)} == {second.sha256, third.sha256}
    with blobs.held(GUEST, second.sha256), blobs.held(GUEST, third.sha256):
        with pytest.raises(QuotaFull) as refused:
            put(blobs, b"d" * 4 * MIB)
        assert refused.value.details["used"] == 8 * MIB
    with pytest.raises(QuotaFull):
        put(blobs, b"e" * 11 * MIB)
    assert len(blobs.all(GUEST)) == 2, "what could never fit makes no room"
    put(blobs, b"f" * 11 * MIB, principal="")  # the owner's disk is the owner's


def test_what_is_announced_counts_before_it_has_come(blobs: NodeBlobs) -> None:
    with (
        blobs.begin(GUEST, sha(b"slow"), 8 * MIB),
        pytest.raises(QuotaFull),
    ):
        put(blobs, b"x" * 4 * MIB)
    with blobs.begin(GUEST, sha(b"slow"), 8 * MIB), pytest.raises(Busy):
        blobs.begin(GUEST, sha(b"slow"), 8 * MIB)


def test_a_disk_without_room_is_said_with_the_reserve(blobs: NodeBlobs) -> None:
    with pytest.raises(
        DiskFull,
        match=r"^1048576\.0 MiB needed .+ beside a reserve of 256\.0 MiB, \d+\.\d MiB free",
    ) as told:
        blobs.begin(OWNER, sha(b"x"), 2**40)
    assert told.value.details["reserve_bytes"] == 256 * 2**20


def test_what_was_not_used_for_a_week_is_gone(tmp_path: Path) -> None:
    blobs = NodeBlobs(tmp_path)
    old, new = put(blobs, b"old"), put(blobs, b"new")
    week = time.time() - 8 * 86400
    os.utime(tmp_path / GUEST / old.sha256, (week, week))
    again = NodeBlobs(tmp_path)
    assert [blob.sha256 for blob in again.all(GUEST)] == [new.sha256]


# -- over a real socket ------------------------------------------------------


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[AsyncHome]:
    async with host(settings), open_async(settings, otherwise="fail") as home:
        yield home


async def drain(home: AsyncHome, operation: Operation, feed: Any) -> None:
    async with home.node.perform(operation, feed) as events:
        async for _ in events:
            pass


async def test_a_file_goes_there_and_back(home: AsyncHome, tmp_path: Path) -> None:
    path = tmp_path / "recording.bin"
    path.write_bytes(os.urandom(40 * MIB + 7))  # more than a frame may hold
    blob = await home.put_blob(path)
    assert [found.sha256 for found in await home.blobs()] == [blob.sha256]
    back = await home.get_blob(blob, tmp_path / "back.bin")
    assert back.read_bytes() == path.read_bytes()
    await home.forget_blob(blob)
    with pytest.raises(NotFound):
        await home.get_blob(blob, tmp_path / "again.bin")


async def test_a_transfer_that_breaks_off_is_continued(home: AsyncHome, tmp_path: Path) -> None:
    data = os.urandom(6 * MIB)
    path = tmp_path / "file"
    path.write_bytes(data)

    async def half() -> AsyncIterator[Bytes]:
        yield Bytes(data=data[:MIB])
        raise OSError("the disk was pulled out")

    request = PutBlob(sha256=sha(data), size=len(data))
    with pytest.raises(InvalidRequest, match="pulled out"):
        await drain(home, request, half())
    sent: list[int] = []
    await transfers.send(
        home.node, path, transfers.described(path), told=lambda size: sent.append(size)
    )
    assert sum(sent) == 5 * MIB
    target = tmp_path / "target"
    target.with_name("target.part").write_bytes(data[: 2 * MIB])
    got: list[int] = []
    blob = transfers.described(path)
    await transfers.fetch(home.node, blob, target, told=lambda size: got.append(size))
    assert sum(got) == 4 * MIB
    assert target.read_bytes() == data


async def test_a_part_of_it(home: AsyncHome, tmp_path: Path) -> None:
    path = tmp_path / "digits"
    path.write_bytes(b"0123456789")
    blob = await home.put_blob(path)

    async def ask(**span: Any) -> bytes:
        async with home.node.perform(GetBlob(sha256=blob.sha256, **span)) as events:
            found = [event async for event in events]
        assert isinstance(found[0], BlobState)
        return b"".join(event.data for event in found if isinstance(event, BlobPiece))

    assert await ask(start=2, end=5) == b"234"
    assert await ask(start=10) == b""
    with pytest.raises(InvalidRequest):
        await ask(start=5, end=11)


async def test_pieces_that_are_not_bytes_are_refused(home: AsyncHome) -> None:
    from ingle.operations.operation import Piece

    class Odd(Piece, frozen=True, kw_only=True, tag="odd"):
        pass

    async def odd() -> AsyncIterator[Piece]:
        yield Odd()

    with pytest.raises(IngleError, match="not bytes"):
        await drain(home, PutBlob(sha256=sha(b"x"), size=1), odd())


def test_what_is_forgotten_while_it_is_used_goes_afterwards(tmp_path: Path) -> None:
    blobs = NodeBlobs(tmp_path / "blobs")
    file = tmp_path / "file"
    file.write_bytes(b"a picture")
    blob = blobs.adopt(OWNER, file)
    with blobs.held(OWNER, blob.sha256) as path:
        assert blobs.forget(OWNER, blob.sha256) == 0
        assert path.read_bytes() == b"a picture"
    assert not path.exists()
    blobs.adopt(OWNER, file)
    with blobs.held(OWNER, blob.sha256) as path:
        blobs.forget(OWNER, blob.sha256)
        blobs.begin(OWNER, blob.sha256, 9)  # someone sends it again
    assert path.exists()
