"""Real nodes over real QUIC on loopback: what a stranger can do to one, and what a friend gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.embed.operation import Embed
from ingle.capabilities.node.operation import Load, Loaded, NodeStatus, StatusReport
from ingle.capabilities.peers.operation import (
    GrantPeer,
    Grants,
    Invite,
    Invited,
    Join,
    ListGrants,
    Paired,
)
from ingle.capabilities.store.operation import ListModels, Models
from ingle.config import Settings
from ingle.errors import GrantExhausted, NotPaired, PeerLost
from ingle.node.node import ask
from ingle.operations import Finish, Message, Operation, Sampling, Text, Usage
from ingle.peers.identity import Identity
from ingle.peers.iroh import IrohTransport
from ingle.peers.peer_session import HelloFacts, PeerSession
from ingle.peers.peered_node import PeeredNode
from ingle.peers.transport import FILE, NODE, PAIR, Link, LinkError, PeerAddress
from ingle.protocol import frames
from tests.peers.devices import drain
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio


def settings(folder: Path, name: str, **more: Any) -> Settings:
    return Settings(
        state_dir=str(folder / name), models_dir=str(folder / f"{name}-models"), device_name=name,
        peer_host="127.0.0.1", peer_port=0, nearby=False, context=1024, slots=2, threads=1, **more,
    )  # fmt: skip


@asynccontextmanager
async def nodes(folder: Path, *names: str) -> AsyncIterator[list[PeeredNode]]:
    opened = [await PeeredNode.open(settings(folder, name)) for name in names]
    try:
        yield opened
    finally:
        for node in reversed(opened):
            await node.aclose()


async def pair(consumer: PeeredNode, provider: PeeredNode, preset: str = "family") -> None:
    code = (await ask(provider, Invite(preset=preset), Invited)).code
    await ask(consumer, Join(code=code), Paired)


def tell(words: int = 300, **options: Any) -> Chat:
    return Chat(
        model="ember",
        messages=[Message(role="user", content="What does tar do?")],
        sampling=Sampling(ignore_eos=True, temperature=0.0),
        max_tokens=words,
        **options,
    )


async def said(node: PeeredNode, operation: Operation) -> str:
    async with node.perform(operation) as events:
        return "".join([event.text async for event in events if isinstance(event, Text)])


async def address(node: PeeredNode) -> PeerAddress:
    transport = (await node.peer_service.open()).transport
    return PeerAddress(node.peer_service.identity.key, tuple(transport.places))


@asynccontextmanager
async def stranger() -> AsyncIterator[IrohTransport]:
    transport = await IrohTransport.bind(Identity.generate("crook").secret, "127.0.0.1", 0)
    try:
        yield transport
    finally:
        await transport.close()


async def test_a_real_answer_from_there_is_the_one_from_here(tmp_path: Path) -> None:
    async with nodes(tmp_path, "desk", "laptop") as (desk, laptop):
        await pair(laptop, desk)
        there = await said(laptop, tell(60, on="desk"))
        assert there == await said(laptop, tell(60))
        listed = (await ask(laptop, ListModels(peers=True), Models)).models
        assert "ember@desk" in [model.name for model in listed]


async def test_programs_for_openai_see_the_models_of_peers(tmp_path: Path) -> None:
    import httpx

    from ingle.server.application import create_application
    from ingle.server.settings import ServerSettings

    async with nodes(tmp_path, "desk", "laptop") as (desk, laptop):
        await pair(laptop, desk)
        application = create_application(node=laptop, settings=ServerSettings())
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            models = (await http.get("/v1/models")).json()["data"]
            assert "ember@desk" in [model["id"] for model in models]
            question = {"role": "user", "content": "What does grep -i do?"}
            body = {"model": "ember@desk", "messages": [question], "temperature": 0}
            answer = (await http.post("/v1/chat/completions", json=body)).json()
            assert "case" in answer["choices"][0]["message"]["content"]
        assert desk.peer_service.meter.used(desk.peer_service.grant_store.given()[0]).requests == 1


async def test_a_guest_reuses_no_prompt_of_anybody_else(tmp_path: Path) -> None:
    """The prompt cache would tell a guest what others have asked."""

    async def cached(node: PeeredNode, **options: Any) -> int:
        async with node.perform(tell(1, **options)) as events:
            (usage,) = [event async for event in events if isinstance(event, Usage)]
        return usage.cached_tokens

    async with nodes(tmp_path, "desk", "laptop", "phone") as (desk, laptop, phone):
        await pair(laptop, desk)
        await pair(phone, desk)
        await cached(desk)
        assert await cached(desk) > 5
        assert await cached(laptop, on="desk") == 0
        assert await cached(phone, on="desk") == 0
        assert await cached(phone, on="desk") > 5, "one's own prompts are reused"


async def test_a_cancel_frees_the_slot_there(tmp_path: Path) -> None:
    async with nodes(tmp_path, "desk", "laptop") as (desk, laptop):
        await pair(laptop, desk)
        async with laptop.perform(tell(900, on="desk")) as events:
            async for event in events:
                if isinstance(event, Text):
                    break
        await eventually_async(
            lambda: (
                not any(loaded_model.active for loaded_model in desk.local.scheduler.loaded_models)
            )
        )


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects has half a second to say who they are."""
    for module in ("peer_session", "peer_router"):
        monkeypatch.setattr(f"ingle.peers.{module}.HELLO_S", 0.5)


