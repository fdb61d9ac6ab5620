"""Delegation: the same stream as local, whichever device dies."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.node.operation import Ledger
from ingle.capabilities.peers.operation import ListPeers, Peers, RenamePeer
from ingle.errors import (
    DoesNotFit,
    EgressRefused,
    InvalidRequest,
    ModelNotFound,
    PeerLost,
    PeerNotFound,
    PeerUnreachable,
    ProtocolError,
)
from ingle.operations import (
    Event,
    Finish,
    Message,
    Operation,
    Reasoning,
    Started,
    Text,
    ToolCallPiece,
    TryingPath,
    Usage,
)
from ingle.peers import delegation
from ingle.peers.delegation import DelegationTarget, answer_to
from ingle.testing.virtual_time import elapse
from tests.peers.conftest import told
from tests.peers.devices import POEM, Street, chat, drain

WHOLE = "".join(POEM)


def test_a_chat_is_performed_there_as_it_would_be_here(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop", models={})
        await laptop.pair(desk)
        recital = await laptop.recite("desk")
        assert recital.text == WHOLE
        assert recital.where == "peer:desk"
        embedded = await laptop.ask(Embed(model="poet", inputs=["x"], on="desk"), Embedded)
        assert embedded.where == "peer:desk"
        by_name = chat("poet@desk", max_tokens=3)
        async with laptop.node.perform(by_name) as events:
            assert len([e async for e in events if isinstance(e, Text)]) == 3
        entries = laptop.local.ledger.entries(10, to="peer:")
        assert [e.to for e in entries] == ["peer:desk"] * 3
        assert all(e.grant and e.bytes_out and e.bytes_in and e.outcome == "done" for e in entries)

    tell(story)


def test_a_cancel_reaches_the_engine_at_once(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop", models={})
        await laptop.pair(desk)
        async with laptop.node.perform(chat(on="desk")) as events:
            async for event in events:
                if isinstance(event, Text):
                    break
        await elapse(0.02)
        assert desk.local.under_way == 0
        (given,) = desk.peer_service.grant_store.given()
        assert desk.peer_service.meter.used(given).requests == 1

    tell(story)


def test_a_provider_that_dies_is_noticed_and_another_finishes_the_sentence(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk = await street.device("desk", pace_s=0.1)
        shed = await street.device("shed", pace_s=0.1)
        laptop = await street.device("laptop", models={})
        await laptop.pair(desk)
        await laptop.pair(shed)
        loop = asyncio.get_running_loop()
        going = asyncio.create_task(laptop.recite("desk,shed"))
        await elapse(5)
        street.network.kill(desk.transport.place)
        killed = loop.time()
        while not shed.local.performed:
            await elapse(0.01)
        assert loop.time() - killed < 3.0
        recital = await going
        assert recital.text == WHOLE
        (rerouted,) = recital.rerouted
        assert (rerouted.was, rerouted.to) == ("peer:desk", "peer:shed")
        asked = shed.local.performed[0][1]
        assert isinstance(asked, Chat)
        assert asked.continue_last
        outcomes = [e.outcome for e in laptop.local.ledger.entries(10)]
        assert outcomes == ["done", "peer_lost"]

    tell(story)


@settings(max_examples=25)
@given(st.lists(st.floats(0.0, 15.0), min_size=1, max_size=2), st.booleans())
def test_whoever_dies_whenever_the_sentence_is_whole(killed: list[float], here: bool) -> None:
    """Providers die at any moments: the caller still reads every word, once and in order."""

    async def story(street: Street) -> None:
        names = ["desk", "shed", "attic"]
        providers = [await street.device(name, pace_s=0.05) for name in names]
        laptop = await street.device("laptop", models={"poet": "sha256:p"} if here else {})
        for provider in providers:
            await laptop.pair(provider)
        reciting = asyncio.create_task(laptop.recite(",".join(names)))
        for moment, provider in sorted(zip(killed, providers, strict=False), key=lambda p: p[0]):
            asyncio.get_running_loop().call_later(
                moment, street.network.kill, provider.transport.place
            )
        recital = await reciting
        assert recital.text == WHOLE

    with tempfile.TemporaryDirectory() as folder:
        told(Path(folder), story)


def test_the_sentence_is_finished_here_if_the_same_model_is_here(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk = await street.device("desk", pace_s=0.1)
        laptop = await street.device("laptop", pace_s=0.1)
        await laptop.pair(desk)
        going = asyncio.create_task(laptop.recite("desk", max_tokens=60))
        await elapse(3)
        street.network.kill(desk.transport.place)
        recital = await going
        assert recital.words == 60
        assert recital.text == "".join(POEM[:60])
        assert recital.rerouted[0].to == "local"

    tell(story)


@pytest.mark.parametrize("named", ["desk,local", "local,desk"])
def test_this_device_may_be_named_among_others(tell: Any, named: str) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        await laptop.pair(desk)
        laptop.peer_service.dialer.hang_up(desk.peer_service.identity.key, PeerLost("test"))
        street.network.kill(desk.transport.place)
        recital = await laptop.recite(named, max_tokens=2)
        assert (recital.words, recital.where) == (2, "local")

    tell(story)


def test_another_model_does_not_continue(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk = await street.device("desk", pace_s=0.1)
        laptop = await street.device("laptop", models={"poet": "sha256:another"})
        await laptop.pair(desk)
        going = asyncio.create_task(laptop.recite("desk"))
        await elapse(3)
        street.network.kill(desk.transport.place)
        with pytest.raises(PeerLost, match="desk"):
            await going
        assert laptop.local.performed == []

    tell(story)


@pytest.mark.parametrize("pace_s", [0.0, 0.1])
def test_a_cut_network_is_noticed_by_both_sides(tell: Any, pace_s: float) -> None:
    async def story(street: Street) -> None:
        desk = await street.device("desk", pace_s=10)
        laptop = await street.device("laptop", models={})
        await laptop.pair(desk)
        loop = asyncio.get_running_loop()
        going = asyncio.create_task(laptop.recite("desk"))
        await elapse(2)
        street.network.cut(desk.transport.place, laptop.transport.place)
        began = loop.time()
        with pytest.raises(PeerLost):
            await going
        assert loop.time() - began < 3.0
        await elapse(3)
        assert desk.local.under_way == 0, "the provider's slot is free again"
        street.network.reconnect()
        desk.local.pace_s = pace_s
        assert (await laptop.recite("desk", max_tokens=3)).words == 3

    tell(story)


def test_a_provider_that_was_named_and_cannot_be_reached_is_an_error(tell: Any) -> None:
    """Someone who says --on desk does not want it done elsewhere without a word."""

    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        await laptop.pair(desk)
        laptop.peer_service.dialer.hang_up(desk.peer_service.identity.key, PeerLost("test"))
        street.network.kill(desk.transport.place)
        with pytest.raises(PeerUnreachable) as error:
            await laptop.recite("desk")
        assert "cached" in error.value.details["stages"]
        assert "lan" in error.value.message
        assert laptop.local.performed == []

    tell(story)


@pytest.mark.parametrize(
    ("policy", "here", "expected"),
    [
        ("never", True, "local"),
        ("fit", True, "local"),
        ("fit", False, "peer:desk"),
        ("prefer", True, "peer:desk"),
    ],
)
def test_the_policy_decides_where_nobody_says(
    tell: Any, policy: str, here: bool, expected: str
) -> None:
    async def story(street: Street) -> None:
        desk = await street.device("desk")
        models = {"poet": "sha256:p"} if here else {}
        laptop = await street.device("laptop", models=models, delegate=policy)
        laptop.local.perform = lambda operation: laptop.local.perform_for("", operation)  # type: ignore[attr-defined]
        await laptop.pair(desk)
        assert (await laptop.recite("", max_tokens=2)).where == expected

    tell(story)


def test_what_does_not_fit_here_is_done_there(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop", delegate="fit")
        await laptop.pair(desk)

        def too_big(operation: Operation, feed: Any = None) -> Any:
            raise DoesNotFit("it needs 40 GiB")

        laptop.local.relay = too_big  # type: ignore[method-assign]
        recital = await laptop.recite("")
        assert recital.where == "peer:desk"
        assert recital.rerouted[0].reason == "it needs 40 GiB"

    tell(story)


def test_nothing_leaves_where_nothing_may(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        await laptop.pair(desk)
        import msgspec

        laptop.local.settings = msgspec.structs.replace(laptop.local.settings, egress="deny")
        with pytest.raises(EgressRefused):
            await laptop.recite("desk")
        assert desk.local.performed == []
        assert laptop.local.ledger.entries(10) == []

    tell(story)


def test_the_ways_that_are_tried_are_told_as_they_are_tried(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop", models={})
        await laptop.pair(desk)
        laptop.peer_service.dialer.hang_up(desk.peer_service.identity.key, PeerLost("test"))
        await elapse(1)
        laptop.peer_service.database.run("UPDATE peer SET places = '[\"10.9.9.9:1\"]'")
        events = await drain(laptop.node, chat(on="desk", max_tokens=1))
        stages = [event.stage for event in events if isinstance(event, TryingPath)]
        assert stages == ["cached", "lan"]
        assert isinstance(events[2], Started)

    tell(story)


def test_a_place_that_is_not_known(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        await laptop.pair(desk)
        with pytest.raises(PeerNotFound, match="desk"):
            await laptop.recite("attic")
        with pytest.raises(InvalidRequest, match="says it is at"):
            await laptop.recite("desk", model="poet@shed")
        with pytest.raises(ModelNotFound):
            await laptop.recite("desk", model="nothing")

    tell(story)


def test_a_peer_found_on_this_network_after_it_has_moved(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop", models={})
        await laptop.pair(desk)
        laptop.peer_service.dialer.hang_up(desk.peer_service.identity.key, PeerLost("test"))
        await elapse(1)
        laptop.peer_service.database.run("UPDATE peer SET places = '[\"10.9.9.9:1\"]'")
        assert (await laptop.recite("desk", max_tokens=2)).words == 2
        laptop.peer_service.dialer.hang_up(desk.peer_service.identity.key, PeerLost("test"))
        await elapse(1)
        del street.network.announced[desk.transport.place]
        laptop.peer_service.database.run("UPDATE peer SET places = '[]'")
        with pytest.raises(PeerUnreachable):
            await laptop.recite("desk")
        await laptop.ask(RenamePeer(peer="desk", places=[desk.transport.place]), Peers)
        assert (await laptop.recite("desk", max_tokens=2)).words == 2

    tell(story)


def test_two_behind_firewalls_meet_with_the_help_of_a_third(tell: Any) -> None:
    async def story(street: Street) -> None:
        middle = await street.device("middle")
        desk = await street.device("desk", behind_nat=True)
        laptop = await street.device("laptop", behind_nat=True, models={})
        await desk.pair(middle)
        await laptop.pair(middle)
        street.network.announced.clear()
        # They were paired on another network, once.
        for one, other in ((desk, laptop), (laptop, desk)):
            one.peer_service.address_book.add(other.peer_service.identity.key, other.name, (), 0.0)
        from ingle.capabilities.peers.operation import GrantPeer, Grants

        await desk.ask(GrantPeer(peer="laptop", preset="family"), Grants)
        assert (await laptop.recite("desk", max_tokens=4)).words == 4
        (peer, _) = (await laptop.ask(ListPeers(), Peers)).peers
        assert (peer.name, peer.way) == ("desk", "punched")

    tell(story)


def test_a_consumer_that_never_reads_does_not_hold_a_slot(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk = await street.device("desk", pace_s=0.0)
        laptop = await street.device("laptop", models={})
        await laptop.pair(desk)
        POEM_LONG = chat(on="desk")
        from ingle.protocol import served_operation

        old, served_operation.WINDOW = served_operation.WINDOW, 8
        try:
            async with laptop.node.perform(POEM_LONG) as events:
                async for event in events:
                    if isinstance(event, Text):
                        break
                await elapse(60)
                assert desk.local.under_way == 0
        finally:
            served_operation.WINDOW = old

    tell(story)


# -- providers that misbehave ------------------------------------------------


def started() -> Started:
    return Started(model="poet", digest="sha256:p", where="local")


def text(word: str = "x") -> Text:
    return Text(text=word)


VECTORS = Embedded(model="", digest="", dimensions=1, data=b"", usage=Usage(prompt_tokens=1))


@pytest.mark.parametrize(
    "events",
    [
        [text()],
        [started(), text(), started()],
        [started(), text(), Finish(reason="stop"), text()],
        [started(), VECTORS],
        [started(), *(text() for _ in range(100))],
        [started(), text("x" * (2 << 20))],
    ],
    ids=["early", "twice", "after-end", "other-answer", "endless", "huge"],
)  # fmt: skip
def test_a_provider_that_answers_wrongly(events: list[Event]) -> None:
    received = answer_to(chat(max_tokens=10))

    def take_all() -> None:
        for event in events:
            received.take(event)

    with pytest.raises(ProtocolError):
        take_all()


def rest(operation: Chat | Complete, *events: Event) -> Any:
    received = answer_to(operation)
    for event in (started(), *events):
        received.take(event)
    return received.rest()


def test_what_the_next_is_asked() -> None:
    asked = rest(chat(max_tokens=10), text("one "), text("two "))
    assert asked.messages[-1] == Message(role="assistant", content="one two ")
    assert (asked.continue_last, asked.max_tokens) == (True, 8)
    begun = [Message(role="user", content="q"), Message(role="assistant", content="zero ")]
    asked = rest(chat(messages=begun, continue_last=True), text("one "))
    assert asked.messages[-1].content == "zero one "
    assert len(asked.messages) == 2
    asked = rest(Complete(model="poet", prompt="zero "), text("one "))
    assert asked.prompt == "zero one "
    thought = rest(chat(), Reasoning(text="hm"), text("one "))
    assert thought.messages[-1].reasoning == "hm"


@pytest.mark.parametrize(
    ("options", "event"),
    [
        ({}, ToolCallPiece(call=0, name="f")),
        ({}, Reasoning(text="hm")),
        ({"n": 2}, text()),
        ({"schema": {"type": "object"}}, text()),
        ({"logprobs": True}, text()),
    ],
)
def test_what_nobody_can_finish_is_an_error(options: dict[str, Any], event: Event) -> None:
    assert rest(chat(**options), event) is None


def test_places_are_tried_in_order(tell: Any) -> None:
    async def story(street: Street) -> None:
        shed = await street.device("shed")

        def place(name: str, failure: Exception | None = None) -> DelegationTarget:
            def perform(operation: Any, feed: Any) -> Any:
                if failure is not None:
                    raise failure
                return shed.local.relay(operation, feed)

            return DelegationTarget(name, "poet", "", False, perform)

        async def run(*places: DelegationTarget) -> list[Event]:
            return [e async for e in delegation.delegate(chat(max_tokens=1), places)]

        events = await run(place("peer:a", PeerUnreachable("gone")), place("peer:b"))
        assert [type(e).__name__ for e in events][:3] == ["Rerouted", "Started", "Text"]
        with pytest.raises(InvalidRequest):
            await run(place("peer:a", InvalidRequest("no")), place("peer:b"))
        with pytest.raises(PeerUnreachable, match="both"):
            await run(place("peer:a", PeerLost("x")), place("peer:b", PeerUnreachable("both")))

    tell(story)


def test_the_ledger_of_peers(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        await laptop.pair(desk)
        laptop.local.ledger.begin(to="elsewhere", operation="pull", model="m", bytes_out=0)
        await laptop.recite("desk", max_tokens=1)
        assert len(laptop.local.ledger.entries(10)) == 2
        assert [e.to for e in laptop.local.ledger.entries(10, to="peer:")] == ["peer:desk"]
        assert Ledger(to="peer:").to == "peer:"

    tell(story)
