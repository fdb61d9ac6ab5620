"""Blobs over HTTP: bodies larger than any limit, never whole in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator

import httpx
import pytest

from ingle.client.host import host
from ingle.config import Settings
from ingle.server.application import create_application

pytestmark = pytest.mark.anyio
MIB = 1 << 20


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with host(settings) as (node, _):
        application = create_application(node)
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield client
        application.state.floor.close()


async def test_a_body_over_the_limit_goes_in_and_out(client: httpx.AsyncClient) -> None:
    piece = os.urandom(MIB)
    whole = hashlib.sha256(piece * 48)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(48):
            yield piece

    address = f"/v1/blobs/{whole.hexdigest()}"
    sent = await client.put(address, params={"size": 48 * MIB}, content=body())
    assert (sent.status_code, sent.json()["complete"]) == (201, True)
    got = hashlib.sha256()
    async with client.stream("GET", address) as answer:
        assert answer.status_code == 200
        async for data in answer.aiter_bytes():
            got.update(data)
    assert got.hexdigest() == whole.hexdigest()
    assert (await client.get(address, params={"start": MIB, "end": MIB + 5})).content == piece[:5]
    assert (await client.delete(address)).status_code == 204
    assert (await client.get(address)).status_code == 404


async def test_what_was_cut_off_is_continued(client: httpx.AsyncClient) -> None:
    data = os.urandom(3 * MIB)
    address = f"/v1/blobs/{hashlib.sha256(data).hexdigest()}"
    first = await client.put(address, params={"size": len(data)}, content=data[:MIB])
    assert (first.status_code, first.json()["there"]) == (202, MIB)
    asked = await client.put(address, params={"size": len(data)})
    assert asked.json()["there"] == MIB
    wrong = await client.put(address, params={"offset": 5}, content=data[5:])
    assert wrong.status_code == 400
    assert f"?offset={MIB}" in wrong.text
    rest = await client.put(address, params={"offset": MIB}, content=data[MIB:])
    assert rest.json()["complete"]


async def test_wrong_bytes_and_wrong_numbers_are_refused(client: httpx.AsyncClient) -> None:
    address = f"/v1/blobs/{hashlib.sha256(b'x').hexdigest()}"
    assert (await client.put(address, content=b"y")).status_code == 502
    assert (await client.put(address, params={"offset": "-1"}, content=b"x")).status_code == 400
    assert (await client.put("/v1/blobs/nonsense", content=b"x")).status_code == 400
