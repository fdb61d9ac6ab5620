"""Pairings under way on this node: invites being used, codes being compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ingle.capabilities.peers.operation import ShowCode
from ingle.errors import Busy, IngleError, InvalidRequest, NotFound, PairingRefused
from ingle.peers import grant_presets, invites, pairing
from ingle.peers.address_book import AddressBook, Peer
from ingle.peers.dialer import Dialer
from ingle.peers.discovery import DiscoveredNode
from ingle.peers.grant_store import GrantStore
from ingle.peers.identity import Identity, Key, fingerprint
from ingle.peers.invites import Invites
from ingle.peers.monotonic_clock import MonotonicClock
from ingle.peers.pairing import CodeComparison, PairingCard
from ingle.peers.reach import Told
from ingle.peers.transport import PAIR, Link, PeerAddress

PENDING = 4
"""Codes that may wait for people at once: more would be someone who guesses."""


class Handshakes:
    """Both sides of pairing, and the codes that wait for the owner's word.

    Args:
        identity: who this node is; made when it is first asked.
        granting: gives what an invite promises.
    """

    def __init__(
        self,
        identity: Callable[[], Identity],
        address_book: AddressBook,
        clock: MonotonicClock,
        invites: Invites,
        grant_store: GrantStore,
        dialer: Dialer,
    ) -> None:
        self._identity = identity
        self._address_book = address_book
        self._clock = clock
        self._invites = invites
        self._grant_store = grant_store
        self._dialer = dialer
        self._pending: dict[str, tuple[CodeComparison, Key, bool]] = {}
        self._tasks: set[asyncio.Task[object]] = set()

    async def close(self) -> None:
        """Give up what waits."""
        for agreement, _, _ in self._pending.values():
            agreement.decide(False)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def codes(self) -> list[ShowCode]:
        """What other devices' people should see, too: asked of us, and not yet confirmed."""
        return [
            ShowCode(code=code, name=agreement.card.name, fingerprint=fingerprint(key))
            for code, (agreement, key, asked) in self._pending.items()
            if asked and not agreement.decided.done()
        ]

    def decide(self, code: str, equal: bool) -> None:
        """The owner has compared.

        Raises:
            PairingRefused: no such code here: the devices do not show the same one.
        """
        wanted = "".join(letter for letter in code if letter.isdigit())
        waiting = self._pending.get(wanted)
        if waiting is None:
            for agreement, _, _ in self._pending.values():
                agreement.decide(False)
            if not self._pending:
                raise NotFound("no device is asking to pair", hint="ingle peers nearby")
            raise PairingRefused(
                "that is not the code this device shows: the connection may be "
                "intercepted; nothing was paired",
                hint="ingle peers nearby, and pair again",
            )
        waiting[0].decide(equal)

    async def join(self, code: str, name: str, told: Told) -> Peer:
        """Use an invite; ``told`` hears by which ways its maker is looked for.

        Raises:
            InvalidRequest, PairingRefused
        """
        invite = invites.parse(code)
        if invite.address.key == self._identity().key:
            raise InvalidRequest("this invite was created by this device", field="code")
        link = await self._dial(invite.address, told)
        try:
            card = await pairing.redeem(link, invite.secret, await self._card())
        finally:
            link.close()
        places = (*invite.address.places, *card.places)
        return self._write_down(invite.address.key, name or card.name, places, card.relay)

    async def ask(self, neighbour: DiscoveredNode) -> tuple[ShowCode, asyncio.Task[Peer]]:
        """Ask a node nearby to pair; the task ends once both sides' people have confirmed."""
        link = await self._dial(PeerAddress(neighbour.key, neighbour.places))
        agreement = await pairing.ask(link, self._identity().key, await self._card())
        waiting = asyncio.create_task(self._agree(agreement, link, neighbour.places, asked=False))
        self._keep(waiting)
        shown = ShowCode(
            code=agreement.code, name=agreement.card.name, fingerprint=fingerprint(link.remote)
        )
        return shown, waiting

    async def serve(self, link: Link) -> None:
        """Someone dialled us to pair."""
        try:
            opening = await pairing.opening(link)
            try:
                await self._answer(opening, link)
            except IngleError as error:
                await pairing.refuse(opening, error)
        except IngleError:
            pass  # it disappeared, or spoke nonsense: nothing was promised to it
        finally:
            link.close()

    async def _answer(self, opening: pairing.PairingAttempt, link: Link) -> None:
        if isinstance(opening.message, pairing.RedeemInvite):
            card = opening.message.card
            preset = self._invites.redeem(opening.message.secret, link.remote)
            self._write_down(link.remote, card.name, card.places, card.relay)
            if preset:
                self.grant_preset(link.remote, preset)
            await pairing.accept_invite(opening, await self._card())
            return
        if len(self._pending) >= PENDING:
            raise Busy(f"{PENDING} devices are already waiting to pair", limit=PENDING)
        agreement = await pairing.answer(opening, link, self._identity().key, await self._card())
        await self._agree(agreement, link, agreement.card.places, asked=True)

    def grant_preset(self, subject: Key, preset: str) -> None:
        """What an invite promised."""
        bounds = grant_presets.limits_of(preset)
        ends = self._clock.now() + bounds.days * 86400 if bounds.days else 0.0
        self._grant_store.give(
            subject,
            capabilities=grant_presets.capabilities_of(preset),
            tokens_per_day=bounds.tokens_per_day,
            requests_per_minute=bounds.requests_per_minute,
            concurrent=bounds.concurrent,
            max_tokens=bounds.max_tokens,
            ends=ends,
        )

    async def _agree(
        self, agreement: CodeComparison, link: Link, places: tuple[str, ...], *, asked: bool
    ) -> Peer:
        self._pending[agreement.code] = (agreement, link.remote, asked)
        try:
            await agreement.both()
            if not asked:
                await agreement.noted()
            card = agreement.card
            peer = self._write_down(link.remote, card.name, (*places, *card.places), card.relay)
            if asked:
                await agreement.note()
        finally:
            del self._pending[agreement.code]
            link.close()
        return peer

    def _write_down(self, key: Key, name: str, places: tuple[str, ...], relay: str) -> Peer:
        self._address_book.add(
            key, name[:64], tuple(p[:100] for p in places[:8]), self._clock.now()
        )
        self._address_book.met(key, relay=relay[:200], seen=self._clock.now())
        return self._address_book[key]

    async def _card(self) -> PairingCard:
        transport = (await self._dialer.open()).transport
        return PairingCard(self._identity().name, tuple(transport.places[:8]), transport.relay)

    async def _dial(self, address: PeerAddress, told: Told | None = None) -> Link:
        """To someone who is not in the book yet, by all ways."""
        someone = Peer(
            address.key, "the other device", "", address.places, (), address.relay, 0.0, 0.0, "", ()
        )
        return await self._dialer.link(someone, PAIR, told)

    def _keep(self, task: asyncio.Task[Peer]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