async def refused(link: Link) -> None:
    """The other side ends the link."""
    async with asyncio.timeout(15):
        try:
            while True:
                await link.accept()
        except LinkError:
            return


async def test_an_unknown_key_is_told_so_and_shown_out(tmp_path: Path) -> None:
    async with nodes(tmp_path, "desk") as (desk,), stranger() as crook:
        link = await crook.dial(await address(desk), NODE)
        session = PeerSession(link, await link.open(), "desk", desk.perform)  # type: ignore[arg-type]
        await session.greet(HelloFacts(name="crook"))
        with pytest.raises(NotPaired):
            await drain(session.connection, tell(3))
        await session.wait_closed()
        files = await crook.dial(await address(desk), FILE)
        await refused(files)


async def test_a_wrong_key_and_a_wrong_protocol_are_no_link(tmp_path: Path) -> None:
    async with nodes(tmp_path, "desk") as (desk,), stranger() as crook:
        where = await address(desk)
        someone = Identity.generate("else").key
        for wrong, protocol in ((where._replace(key=someone), NODE), (where, b"h2")):
            with pytest.raises((LinkError, TimeoutError)):
                async with asyncio.timeout(4):
                    await crook.dial(wrong, protocol)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\xff\xff\xff\xff" + b"x" * 100,
        (5).to_bytes(4, "big") + b"\xc1\xc1\xc1\xc1\xc1",
        frames.encode(frames.Open(1, tell(3))),
        frames.encode(frames.Hello(99, {})),
        frames.encode(frames.Hello(frames.VERSION, {"name": 5})),
        frames.encode(frames.Hello(frames.VERSION, {"chains": [b"junk"]})),
    ],
    ids=["http", "too-long", "garbage", "no-hello", "version", "facts", "chains"],
)
async def test_nonsense_ends_the_link_and_nothing_else(
    tmp_path: Path, data: bytes, impatient: None
) -> None:
    async with nodes(tmp_path, "desk") as (desk,), stranger() as crook:
        link = await crook.dial(await address(desk), NODE)
        stream = await link.open()
        stream.send(data)
        await refused(link)
        assert desk.local.scheduler.loaded_models == []
        assert (await ask(desk, ListModels(), Models)).models


@pytest.mark.parametrize("protocol", [PAIR, NODE])
async def test_half_a_frame_is_not_waited_for(
    tmp_path: Path, protocol: bytes, impatient: None
) -> None:
    async with nodes(tmp_path, "desk") as (desk,), stranger() as crook:
        link = await crook.dial(await address(desk), protocol)
        stream = await link.open()
        stream.send(b"\x00")
        await refused(link)


@pytest.mark.parametrize("protocol", [PAIR, NODE])
async def test_a_stream_that_no_one_takes_ends_the_link(tmp_path: Path, protocol: bytes) -> None:
    """What is sent into it would be kept: a MiB in each of a hundred streams, of every stranger."""
    async with nodes(tmp_path, "desk") as (desk,), stranger() as crook:
        link = await crook.dial(await address(desk), protocol)
        for _ in range(2):
            (await link.open()).send(b"\0")
        with pytest.raises(LinkError, match="too many streams"):
            await link.accept()


