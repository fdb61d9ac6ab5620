"""The gate: what a paired device may ask of this node, and the answer to it.

Peer routes and owner routes are disjoint: everything that is not named here is
refused, whatever a grant says. Each request is checked before any work, cut
down to its grant, metered, and stopped when the grant is taken back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import msgspec

from ingle.errors import (
    ContextLengthExceeded,
    GrantExhausted,
    GrantRefused,
    NotPaired,
    UnsafeURL,
)
from ingle.node import images
from ingle.operations import (
    Chat,
    Complete,
    Detokenize,
    Done,
    Embed,
    Embedded,
    Event,
    Expect,
    FetchRun,
    FollowRun,
    Generation,
    Introduce,
    Introduced,
    ModelOperation,
    ModelSummary,
    News,
    Offer,
    Offered,
    Operation,
    Reasoning,
    RemoveRun,
    Rerank,
    Reranked,
    SendExamples,
    SharedModel,
    StopRun,
    Text,
    Tokenize,
    ToolCallPiece,
    Train,
    TrainingProgress,
    Usage,
    operation_name,
)
from ingle.peers import grants
from ingle.peers.book import Book
from ingle.peers.clock import Clock
from ingle.peers.granting import Granting
from ingle.peers.grants import Chain, Grant
from ingle.peers.identity import Identity, Key, fingerprint
from ingle.peers.meter import Admission, Meter

BYTES_PER_TOKEN = 4
"""For estimating a prompt before it is tokenised; settled by the engine's count."""
IMAGE_BYTES = 256 * 1024
IMAGE_TOKENS = 1024
_NEEDS = {
    Chat: "chat",
    Complete: "complete",
    Embed: "embed",
    Rerank: "rerank",
    Tokenize: "tokenize",
    Detokenize: "tokenize",
}


