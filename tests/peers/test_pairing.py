"""Pairing: invites, short codes, and those who try without."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from ingle.capabilities.peers.operation import (
    ConfirmCode,
    ForgetPeer,
    Found,
    Invite,
    Invited,
    Join,
    ListPeers,
    Nearby,
    Pair,
    Paired,
    Peers,
    Requested,
    Requests,
    ShowCode,
)
from ingle.errors import (
    IdentityInUse,
    InvalidRequest,
    NotFound,
    NotPaired,
    PairingRefused,
    PeerLost,
    PeerNotFound,
    PeerUnreachable,
    ProtocolError,
)
from ingle.operations import Done
from ingle.peers import invites, pairing
from ingle.peers.identity import Identity, fingerprint
from ingle.peers.transport import NODE, PAIR, PeerAddress
from ingle.testing.virtual_time import elapse
from tests.peers.devices import Device, Street, drain


def test_an_invite_pairs_both_sides(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        peer = await laptop.pair(desk)
        assert peer.name == "desk"
        assert peer.fingerprint == desk.peer_service.identity.fingerprint
        (known,) = (await desk.ask(ListPeers(), Peers)).peers
        assert known.name == "laptop"
        assert known.connected

    tell(story)


def test_an_invite_works_once(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        thief = await street.device("thief")
        code = (await desk.ask(Invite(), Invited)).code
        await laptop.ask(Join(code=code), Paired)
        with pytest.raises(PairingRefused, match="already been used"):
            await thief.ask(Join(code=code), Paired)
        assert [p.name for p in desk.peer_service.address_book.peers()] == ["laptop"]

    tell(story)


def test_an_invite_expires(tell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        code = (await desk.ask(Invite(ttl_s=60), Invited)).code
        desk.wall.ahead_s = 61
        with pytest.raises(PairingRefused, match="expired"):
            await laptop.ask(Join(code=code), Paired)

    tell(story)


def test_a_clock_set_back_does_not_revive_an_invite(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        code = (await desk.ask(Invite(ttl_s=60), Invited)).code
        desk.wall.ahead_s = 61
        desk.peer_service.clock.now()
        desk.wall.ahead_s = -3600
        with pytest.raises(PairingRefused, match="expired"):
            await laptop.ask(Join(code=code), Paired)

    tell(story)


def test_two_race_for_one_invite(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk = await street.device("desk")
        racers = [await street.device(f"racer{n}") for n in range(5)]
        code = (await desk.ask(Invite(), Invited)).code
        ended = await asyncio.gather(
            *(racer.ask(Join(code=code), Paired) for racer in racers), return_exceptions=True
        )
        assert sum(isinstance(end, Paired) for end in ended) == 1
        assert len(desk.peer_service.address_book.peers()) == 1

    tell(story)


def test_a_code_that_was_mistyped_is_told_apart_from_a_wrong_one() -> None:
    address = PeerAddress(Identity.generate("a").key, ("10.0.0.1:11412", "[fe80::1]:5"), "")
    code = invites.InviteTicket(b"s" * 16, 1_800_000_000, address).code()
    assert invites.parse(code) == invites.InviteTicket(b"s" * 16, 1_800_000_000, address)
    assert invites.parse(f" {code[:20].upper()}-{code[20:]}\n").address == address
    for wrong in (code[:-1], code[:30] + ("a" if code[30] != "a" else "b") + code[31:], "", "x"):
        with pytest.raises(InvalidRequest):
            invites.parse(wrong)


def test_ones_own_invite_is_refused(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk = await street.device("desk")
        code = (await desk.ask(Invite(), Invited)).code
        with pytest.raises(InvalidRequest, match="created by this device"):
            await desk.ask(Join(code=code), Paired)

    tell(story)


def test_an_inviter_that_is_gone_is_named_unreachable(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        code = (await desk.ask(Invite(), Invited)).code
        street.network.kill(desk.transport.place)
        with pytest.raises(PeerUnreachable):
            await laptop.ask(Join(code=code), Paired)

    tell(story)


async def _ask_and_confirm(asker: Device, asked: Device, equal: bool) -> Paired:
    """The people of both sides do what they are told."""
    async with asker.node.perform(Pair(peer=asked.name)) as events:
        async for event in events:
            if isinstance(event, ShowCode):
                await elapse(1)  # people are slower than the network
                (request,) = (await asked.ask(Requests(), Requested)).codes
                assert request.code == event.code
                assert request.fingerprint == asker.peer_service.identity.fingerprint
                await asked.ask(ConfirmCode(code=event.code, equal=equal), Done)
                await asker.ask(ConfirmCode(code=event.code), Done)
            if isinstance(event, Paired):
                return event
    raise AssertionError("it ended without being paired")


def test_neighbours_pair_by_a_code_that_both_confirm(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        async with laptop.node.perform(Nearby(seconds=1)) as events:
            found = [event async for event in events if isinstance(event, Found)]
        assert [one.name for one in found] == ["desk"]
        paired = await _ask_and_confirm(laptop, desk, equal=True)
        assert paired.peer.name == "desk"
        assert [p.name for p in desk.peer_service.address_book.peers()] == ["laptop"]

    tell(story)


def test_a_refused_code_pairs_nobody(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        with pytest.raises(PairingRefused, match="differ"):
            await _ask_and_confirm(laptop, desk, equal=False)
        assert (
            desk.peer_service.address_book.peers() == laptop.peer_service.address_book.peers() == []
        )

    tell(story)


def test_a_wrong_code_pairs_nobody(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")

        async def mistype() -> None:
            async with laptop.node.perform(Pair(peer="desk")) as events:
                async for event in events:
                    assert isinstance(event, ShowCode)
                    await elapse(1)
                    wrong = f"{(int(event.code) + 1) % 1_000_000:06}"
                    with pytest.raises(PairingRefused, match="not the code"):
                        await desk.ask(ConfirmCode(code=wrong), Done)

        with pytest.raises(PairingRefused):
            await mistype()
        assert (
            desk.peer_service.address_book.peers() == laptop.peer_service.address_book.peers() == []
        )
        await elapse(10)
        with pytest.raises(NotFound):
            await desk.ask(ConfirmCode(code="000000"), Done)

    tell(story)


def test_nobody_in_the_middle_can_choose_equal_codes(tell: Any) -> None:
    """A node that changes its nonce after it has seen the other's is found out."""

    async def story(street: Street) -> None:
        desk, crook = await street.device("desk"), await street.device("crook")
        address = PeerAddress(desk.peer_service.identity.key, (desk.transport.place,))
        link = await crook.transport.dial(address, PAIR)
        stream = await link.open()
        card = pairing.PairingCard("crook")
        pairing._send(stream, pairing.PairingRequest(card, b"committed to something"))
        await pairing._receive(stream, pairing.PairingResponse)
        pairing._send(stream, pairing.RevealNonce(b"something else"))
        with pytest.raises(ProtocolError, match="changed its nonce"):
            await pairing._receive(stream, pairing.CodesMatch)

    tell(story)


