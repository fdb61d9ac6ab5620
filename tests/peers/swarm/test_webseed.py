"""The proxy between libtorrent and a source: only for the one, only what it asks."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from ingle.peers.swarm.webseed import RetryLimits, WebSeed

from .serving import MIB, Source, noise

pytestmark = pytest.mark.anyio
DATA = noise(3 * MIB)
PATIENCE = RetryLimits(stall_s=0.3, failures=2, backoff_s=0.05, first_request_s=0.2)


@asynccontextmanager
async def seed(source: Source) -> AsyncIterator[WebSeed]:
    opened = WebSeed(source, "sha256:" + "0" * 64, len(DATA), PATIENCE)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


class Client:
    """An HTTP client that keeps its connection."""

    def __init__(self, web: WebSeed) -> None:
        self._web = web
        self.path = urlsplit(web.urls[0]).path

    async def __aenter__(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._web.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def ask(self, start: int, end: int, path: str = "", method: str = "GET") -> bytes:
        part = f"Range: bytes={start}-{end - 1}"
        request = f"{method} {path or self.path} HTTP/1.1\r\nHost: x\r\n{part}\r\n\r\n"
        return await self.raw(request.encode())

    async def raw(self, request: bytes) -> bytes:
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.status = int(head.split(b" ")[1])
        self.head = head.decode().lower()
        length = int(self.head.split("content-length: ")[1].split("\r\n")[0])
        return await self.reader.readexactly(length)


async def test_ranges_come_over_one_connection() -> None:
    source = Source("desk", DATA)
    async with seed(source) as web, Client(web) as client:
        for start, end in ((0, 1), (5, MIB + 9), (len(DATA) - 3, len(DATA)), (0, len(DATA))):
            assert await client.ask(start, end) == DATA[start:end]
            assert client.status == 206
            assert f"content-range: bytes {start}-{end - 1}/{len(DATA)}" in client.head
        assert await client.raw(f"GET {client.path} HTTP/1.1\r\n\r\n".encode()) == DATA
        assert client.status == 200
        assert web.sent == source.sent


async def test_two_addresses_are_read_at_the_same_time() -> None:
    source = Source("desk", DATA)
    source.gate.clear()
    async with seed(source) as web, Client(web) as one, Client(web) as two:
        two.path = urlsplit(web.urls[1]).path
        asked = [asyncio.create_task(client.ask(0, 10)) for client in (one, two)]
        while source.reads < 2:
            await asyncio.sleep(0)
        source.gate.set()
        assert await asyncio.gather(*asked) == [DATA[:10]] * 2


async def test_who_does_not_know_the_path_gets_nothing() -> None:
    source = Source("desk", DATA)
    async with seed(source) as web:
        for path in ("/", "/x", "//", urlsplit(web.urls[0]).path[:-1], "/../" + "a" * 4000):
            async with Client(web) as client:
                assert await client.ask(0, 10, path) == b""
                assert client.status == 404
                assert await client.reader.read() == b""
        assert len(urlsplit(web.urls[0]).path) > 30
        assert source.reads == 0


@pytest.mark.parametrize(
    "asked", [(5, 5), (9, 3), (0, len(DATA) + 1), (len(DATA), len(DATA) + 1), (0, 10**14)]
)
async def test_ranges_outside_of_the_file_are_refused(asked: tuple[int, int]) -> None:
    async with seed(Source("desk", DATA)) as web, Client(web) as client:
        await client.ask(*asked)
        assert client.status == 416


async def test_garbage_is_hung_up_on() -> None:
    source = Source("desk", DATA)
    async with seed(source) as web:
        for garbage in (b"\r\n\r\n", b"GET\r\n\r\n", b"\0" * 100 + b"\r\n\r\n", b"A" * 100_000):
            async with Client(web) as client:
                client.writer.write(garbage)
                try:
                    answer = await client.reader.read()
                except ConnectionError:
                    answer = b""
                assert not answer or answer.startswith(b"HTTP/1.1 404")
        assert source.reads == 0


async def test_who_says_nothing_is_hung_up_on_and_many_are_turned_away() -> None:
    async with seed(Source("desk", DATA)) as web:
        clients = [await asyncio.open_connection("127.0.0.1", web.port) for _ in range(40)]
        for reader, writer in clients:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        async with Client(web) as client:
            assert await client.ask(0, 3) == DATA[:3]


async def test_a_source_that_breaks_off_ends_the_answer_and_is_tried_again() -> None:
    source = Source("desk", DATA, dies_after=MIB)
    async with seed(source) as web:
        async with Client(web) as client:
            with pytest.raises(asyncio.IncompleteReadError) as cut:
                await client.ask(0, len(DATA))
            assert cut.value.partial == DATA[:MIB]
        assert web.lost is None
        while web.lost is None:
            async with Client(web) as client:
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await client.ask(0, 10)
        assert web.lost.message == "the connection is lost"
        assert source.reads == 2


async def test_a_source_that_stops_sending_has_failed() -> None:
    source = Source("desk", DATA)
    source.gate.clear()
    async with seed(source) as web, Client(web) as client:
        with pytest.raises(asyncio.IncompleteReadError):
            await client.ask(0, 10)


async def test_a_source_that_sends_too_much_or_too_little_has_failed() -> None:
    class Odd(Source):
        async def read(self, digest: str, start: int, end: int) -> AsyncIterator[bytes]:
            yield self.data[start : end + self.more]

    for more in (-1, 1):
        odd = Odd("odd", DATA)
        odd.more = more  # type: ignore[attr-defined]
        async with seed(odd) as web, Client(web) as client:
            with pytest.raises(asyncio.IncompleteReadError):
                await client.ask(0, 10)


async def test_a_slow_reader_holds_the_source_back() -> None:
    big = noise(32 * MIB)
    source = Source("desk", big)
    web = WebSeed(source, "sha256:" + "0" * 64, len(big), PATIENCE)
    await web.open()
    async with Client(web) as client:
        client.writer.write(f"GET {client.path} HTTP/1.1\r\n\r\n".encode())
        await client.reader.readuntil(b"\r\n\r\n")
        before = -1
        while source.sent != before:  # until nothing more is taken
            before = source.sent
            for _ in range(200):
                await asyncio.sleep(0)
        assert source.sent < 16 * MIB
        rest = await client.reader.readexactly(len(big))
        assert hashlib.sha256(rest).digest() == hashlib.sha256(big).digest()
    await web.close()


async def test_closing_it_in_the_middle_ends_everything() -> None:
    source = Source("desk", DATA)
    source.gate.clear()
    web = WebSeed(source, "sha256:" + "0" * 64, len(DATA), PATIENCE)
    await web.open()
    async with Client(web) as client:
        asked = asyncio.create_task(client.ask(0, 10))
        while not source.reads:
            await asyncio.sleep(0)
        port = web.port
        await web.close()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asked
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)