@pytest.mark.timeout(110)
async def test_five_hundred_strangers_do_not_keep_a_friend_out(tmp_path: Path) -> None:
    async with nodes(tmp_path, "desk", "laptop") as (desk, laptop):
        await pair(laptop, desk)
        where = await address(desk)
        crowd = [
            await IrohTransport.bind(Identity.generate(f"s{n}").secret, "127.0.0.1", 0)
            for n in range(20)
        ]

        async def incoming(crook: IrohTransport) -> None:
            try:
                async with asyncio.timeout(10):
                    link = await crook.dial(where, NODE)
                    await (await link.open()).receive()
            except (LinkError, TimeoutError):
                pass

        connecting = [asyncio.create_task(incoming(crook)) for crook in crowd for _ in range(25)]
        assert await said(laptop, tell(20, on="desk"))
        await asyncio.gather(*connecting)
        assert await said(laptop, tell(20, on="desk"))
        router = await desk.peer_service.open()
        await eventually_async(lambda: not (router.strangers or router.handshakes))
        for crook in crowd:
            await crook.close()


@pytest.mark.parametrize("moment", ["loading", "first", "middle", "last"])
async def test_a_peer_that_vanishes_at_any_stage(tmp_path: Path, moment: str) -> None:
    async with nodes(tmp_path, "desk", "laptop") as (desk, laptop):
        await pair(laptop, desk)
        laptop.local.store.models()
        seen = 0
        router = desk.peer_service.dialer.router
        assert router is not None

        async def vanish() -> None:
            await router.transport.close()

        async with laptop.perform(tell(200, on="desk", context=1024)) as events:
            if moment == "loading":
                gone = asyncio.create_task(vanish())
            try:
                async for event in events:
                    seen += isinstance(event, Text)
                    if (moment == "first" and seen == 1) or (moment == "middle" and seen == 100):
                        await vanish()
                    if moment == "last" and isinstance(event, Finish):
                        await vanish()
            except PeerLost:
                # Only before the first word: after it, this device has the same model.
                assert seen == 0
            else:
                assert seen or moment == "loading"
            if moment == "loading":
                await gone


def test_iroh_still_copies_byte_by_byte() -> None:
    """Once this fails, the patch in `ingle.peers.iroh` can go (`python -m bench peers` tells)."""
    import inspect

    from iroh import iroh_ffi

    source = inspect.getsource(iroh_ffi)
    body = source[source.index("def write(self, value)") :][:300]
    assert "for i, byte in enumerate(value)" in body


async def contexts(node: PeeredNode) -> list[tuple[str, int, float | None]]:
    """Of each model that is loaded: its name, its context, and how long it stays."""
    report = await ask(node, NodeStatus(), StatusReport)
    return [(worker.model, worker.context, worker.expires_s) for worker in report.workers]


async def test_what_a_guest_asks_for_goes_with_its_request(tmp_path: Path) -> None:
    async with nodes(tmp_path, "desk", "laptop") as (desk, laptop):
        await pair(laptop, desk)
        await ask(desk, Load(model="ember", keep_alive=-1), Loaded)
        before = await contexts(desk)
        events = await drain(laptop, tell(5, on="desk", context=3000, keep_alive=0))
        assert any(isinstance(event, Text) for event in events)

        async def is_as_before() -> bool:
            return await contexts(desk) == before

        await eventually_async(is_as_before)
        await drain(laptop, Embed(model="ember-embed", inputs=["x"], on="desk", keep_alive=-1))
        (embedder,) = [one for one in await contexts(desk) if one[0] == "ember-embed"]
        assert embedder[2] is not None, "not for ever"


async def test_a_day_holds_for_all_choices_and_for_every_prompt(tmp_path: Path) -> None:
    async with nodes(tmp_path, "desk", "laptop") as (desk, laptop):
        await pair(laptop, desk, preset="")
        await ask(
            desk,
            GrantPeer(peer="laptop", capabilities=["chat", "embed"], tokens_per_day=60),
            Grants,
        )
        events = await drain(laptop, tell(60, on="desk", n=4))
        (usage,) = [event for event in events if isinstance(event, Usage)]
        assert 4 < usage.completion_tokens < usage.total_tokens <= 60
        long = Embed(model="ember-embed", inputs=["one two three " * 20], on="desk")
        with pytest.raises(GrantExhausted):
            await drain(laptop, long)
        (given,) = (await ask(desk, ListGrants(), Grants)).grants
        assert given.used_today <= 60