def test_nobody_confirms_in_time(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        with pytest.raises(PairingRefused, match="confirmed"):
            await drain(laptop.node, Pair(peer="desk"))
        assert desk.peer_service.address_book.peers() == []

    tell(story)


def test_somebody_who_is_not_there(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk = await street.device("desk")
        await street.device("shed")
        with pytest.raises(PeerNotFound, match="shed"):
            await desk.ask(Pair(peer="attic"), Paired)

    tell(story)


def test_an_unknown_key_may_ask_nothing(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, crook = await street.device("desk"), await street.device("crook")
        crook.peer_service.address_book.add(
            desk.peer_service.identity.key, "desk", (desk.transport.place,), 0.0
        )
        with pytest.raises(NotPaired, match="does not know"):
            await crook.recite("desk")
        assert desk.local.performed == []

    tell(story)


@pytest.mark.parametrize(
    "said", [b"\xff\xff", b"\x00\x05abcde", b"\x00\x04", b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00"]
)
def test_garbage_on_the_pairing_protocol(tell: Any, said: bytes) -> None:
    async def story(street: Street) -> None:
        desk, crook = await street.device("desk"), await street.device("crook")
        address = PeerAddress(desk.peer_service.identity.key, (desk.transport.place,))
        link = await crook.transport.dial(address, PAIR)
        stream = await link.open()
        stream.send(said)
        assert await asyncio.wait_for(stream.receive(), 30) in (b"",) or True
        laptop = await street.device("laptop")
        assert (await laptop.pair(desk)).name == "desk"

    tell(story)


def test_somebody_who_knocks_and_says_nothing_is_shown_out(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, crook = await street.device("desk"), await street.device("crook")
        address = PeerAddress(desk.peer_service.identity.key, (desk.transport.place,))
        for protocol in (PAIR, NODE):
            link = await crook.transport.dial(address, protocol)
            loop = asyncio.get_running_loop()
            began = loop.time()
            with pytest.raises(Exception, match="closed"):
                await link.accept()
            assert loop.time() - began < 15

    tell(story)


@pytest.mark.parametrize("after_s", [0.0, 0.006, 0.012, 0.018, 0.024, 0.03])
def test_a_peer_that_vanishes_while_pairing(tell: Any, after_s: float) -> None:
    """Whenever it happens: an error with a reason, and no one is paired with half a story."""

    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        code = (await desk.ask(Invite(), Invited)).code
        joining = asyncio.create_task(laptop.ask(Join(code=code), Paired))
        await elapse(after_s)
        street.network.kill(desk.transport.place)
        (ended,) = await asyncio.gather(joining, return_exceptions=True)
        knows = [peer.name for peer in laptop.peer_service.address_book.peers()]
        if isinstance(ended, Paired):
            assert knows == ["desk"]
        else:
            assert isinstance(ended, (PeerUnreachable, PeerLost, PairingRefused))
            assert knows == []

    tell(story)


def test_forgetting_ends_what_continues(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk = await street.device("desk", pace_s=0.1)
        laptop = await street.device("laptop", models={})
        await laptop.pair(desk)
        going = asyncio.create_task(laptop.recite("desk"))
        await elapse(1)
        assert desk.local.under_way == 1
        await desk.ask(ForgetPeer(peer="laptop"), Done)
        await elapse(0.1)
        assert desk.local.under_way == 0
        with pytest.raises((NotPaired, PeerLost)):
            await going
        with pytest.raises(NotPaired):
            await laptop.recite("desk")

    tell(story)


def test_a_copied_state_directory_is_noticed(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        await laptop.pair(desk)
        copy = await street.device("laptop", identity=laptop.peer_service.identity)
        copy.peer_service.address_book.add(
            desk.peer_service.identity.key, "desk", (desk.transport.place,), 0.0
        )
        with pytest.raises(IdentityInUse, match="copied"):
            await copy.recite("desk")
        await elapse(1)
        assert "copied" in copy.peer_service.problem
        listed = await copy.ask(ListPeers(), Peers)
        assert listed.problem == copy.peer_service.problem
        assert (await laptop.recite("desk")).words == 200

    tell(story)


def test_a_node_that_was_restarted_is_no_copy(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk, laptop = await street.device("desk"), await street.device("laptop")
        await laptop.pair(desk)
        street.network.kill(laptop.transport.place)
        again = await street.device("laptop", identity=laptop.peer_service.identity)
        again.peer_service.address_book.add(
            desk.peer_service.identity.key, "desk", (desk.transport.place,), 0.0
        )
        assert (await again.recite("desk")).words == 200

    tell(story)


def test_names_are_unique(tell: Any) -> None:
    async def story(street: Street) -> None:
        desk = await street.device("desk")
        names = [(await desk.pair(await street.device("phone"))).name for _ in range(3)]
        assert names == ["phone", "phone-2", "phone-3"]

    tell(story)


def test_a_name_may_say_anything(tell: Any) -> None:
    """What another calls itself becomes a name that is safe to show and to type."""

    async def story(street: Street) -> None:
        desk, crook = await street.device("desk"), await street.device("crook")
        crook.peer_service.identity.name = "\x1b[31m../../desk \n" + "x" * 1000
        await crook.pair(desk)
        (peer,) = desk.peer_service.address_book.peers()
        assert peer.name == peer.called
        assert msgspec.json.encode(peer.name).isascii()
        assert all(letter.isalnum() or letter == "-" for letter in peer.name)
        assert len(peer.name) <= 32

    tell(story)


def test_fingerprints_are_of_the_key() -> None:
    key = bytes(range(32))
    assert fingerprint(key) == fingerprint(key)
    assert len(fingerprint(key)) == 19
    assert fingerprint(key) != fingerprint(key[::-1])
