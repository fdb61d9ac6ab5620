"""What the owner asks about peers, performed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from ingle.capabilities.peers.operation import (
    ConfirmCode,
    ForgetPeer,
    Found,
    GrantInfo,
    GrantPeer,
    Grants,
    Invite,
    Invited,
    Join,
    ListGrants,
    ListPeers,
    Me,
    Nearby,
    Pair,
    Paired,
    PeerInfo,
    Peers,
    RenamePeer,
    Requested,
    Requests,
    ResetIdentity,
    RevokeGrant,
    WhoAmI,
)
from ingle.errors import CapabilityMissing, IngleError, InvalidRequest, NotPaired, PeerNotFound
from ingle.node.performing import Caller, HostedNode, Services
from ingle.operations import Done, Event, Operation
from ingle.peers import discovery, grant_presets, grants, reach
from ingle.peers.address_book import Peer
from ingle.peers.discovery import DiscoveredNode
from ingle.peers.grants import Grant
from ingle.peers.identity import fingerprint
from ingle.peers.invites import InviteTicket as InviteCode
from ingle.peers.peer_service import PeerService
from ingle.peers.transport import PeerAddress

FIND_S = 3.0


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of what the owner asks about paired devices."""
    if node.peer_service is None:
        raise CapabilityMissing("this node has no peers", capability="peers")
    async with contextlib.aclosing(
        _Peers(node.local, node.peer_service).perform(operation)
    ) as events:
        async for event in events:
            yield event


