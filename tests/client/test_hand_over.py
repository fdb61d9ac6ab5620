"""A node that ends for a newer version: what is under way ends first, what comes late moves on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from ingle.capabilities.node.operation import HandOver, Resume, Suspend
from ingle.capabilities.store.operation import ListModels, Models
from ingle.client import connect as connecting
from ingle.client.connect import connect
from ingle.client.reconnecting_node import ReconnectingNode
from ingle.client.upgrade import callers, older
from ingle.config import Settings
from ingle.errors import EngineFault, IngleError, NodeUnreachable
from ingle.node.local_node import LocalNode
from ingle.node.node import ask
from ingle.node.node_lock import NodeLock
from ingle.node.performing import Caller
from ingle.node.socket import SocketNode, SocketServer
from ingle.operations import Done, Operation
from ingle.operations.operation import Bytes
from ingle.protocol.connection import PieceStream
from tests.protocol.conftest import made_up  # noqa: F401 (a fixture)

pytestmark = pytest.mark.anyio


# -- the node ---------------------------------------------------------------------


@asynccontextmanager
async def a_node(settings: Settings) -> AsyncIterator[LocalNode]:
    node = await LocalNode.open(settings)
    try:
        yield node
    finally:
        await node.aclose()


async def hand_over(node: LocalNode) -> str:
    return (await ask(node, HandOver(version="99"), Done)).message


async def test_an_idle_node_ends_at_once(settings: Settings) -> None:
    async with a_node(settings) as node:
        assert await hand_over(node) == "now"
        assert node.closed.done()


async def test_a_node_in_the_foreground_stays(settings: Settings) -> None:
    async with a_node(settings) as node:
        node.serving = "foreground"
        assert await hand_over(node) == "stays"
        assert not node.closed.done()
        assert not node.leaving


async def test_what_is_under_way_for_a_peer_ends_first(settings: Settings) -> None:
    async with a_node(settings) as node:
        async with node.relay_for(Caller(principal="5a" * 32), ListModels()) as events:
            assert await hand_over(node) == "later"
            assert not node.closed.done()
            # Until then it is used as it is.
            assert (await ask(node, ListModels(), Models)).models
            assert not node.closed.done()
            assert [event async for event in events]
        assert node.closed.done()


async def test_it_ends_when_the_last_who_asked_has_its_answer(settings: Settings) -> None:
    async with a_node(settings) as node:
        async with node.perform(HandOver(version="99")) as events:
            assert await hand_over(node) == "later"
            assert not node.closed.done()
            assert [event async for event in events] == [Done(message="now")]
        assert node.closed.done()


async def test_a_suspended_node_ends_when_it_is_resumed(settings: Settings) -> None:
    async with a_node(settings) as node:
        await ask(node, Suspend(), Done)
        assert await hand_over(node) == "later"
        await ask(node, ListModels(), Models)
        assert not node.closed.done()
        await ask(node, Resume(), Done)
        assert node.closed.done()


async def test_nothing_begins_on_a_node_that_has_ended(settings: Settings) -> None:
    """It would be cut off in the middle."""
    async with a_node(settings) as node:
        await hand_over(node)
        with pytest.raises(NodeUnreachable, match="newer version") as caught:
            await ask(node, ListModels(), Models)
        assert caught.value.details["handed_over"] is True


# -- who uses it --------------------------------------------------------------------


class Scripted:
    """A node on a socket that does as it is told."""

    def __init__(self, folder: Path, name: str, perform: Callable[..., Any]) -> None:
        self.asked = 0
        self._perform = perform
        self.server = SocketServer(self, folder / f"{name}.sock", {"version": "9"})  # type: ignore[arg-type]

    @asynccontextmanager
    async def relay(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Any]]:
        self.asked += 1
        yield self._perform(self, feed)


def ended() -> NodeUnreachable:
    return NodeUnreachable("the node ended to make way for a newer version", handed_over=True)


async def serves(node: Scripted, feed: PieceStream | None) -> AsyncIterator[Done]:
    size = 0
    if feed is not None:
        async for _ in feed:
            size += 1
    yield Done(message=f"served {size}")


async def refuses(node: Scripted, feed: PieceStream | None) -> AsyncIterator[Done]:
    asyncio.get_running_loop().call_later(0.05, _hang_up, node)
    raise ended()
    yield


async def cut_off(node: Scripted, feed: PieceStream | None) -> AsyncIterator[Done]:
    await node.server.close(ended())
    await asyncio.Event().wait()
    yield Done()


async def cut_off_in_the_middle(node: Scripted, feed: PieceStream | None) -> AsyncIterator[Done]:
    yield Done(message="the first half")
    await asyncio.sleep(0)
    await node.server.close(ended())
    await asyncio.Event().wait()


async def fails(node: Scripted, feed: PieceStream | None) -> AsyncIterator[Done]:
    raise EngineFault("broken")
    yield


def _hang_up(node: Scripted) -> None:
    node.closing = asyncio.ensure_future(node.server.close(ended()))  # type: ignore[attr-defined]


@asynccontextmanager
async def between(
    folder: Path, first: Any, second: Any
) -> AsyncIterator[tuple[ReconnectingNode, Scripted]]:
    nodes = [Scripted(folder, "first", first), Scripted(folder, "second", second)]
    for node in nodes:
        await node.server.start()
    elsewhere = ReconnectingNode(
        await SocketNode.connect(nodes[0].server.path),
        lambda: SocketNode.connect(nodes[1].server.path),
    )
    try:
        yield elsewhere, nodes[1]
    finally:
        await elsewhere.aclose()
        for node in nodes:
            await node.server.close()


@pytest.mark.parametrize("first", [refuses, cut_off])
async def test_what_came_too_late_is_asked_of_the_next_node(tmp_path: Path, first: Any) -> None:
    async with between(tmp_path, first, serves) as (elsewhere, second):
        assert (await ask(elsewhere, ListModels(), Done)).message == "served 0"
        assert (await ask(elsewhere, ListModels(), Done)).message == "served 0"
        assert second.asked == 2


async def test_what_was_sent_in_is_sent_again(tmp_path: Path, made_up: Any) -> None:  # noqa: F811
    async def pieces() -> AsyncIterator[Bytes]:
        for _ in range(7):
            yield Bytes(data=b"x")

    async with between(tmp_path, cut_off, serves) as (elsewhere, _):
        async with elsewhere.perform(made_up.Listen(model="m"), pieces()) as events:
            (done,) = [event async for event in events]
        assert done == Done(message="served 7")


@pytest.mark.parametrize(
    ("first", "error"), [(cut_off_in_the_middle, NodeUnreachable), (fails, EngineFault)]
)
async def test_what_has_begun_is_not_asked_twice(
    tmp_path: Path, first: Any, error: type[IngleError]
) -> None:
    async with between(tmp_path, first, serves) as (elsewhere, second):
        async with elsewhere.perform(ListModels()) as events:
            with pytest.raises(error):
                async for _ in events:
                    pass
        assert second.asked == 0


async def test_nodes_that_all_end_are_not_asked_for_ever(tmp_path: Path) -> None:
    async with between(tmp_path, refuses, refuses) as (elsewhere, _):
        with pytest.raises(NodeUnreachable):
            await ask(elsewhere, ListModels(), Done)


# -- who starts the next one ----------------------------------------------------------


@pytest.mark.parametrize("otherwise", ["host", "background"])
async def test_a_node_that_is_ending_is_waited_for(
    settings: Settings, otherwise: Literal["host", "background"]
) -> None:
    """It holds the state directory for a while after it has stopped listening."""
    lock = NodeLock(settings.state_path)
    lock.acquire()
    asyncio.get_running_loop().call_later(1.5, lock.release)
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(15):
            node = await connect(settings, stack, otherwise)
        assert (await ask(node, ListModels(), Models)).models
        await ask(node, HandOver(), Done)


async def test_one_that_holds_it_and_never_listens_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "START_S", 0.2)
    monkeypatch.setattr(connecting, "SOON_S", 0.1)
    lock = NodeLock(settings.state_path)
    lock.acquire()
    async with AsyncExitStack() as stack:
        with pytest.raises(NodeUnreachable, match="not listening"):
            await connect(settings, stack, "host")
    lock.release()


# -- small parts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "is_older"),
    [
        ("0.1.0", "0.2.0", True), ("0.2.0", "0.2.0", False), ("0.10.0", "0.9.0", False),
        ("0.9", "0.10", True), ("0.2.0", "0.2.0+cpu", False), ("0.2.0+cpu", "0.2.0", False),
        ("0.2.0rc1", "0.2.0", True), ("", "0.2.0", False), ("of today", "0.2.0", False),
    ],
)  # fmt: skip
def test_which_of_two_versions_is_older(one: str, other: str, is_older: bool) -> None:
    assert older(one, other) is is_older


async def test_callers_of_a_socket_are_counted(tmp_path: Path) -> None:
    node = Scripted(tmp_path, "counted", serves)
    await node.server.start()
    if callers(node.server.path) is None:
        pytest.skip("this system does not tell")
    assert callers(node.server.path) == 0
    first = await SocketNode.connect(node.server.path)
    second = await SocketNode.connect(node.server.path)
    assert callers(node.server.path) == 2
    await first.aclose()
    await second.aclose()
    await node.server.close()