class Provider(Protocol):
    """The node behind the gate."""

    def perform_for(
        self, party: str, operation: Operation
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Perform an operation for a guest."""
        ...

    def resolve(self, model: str) -> tuple[str, str]:
        """Name and digest of what is meant by a name. Raises ModelNotFound."""
        ...

    def models(self) -> list[ModelSummary]:
        """All models here."""
        ...

    def shared(self) -> list[SharedModel]:
        """Models whose files paired devices may have, if a grant says so."""
        ...


class Visitor:
    """Another device on one session, and the grants it shows."""

    def __init__(self, key: Key, name: str) -> None:
        self.key = key
        self.name = name
        self.chains: list[Chain] = []

    def show(self, packed: tuple[bytes, ...]) -> None:
        """Take the chains of its greeting.

        Raises:
            GrantRefused: bytes that are no chain.
        """
        self.chains = [grants.unpack(data) for data in packed[:8]]


class Gate:
    """Answers visitors.

    Args:
        introduce, expect, news: what is done for `Introduce`, `Expect` and `News`.
    """

    def __init__(
        self,
        node: Provider,
        identity: Identity,
        book: Book,
        granting: Granting,
        meter: Meter,
        clock: Clock,
        *,
        introduce: Callable[[Key, Key], Awaitable[Introduced]],
        expect: Callable[[Key, Key, str], None],
        news: Callable[[Key], None],
    ) -> None:
        self._node = node
        self._identity = identity
        self._book = book
        self._granting = granting
        self._meter = meter
        self._clock = clock
        self._introduce = introduce
        self._expect = expect
        self._news = news
        self._under_way: dict[asyncio.Task[object], tuple[list[Grant], list[GrantRefused]]] = {}

    def welcome(self, visitor: Visitor) -> bool:
        """Is it paired, or does it show a grant that holds?"""
        if self._book.get(visitor.key) is not None:
            return True
        return bool(self._granting.permissions(visitor.key, visitor.chains))

    def answer(
        self, visitor: Visitor, operation: Operation
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """As `Node.perform`, for a visitor."""
        return self._answer(visitor, operation)

    def recheck(self) -> None:
        """Grants have changed: stop what none allows any more."""
        for task, (under, why) in list(self._under_way.items()):
            given = {grant.id for grant in self._granting.given()}
            if under[0].id not in given and not why:
                why.append(GrantRefused(f"the grant {under[0].id} was taken back"))
                task.cancel()

    @asynccontextmanager
    async def _answer(
        self, visitor: Visitor, operation: Operation
    ) -> AsyncIterator[AsyncIterator[Event]]:
        if not self.welcome(visitor):
            raise NotPaired(
                f"{self._identity.name} does not know {fingerprint(visitor.key)}",
                hint="ingle peers join CODE",
            )
        match operation:
            case Chat() | Complete() | Embed() | Rerank() | Tokenize() | Detokenize():
                async with self._work(visitor, operation) as events:
                    yield events
            case Train():
                async with self._train(visitor, operation) as events:
                    yield events
            case SendExamples(model=model):
                self._may_train(visitor, *self._node.resolve(model))
                async with self._node.perform_for(visitor.key.hex(), operation) as events:
                    yield events
            case FollowRun() | StopRun() | RemoveRun() | FetchRun():
                self._may_train(visitor)
                # Names are the visitor's own: the node keeps its runs apart from all others.
                async with self._node.perform_for(visitor.key.hex(), operation) as events:
                    yield events
            case Offer():
                yield _once(self.offer(visitor))
            case Introduce(key=key):
                yield _once(await self._introduce(visitor.key, key))
            case Expect(key=key, place=place):
                self._expect(visitor.key, key, place)
                yield _once(Done())
            case News():
                self._news(visitor.key)
                yield _once(Done())
            case _:
                raise GrantRefused(
                    f"{operation_name(operation)!r} is the owner's business; "
                    "no grant can allow it to another device",
                    wanted=operation_name(operation),
                )

    def offer(self, visitor: Visitor) -> Offered:
        """What it may use here."""
        permissions = self._granting.permissions(visitor.key, visitor.chains)
        models = [
            model
            for model in self._node.models()
            if any(
                grants.allowed(under, capability, model.name, model.digest)
                for under in permissions
                for capability in grants.MODEL_CAPABILITIES
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
            chains=[grants.pack(chain) for chain in self._granting.chains_for(visitor.key)],
            shared=shared,
            left=max(bounded) if bounded and len(bounded) == len(lefts) else None,
        )

    def _left(self, under: list[Grant]) -> int | None:
        lefts = [self._meter.left(grant) for grant in under]
        return min((left for left in lefts if left is not None), default=None)

    @asynccontextmanager
    async def _work(
        self, visitor: Visitor, operation: ModelOperation
    ) -> AsyncIterator[AsyncIterator[Event]]:
        under = self._permission(visitor, operation)
        operation = self._cut(operation, under)
        answer = operation.max_tokens if isinstance(operation, Generation) else 0
        admission = self._meter.admit(under, _prompt_tokens(operation), answer)
        if isinstance(operation, Generation):
            operation = msgspec.structs.replace(operation, max_tokens=admission.answer)
        with self._revocable(under, admission):
            async with self._node.perform_for(visitor.key.hex(), operation) as events:
                yield _metered(events, admission)

    @contextlib.contextmanager
    def _revocable(self, under: list[Grant], admission: Admission) -> Iterator[None]:
        """Work that ends when its grant is taken back, and is settled however it ends.

        Raises:
            GrantRefused: it was taken back.
        """
        task = asyncio.current_task()
        assert task is not None
        why: list[GrantRefused] = []
        self._under_way[task] = (under, why)
        try:
            yield
        except asyncio.CancelledError:
            if not why:
                raise
            task.uncancel()
            raise why[0] from None
        finally:
            del self._under_way[task]
            admission.close()

    @asynccontextmanager
    async def _train(
        self, visitor: Visitor, operation: Train
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """A run for a visitor. It is saved and ends with its session, its grant, or its tokens."""
        under = self._may_train(visitor, *self._node.resolve(operation.model))
        most = self._left(under)
        admission = self._meter.admit(under, 1, 0)
        operation = msgspec.structs.replace(operation, on="local", detach=False)
        with self._revocable(under, admission):
            async with self._node.perform_for(visitor.key.hex(), operation) as events:
                yield _counted(events, admission, most)

    def _may_train(self, visitor: Visitor, *names: str) -> list[Grant]:
        """The chain that allows training, the one with the most left first.

        Raises:
            GrantRefused: none does.
        """
        permissions = self._granting.permissions(visitor.key, visitor.chains)
        fitting = [under for under in permissions if grants.allowed(under, "train", *names)]
        if not fitting:
            what = f"train {names[0]}" if names else "train"
            raise GrantRefused(
                f"{self._identity.name} has not granted you to {what}",
                hint=f"on {self._identity.name}: ingle grant NAME --capabilities train",
                wanted="train",
            )
        return max(fitting, key=lambda under: _most(self._left(under)))

    def _permission(self, visitor: Visitor, operation: ModelOperation) -> list[Grant]:
        """The chain that allows this, the one with the most left first.

        Raises:
            GrantRefused: none does; says why.
        """
        capability = _NEEDS[type(operation)]
        permissions = self._granting.permissions(visitor.key, visitor.chains)
        able = [under for under in permissions if grants.allowed(under, capability)]
        ask = f"ask its owner for: ingle grant {fingerprint(self._identity.key)}"
        if not able:
            why = self._granting.explain(visitor.key, visitor.chains)
            raise GrantRefused(
                f"{self._identity.name} has not granted you to {capability}"
                + (f": {why}" if why else ""),
                hint=f"on {self._identity.name}: ingle grant NAME --capabilities {capability}",
                wanted=capability,
            )
        names = self._node.resolve(operation.model)
        fitting = [under for under in able if grants.allowed(under, capability, *names)]
        adapters = operation.adapters if isinstance(operation, Generation) else []
        for use in adapters:
            fitting = [u for u in fitting if grants.allowed(u, capability, use.name)]
        if not fitting:
            raise GrantRefused(
                f"{self._identity.name} has granted you other models, not {operation.model}",
                hint=ask, wanted=operation.model,
            )  # fmt: skip
        return max(fitting, key=lambda under: _most(self._left(under)))

    def _cut(self, operation: ModelOperation, under: list[Grant]) -> ModelOperation:
        """The request within its grant: guests neither keep models loaded nor have URLs fetched."""
        changes: dict[str, object] = {"on": "local"}
        if isinstance(operation, Generation):
            context = grants.tightest(under, "context")
            if context and (operation.context or 0) > context:
                raise ContextLengthExceeded(
                    f"a context of {operation.context} is asked for; "
                    f"the grant {under[-1].id} allows {context}",
                    context=context,
                )
            if context and _prompt_tokens(operation) > context:
                raise ContextLengthExceeded(
                    f"the prompt has about {_prompt_tokens(operation)} tokens; "
                    f"the grant {under[-1].id} allows {context}",
                    context=context, prompt_tokens=_prompt_tokens(operation),
                )  # fmt: skip
            changes["keep_alive"] = None
        if isinstance(operation, Chat) and images.has_urls(operation):
            raise UnsafeURL("a paired device must send the bytes of its images, not URLs")
        return msgspec.structs.replace(operation, **changes)


def _most(left: int | None) -> float:
    return float("inf") if left is None else left


def _prompt_tokens(operation: ModelOperation) -> int:
    """About how many tokens a request has; a picture counts like a page."""
    size, pages = len(msgspec.msgpack.encode(operation)), 0
    if isinstance(operation, Chat):
        pictures = images.size(operation)
        size -= pictures
        pages = -(-pictures // IMAGE_BYTES)
    return size // BYTES_PER_TOKEN + pages * IMAGE_TOKENS + 1


async def _metered(events: AsyncIterator[Event], admission: Admission) -> AsyncIterator[Event]:
    async for event in events:
        match event:
            case Text() | Reasoning() | ToolCallPiece():
                admission.piece()
            case Usage(prompt_tokens=prompt, completion_tokens=answer):
                admission.tell(prompt + answer)
            case Embedded(usage=usage) | Reranked(usage=usage):
                admission.tell(usage.prompt_tokens)
        yield event


async def _counted(
    events: AsyncIterator[Event], admission: Admission, most: int | None
) -> AsyncIterator[Event]:
    """A run's events, each step's tokens counted.

    Raises:
        GrantExhausted: more than ``most`` would be used.
    """
    used = 0
    async for event in events:
        if isinstance(event, TrainingProgress):
            used += event.tokens
            admission.tell(used)
            if most is not None and used > most:
                raise GrantExhausted(
                    f"the grant {admission.grants[0].id} is used up: the run has seen {used} "
                    f"tokens, and {most} were left for today; it is saved",
                    hint="go on tomorrow: ingle train --resume NAME",
                    left=0,
                )
        yield event


async def _once(event: Event) -> AsyncIterator[Event]:
    yield event