class _Peers:
    """Performs every operation about peers themselves."""

    def __init__(self, local: Services, peer_service: PeerService) -> None:
        self._local = local
        self._peer_service = peer_service

    async def perform(self, operation: Operation) -> AsyncGenerator[Event, None]:
        """The events of an affair."""
        match operation:
            case WhoAmI():
                yield await self._me()
            case Invite():
                yield await self._invite(operation)
            case Join(code=code, name=name):
                async for event in self._join(code, name):
                    yield event
            case Nearby(seconds=seconds):
                async for found in self._nearby(seconds):
                    yield found
            case Pair(peer=wanted):
                async for event in self._pair(wanted):
                    yield event
            case Requests():
                yield Requested(codes=self._peer_service.handshakes.codes)
            case ConfirmCode(code=code, equal=equal):
                self._peer_service.handshakes.decide(code, equal)
                yield Done(message="confirmed" if equal else "rejected; nothing was paired")
            case ListPeers(ask=ask):
                peers = await self._peers(ask)
                yield Peers(peers=peers, problem=self._peer_service.problem)
            case ForgetPeer(peer=name):
                yield Done(message=self._forget(name))
            case RenamePeer():
                yield Peers(peers=[self._info(self._change(operation))])
            case GrantPeer():
                yield Grants(grants=[self._grant(operation)])
            case ListGrants(peer=name):
                yield Grants(grants=self._grants(name))
            case RevokeGrant(grant=grant_id):
                grant = self._peer_service.grant_store.revoke(grant_id)
                self._peer_service.recheck()
                yield Done(message=f"the grant {grant.id} was revoked")
            case ResetIdentity():
                self._peer_service.reset()
                yield Done(message="this device has a new key; the next command starts the node")
                self._local.shut_down()

    async def _me(self) -> Me:
        identity = self._peer_service.identity
        places = (
            (await self._peer_service.open()).transport.places if self._peer_service.is_open else []
        )
        return Me(
            name=identity.name,
            fingerprint=identity.fingerprint,
            key=identity.key.hex(),
            places=places,
            problem=self._peer_service.problem,
        )

    # -- pairing -------------------------------------------------------------

    async def _invite(self, operation: Invite) -> Invited:
        if operation.preset:
            grant_presets.limits_of(operation.preset)
        transport = (await self._peer_service.open()).transport
        address = PeerAddress(
            self._peer_service.identity.key, tuple(transport.places), transport.relay
        )
        invite: InviteCode = self._peer_service.invites.make(
            address, preset=operation.preset, ttl_s=operation.ttl_s
        )
        return Invited(code=invite.code(), expires=invite.expires)

    async def _join(self, code: str, name: str) -> AsyncGenerator[Event, None]:
        joined: list[Peer] = []
        joining = reach.heard(
            lambda told: self._peer_service.handshakes.join(code, name, told), joined.append
        )
        async with contextlib.aclosing(joining) as stages:
            async for stage in stages:
                yield stage
        peer = joined[0]
        # What the invite granted is asked for at once, so that it is there when needed.
        with contextlib.suppress(IngleError, TimeoutError):
            await self._peer_service.dialer.learn(await self._peer_service.dialer.session(peer))
        yield Paired(peer=self._info(self._peer_service.address_book[peer.key]))

    async def _nearby(self, seconds: float) -> AsyncGenerator[Found, None]:
        router = await self._peer_service.open()
        asking = {shown.fingerprint for shown in self._peer_service.handshakes.codes}
        async for neighbour in discovery.every(router.nearby, seconds):
            if neighbour.key != self._peer_service.identity.key:
                known = self._peer_service.address_book.get(neighbour.key)
                yield Found(
                    name=known.name if known else neighbour.name,
                    fingerprint=fingerprint(neighbour.key),
                    place=", ".join(neighbour.places),
                    paired=known is not None,
                    asks=fingerprint(neighbour.key) in asking,
                )

    async def _pair(self, wanted: str) -> AsyncGenerator[Event, None]:
        neighbour = await self._neighbour(wanted)
        shown, waiting = await self._peer_service.handshakes.ask(neighbour)
        try:
            yield shown
            peer = await asyncio.shield(waiting)
        finally:
            waiting.cancel()
        yield Paired(peer=self._info(peer))

    async def _neighbour(self, wanted: str) -> DiscoveredNode:
        router = await self._peer_service.open()
        names = []
        async for neighbour in discovery.every(router.nearby, FIND_S):
            if neighbour.key == self._peer_service.identity.key:
                continue
            if wanted.lower() in (neighbour.name, fingerprint(neighbour.key), neighbour.key.hex()):
                return neighbour
            names.append(neighbour.name)
        raise PeerNotFound(
            f"no device nearby is called {wanted!r}"
            + (f"; there are: {', '.join(names)}" if names else "; no other device was found"),
            hint="on the other device: ingle peers nearby (or, without a common network: "
            "ingle peers invite)",
            peer=wanted,
            known=names,
        )

    def _forget(self, name: str) -> str:
        peer_service = self._peer_service
        peer = peer_service.address_book.find(name)
        peer_service.grant_store.revoke_all(peer.key)
        peer_service.address_book.remove(peer.key)
        peer_service.dialer.hang_up(
            peer.key, NotPaired(f"{peer_service.identity.name} removed this device")
        )
        return f"{peer.name} was removed, and all that was granted to it"

    def _change(self, operation: RenamePeer) -> Peer:
        address_book = self._peer_service.address_book
        peer = address_book.find(operation.peer)
        if operation.places is not None:
            for place in operation.places:
                _check_place(place)
            address_book.met(peer.key, fixed=operation.places)
        return (
            address_book.rename(peer.key, operation.name)
            if operation.name
            else address_book[peer.key]
        )

    # -- list ----------------------------------------------------------------

    async def _peers(self, ask: bool) -> list[PeerInfo]:
        peers = self._peer_service.address_book.peers()
        problems: dict[bytes, str] = {}
        if ask and peers:
            await self._peer_service.open()

            async def refresh(peer: Peer) -> None:
                try:
                    session = await self._peer_service.dialer.session(peer)
                    await session.ping()
                    await self._peer_service.dialer.learn(session)
                except TimeoutError:
                    problems[peer.key] = "it does not answer"
                except IngleError as error:
                    problems[peer.key] = error.message

            await asyncio.gather(*(refresh(peer) for peer in peers))
        return [
            self._info(peer, problems.get(peer.key, ""))
            for peer in self._peer_service.address_book.peers()
        ]

    def _info(self, peer: Peer, problem: str = "") -> PeerInfo:
        session = self._peer_service.dialer.live(peer.key)
        path = session.path() if session else None
        way = peer.way
        if session and path:
            way = "punched" if session.punched else path.way
        held = self._peer_service.grant_store.held(peer.key)
        return PeerInfo(
            name=peer.name,
            fingerprint=peer.fingerprint,
            key=peer.key.hex(),
            called=peer.called,
            paired=peer.paired,
            seen=peer.seen,
            connected=session is not None,
            way=way,
            place=path.place if path else (peer.address.places or ("",))[0],
            round_trip_s=session.round_trip_s if session else None,
            models=list(peer.models),
            given=[grant.id for grant in self._peer_service.grant_store.given(peer.key)],
            held=[grants.read(chain[-1]).id for chain in held],
            problem=problem,
        )

    # -- grants --------------------------------------------------------------

    def _grant(self, operation: GrantPeer) -> GrantInfo:
        peer_service = self._peer_service
        peer = peer_service.address_book.find(operation.peer)
        preset = operation.preset
        limits = grant_presets.limits_of(preset) if preset else grant_presets.GrantLimits()
        bounds: dict[str, Any] = msgspec.structs.asdict(limits)
        named = operation.collections
        bounds["capabilities"] = grant_presets.capabilities_of(preset, named) if preset else ()
        days = bounds.pop("days")
        bounds["ends"] = peer_service.clock.now() + days * 86400 if days else 0.0
        for name in ("context", "max_tokens", "tokens_per_day", "requests_per_minute",
                     "concurrent", "ends", "passes"):  # fmt: skip
            value = getattr(operation, name)
            if value is not None:
                bounds[name] = value
        if operation.per_day:
            bounds["per_day"] = operation.per_day
        if operation.capabilities:
            bounds["capabilities"] = tuple(operation.capabilities)
        if operation.models:
            bounds["models"] = tuple(operation.models)
        if named:
            bounds["collections"] = tuple(named)
        if not bounds["capabilities"]:
            raise InvalidRequest(
                "a grant needs capabilities or a preset",
                hint=f"ingle grant {operation.peer} --capabilities chat,embed, or --preset family",
                field="capabilities",
            )
        parent = peer_service.grant_store.held_chain(operation.of) if operation.of else None
        chain = peer_service.grant_store.give(peer.key, parent=parent, **bounds)
        peer_service.dialer.tell_grants(peer.key)
        return self._grant_info(grants.read(chain[-1]), "given")

    def _grants(self, name: str) -> list[GrantInfo]:
        peer_service = self._peer_service
        peer = peer_service.address_book.find(name) if name else None
        given = peer_service.grant_store.given(peer.key if peer else None)
        held = [
            grants.read(chain[-1]) for chain in peer_service.grant_store.held(peer and peer.key)
        ]
        return [
            *(self._grant_info(grant, "given") for grant in given),
            *(self._grant_info(grant, "held") for grant in held),
        ]

    def _grant_info(self, grant: Grant, direction: str) -> GrantInfo:
        peer_service = self._peer_service
        other = grant.subject if direction == "given" else grant.issuer
        peer = peer_service.address_book.get(other)
        used = peer_service.meter.used(grant)
        return GrantInfo(
            id=grant.id,
            direction=direction,  # type: ignore[arg-type]
            peer=peer.name if peer else fingerprint(other),
            capabilities=list(grant.capabilities),
            models=list(grant.models),
            collections=list(grant.named_collections),
            ends=grant.ends,
            passes=grant.passes,
            used_today=used.tokens,
            amounts_today=peer_service.meter.amounts(grant),
            per_day={} if isinstance(grant.per_day, msgspec.UnsetType) else grant.per_day,
            requests_today=used.requests,
            **{limit: getattr(grant, limit) for limit in grants.LIMITS},
        )


def _check_place(place: str) -> None:
    import ipaddress

    host, _, port = place.rpartition(":")
    try:
        ipaddress.ip_address(host.strip("[]"))
        if not 0 < int(port) < 65536:
            raise ValueError
    except ValueError:
        raise InvalidRequest(
            f"{place!r} is not a valid address such as 192.168.1.5:11412"
        ) from None
