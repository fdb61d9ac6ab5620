"""The authorizer: what a paired device may ask of this node, as a layer in front of it.

What a capability's declaration does not open to others is refused, whatever a grant says.
Each request is checked before any work, cut down to its grant, metered in its capability's
unit, and stopped when the grant is taken back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple, Protocol

import msgspec

from ingle.capabilities.peering.operation import Offered, SharedModel
from ingle.capabilities.store.operation import ModelSummary
from ingle.errors import GrantExhausted, GrantRefused, NotPaired
from ingle.node.performing import Caller
from ingle.operations import Operation, Started, operation_name, registry
from ingle.operations.capability import (
    Capability,
    Cost,
    Grantable,
    Granted,
    OwnerOnly,
    PairedDevices,
)
from ingle.operations.encoded import Encoded, Passed, tag
from ingle.peers import grants
from ingle.peers.address_book import AddressBook
from ingle.peers.grant_store import GrantStore
from ingle.peers.grants import Chain, Grant
from ingle.peers.identity import Identity, Key, fingerprint
from ingle.peers.meter import Admission, UsageMeter
from ingle.peers.monotonic_clock import MonotonicClock
from ingle.peers.restriction import (
    adapters_named_by,
    collection_named_by,
    model_named_by,
    model_setting_of,
    restricted,
)
from ingle.peers.usage_counter import UsageCounter, estimated
from ingle.protocol.piece_stream import PieceStream


class Provider(Protocol):
    """The node behind the authorizer."""

    def relay_for(
        self, caller: Caller, operation: Operation
    ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
        """Perform an operation for a guest."""
        ...

    def setting(self, name: str) -> str:
        """The value of a setting that names a model."""
        ...

    def resolve(self, model: str) -> tuple[str, str]:
        """Name and digest of what is meant by a name. Raises ModelNotFound."""
        ...

    def prompt_bytes(self, model: str) -> int:
        """Bytes of prompt that a model brings to each request."""
        ...

    def models(self) -> list[ModelSummary]:
        """All models here."""
        ...

    def shared(self) -> list[SharedModel]:
        """Models whose files paired devices may have, if a grant says so."""
        ...


class PeerPrincipal:
    """Another device on one session, and the grants it shows."""

    def __init__(self, key: Key, name: str) -> None:
        self.key = key
        self.name = name
        self.chains: list[Chain] = []
        self.peering = 1
        """The version of ``peering`` that it speaks."""

    def show(self, packed: tuple[bytes, ...]) -> None:
        """Take the chains of its greeting.

        Raises:
            GrantRefused: bytes that are not a chain.
        """
        self.chains = [grants.unpack(data) for data in packed[:8]]


class _RunningOperation(NamedTuple):
    under: list[Grant]
    why: list[GrantRefused]


class Authorizer:
    """Answers the operations of peers, within their grants."""

    def __init__(
        self,
        node: Provider,
        identity: Identity,
        address_book: AddressBook,
        grant_store: GrantStore,
        meter: UsageMeter,
        clock: MonotonicClock,
    ) -> None:
        self._node = node
        self._identity = identity
        self._address_book = address_book
        self._grant_store = grant_store
        self._meter = meter
        self._clock = clock
        self._under_way: dict[asyncio.Task[object], _RunningOperation] = {}

    def is_paired(self, principal: PeerPrincipal) -> bool:
        """Is it paired, or does it show a grant that holds?"""
        if self._address_book.get(principal.key) is not None:
            return True
        return bool(self._grant_store.permissions(principal.key, principal.chains))

    def answer(
        self, principal: PeerPrincipal, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
        """As `Node.relay`, for a peer."""
        return self._answer(principal, operation, feed)

    def recheck(self) -> None:
        """Grants have changed: stop what none allows any more."""
        for task, (under, why) in list(self._under_way.items()):
            given = {grant.id for grant in self._grant_store.given()}
            if under[0].id not in given and not why:
                why.append(GrantRefused(f"the grant {under[0].id} was revoked"))
                task.cancel()

    @asynccontextmanager
    async def _answer(
        self, principal: PeerPrincipal, operation: Operation, feed: PieceStream | None
    ) -> AsyncIterator[AsyncIterator[Passed]]:
        if not self.is_paired(principal):
            raise NotPaired(
                f"{self._identity.name} does not know {fingerprint(principal.key)}",
                hint="ingle peers join CODE",
            )
        capability = registry.of(operation)
        caller = Caller(principal.key.hex(), feed, principal)
        match capability.permission_of(operation):
            case OwnerOnly():
                raise GrantRefused(
                    f"{operation_name(operation)!r} is reserved to the owner of the device",
                    wanted=operation_name(operation),
                )
            case PairedDevices():
                async with self._node.relay_for(caller, operation) as events:
                    yield events
            case Grantable():
                async with self._work(caller, operation, capability, capability.name) as events:
                    yield events
            case Granted():
                wanted = str(getattr(operation, "capability", ""))
                async with self._work(caller, operation, capability, wanted) as events:
                    yield events

    def offer(self, principal: PeerPrincipal) -> Offered:
        """What it may use here."""
        permissions = self._grant_store.permissions(principal.key, principal.chains)
        able = [
            capability.name
            for capability in registry.everything().values()
            if isinstance(capability.permission, Grantable) and capability.route == "model"
        ]
        models = [
            model
            for model in self._node.models()
            if any(
                grants.allowed(under, capability, model.name, model.digest)
                for under in permissions
                for capability in able
            )
        ]
        shared = [
            model
            for model in self._node.shared()
            if any(grants.allowed(under, "pull", model.name, model.digest) for under in permissions)
        ]
        lefts = [self._left(under) for under in permissions]
        bounded = [left for left in lefts if left is not None]
        return Offered(
            name=self._identity.name,
            models=[model.name for model in models],
            digests=[model.digest for model in models],
            chains=[
                grants.pack(chain)
                for chain in self._grant_store.chains_for(principal.key)
                if grants.readable(chain, principal.peering)
            ],
            shared=shared,
            left=int(max(bounded)) if bounded and len(bounded) == len(lefts) else None,
        )

    def _left(self, under: list[Grant], unit: str = grants.TOKENS) -> float | None:
        lefts = [self._meter.left(grant, unit) for grant in under]
        return min((left for left in lefts if left is not None), default=None)

    @asynccontextmanager
    async def _work(
        self, caller: Caller, operation: Operation, capability: Capability, wanted: str
    ) -> AsyncIterator[AsyncIterator[Passed]]:
        principal: PeerPrincipal = caller.peer
        cost = capability.cost
        unit = cost.unit if isinstance(cost, Cost) else ""
        under = self._permission(principal, operation, wanted, unit)
        operation = restricted(operation, capability, under)
        if estimated(capability, operation) is None:
            async with self._node.relay_for(caller, operation) as events:
                yield events
            return
        count = UsageCounter(capability, operation)
        most = count.most
        if most is not None and (model := model_named_by(operation)):
            most += self._node.prompt_bytes(model)
        admission = self._meter.admit(under, unit, count.estimate, count.answer, most)
        with self._revocable(under, admission, count):
            operation = _bounded(operation, cost, admission)
            async with self._node.relay_for(caller, operation) as events:
                yield _metered(events, admission, count)

    @contextlib.contextmanager
    def _revocable(
        self, under: list[Grant], admission: Admission, count: UsageCounter
    ) -> Iterator[None]:
        """Work that ends when its grant is taken back, and is settled however it ends.

        Raises:
            GrantRefused: it was taken back.
            GrantExhausted: the engine has counted more than is left.
        """
        task = asyncio.current_task()
        assert task is not None
        why: list[GrantRefused] = []
        self._under_way[task] = _RunningOperation(under, why)
        try:
            yield
        except asyncio.CancelledError:
            if not why:
                raise
            task.uncancel()
            raise why[0] from None
        except GrantExhausted as error:
            if "needed" in error.details:  # from the engine, which knows no grants
                raise admission.exhausted(error.details["needed"]) from None
            raise
        finally:
            del self._under_way[task]
            admission.close(count.used)

    def _permission(
        self, principal: PeerPrincipal, operation: Operation, capability: str, unit: str
    ) -> list[Grant]:
        """The chain that allows this, the one with the most left first.

        Raises:
            GrantRefused: none does; says why.
        """
        permissions = self._grant_store.permissions(principal.key, principal.chains)
        able = [under for under in permissions if grants.allowed(under, capability)]
        if not able:
            why = self._grant_store.explain(principal.key, principal.chains)
            collection = collection_named_by(operation)
            raise GrantRefused(
                f"{self._identity.name} has not granted you to {capability}"
                + (f": {why}" if why else ""),
                hint=f"on {self._identity.name}: ingle grant NAME --capabilities {capability}"
                + (f" --collections {collection}" if collection else ""),
                wanted=capability,
            )
        fitting = self._reading(able, operation, capability)
        model = model_named_by(operation)
        if not model and (setting := model_setting_of(operation)):
            model = self._node.setting(setting)
        if model:
            names = self._node.resolve(model)
            fitting = [under for under in fitting if grants.allowed(under, capability, *names)]
        for adapter in adapters_named_by(operation):
            fitting = [under for under in fitting if grants.allowed(under, capability, adapter)]
        if not fitting:
            raise GrantRefused(
                f"{self._identity.name} has not granted you the model {model}",
                hint=f"ask its owner for: ingle grant {fingerprint(self._identity.key)}",
                wanted=model,
            )
        return max(fitting, key=lambda under: _most(self._left(under, unit)))

    def _reading(
        self, able: list[list[Grant]], operation: Operation, capability: str
    ) -> list[list[Grant]]:
        """The chains that name the collection of a request, where it is about one.

        Raises:
            GrantRefused: none does. It reads alike whether there is such a collection or not.
        """
        collection = collection_named_by(operation)
        if not collection:
            return able
        fitting = [under for under in able if grants.reads(under, collection)]
        if not fitting:
            here = self._identity.name
            raise GrantRefused(
                f"{here} has not granted you to {capability} the collection {collection}",
                hint=f"on {here}: ingle grant NAME --capabilities {capability} "
                f"--collections {collection}",
                wanted=collection,
            )
        return fitting


def _bounded(operation: Operation, cost: object, admission: Admission) -> Operation:
    """The request, with no more answer and no more work than was set aside for it."""
    if isinstance(cost, Cost) and cost.bounded is not None:
        operation = cost.bounded(operation, admission.answer)
    if isinstance(cost, Cost) and cost.limited is not None and admission.limit is not None:
        operation = cost.limited(operation, int(admission.limit))
    return operation


def _most(left: float | None) -> float:
    return float("inf") if left is None else left


async def _metered(
    events: AsyncIterator[Passed], admission: Admission, count: UsageCounter
) -> AsyncIterator[Passed]:
    """The events, each counted; the first says under which grant.

    Raises:
        GrantExhausted: more is used than is left.
    """
    async for event in events:
        count.add(event)
        admission.note(count.used)
        if tag(event) == "started":
            started = event.decode({"started": Started}) if isinstance(event, Encoded) else event
            assert isinstance(started, Started)
            event = msgspec.structs.replace(started, grant=admission.grants[-1].id)
        yield event
