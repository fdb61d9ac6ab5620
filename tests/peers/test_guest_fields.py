"""What another device may send costs what its grant has, field by field, and ends with it.

Every field of every operation that a guest may ask has a rule where it is declared; here all of
them are asked in any way that their types allow, of engines that keep to their limits and of one
that does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingle.capabilities.blobs.operation import BlobList
from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.collections.operation import AskCollection, SearchCollection
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.detect.operation import Detect
from ingle.capabilities.embed.operation import Embed
from ingle.capabilities.extract.operation import Extract
from ingle.capabilities.imagine.operation import Imagine
from ingle.capabilities.rerank.operation import Ranked, Rerank, Reranked
from ingle.capabilities.speak.operation import Speak
from ingle.capabilities.tokenize.operation import CountTokens, Detokenize, Tokenize
from ingle.capabilities.train.operation import Train, TrainingProgress
from ingle.capabilities.transcribe.operation import Transcribe
from ingle.capabilities.translate.operation import Translate
from ingle.engines.engine import LoadSpec
from ingle.errors import GrantExhausted, GrantRefused, IngleError, ModelNotFound
from ingle.node.performing import Caller
from ingle.operations import (
    Event,
    Generation,
    Message,
    ModelOperation,
    Operation,
    Started,
    Text,
    Tool,
    Usage,
    operation_name,
    registry,
)
from ingle.operations.blob import Blob
from ingle.operations.capability import Capability, Cost, Grantable, OwnerOnly
from ingle.operations.guest_rules import (
    Costless,
    Estimated,
    GrantLimit,
    NodeLimit,
    Overruled,
    guest_rules,
)
from ingle.operations.tokens import over_limit
from ingle.peers.address_book import AddressBook
from ingle.peers.authorizer import Authorizer, PeerPrincipal
from ingle.peers.grant_store import GrantStore
from ingle.peers.grants import Grant
from ingle.peers.identity import Identity
from ingle.peers.meter import UsageMeter
from ingle.peers.monotonic_clock import MonotonicClock
from ingle.peers.peer_database import PeerDatabase
from ingle.peers.restriction import restricted
from ingle.testing.echo import EchoSession
from tests.peers.requests import requests
from tests.waiting import turns

DAY = 300
STEP = 7
"""Tokens of a step of a run: what is in flight when it is ended."""
PROVIDER, GUEST = Identity.generate("provider"), Identity.generate("guest")
ASKED = [
    (capability, kind)
    for capability in registry.built_in().values()
    for kind in capability.operations
    if not isinstance(capability.permission, OwnerOnly) or kind in capability.granted
]
GRANTED = [
    kind for capability, kind in ASKED if isinstance(capability.permission, Grantable)
]  # fmt: skip
IDS = [operation_name(kind) for _, kind in ASKED]


class Engines:
    """Where a node stands: the echo engine in this process, and a script for what it cannot do.

    Args:
        heeds: it keeps to the limit that a request brings; else it writes for ever.
    """

    def __init__(self, *, heeds: bool = True) -> None:
        self.heeds = heeds
        self.performed: list[Operation] = []
        self.worked = 0
        """Tokens that were evaluated or written."""
        self._echo = EchoSession(LoadSpec(engine="echo", model="poet"))

    def setting(self, name: str) -> str:
        assert name == "model"
        return "poet"

    def resolve(self, model: str) -> tuple[str, str]:
        if model not in ("poet", "other"):
            raise ModelNotFound(f"no {model} here", model=model)
        return model, f"sha256:{model}"

    @asynccontextmanager
    async def relay_for(
        self, caller: Caller, operation: Operation
    ) -> AsyncIterator[AsyncIterator[Event]]:
        self.performed.append(operation)
        yield self._events(operation)

    async def _events(self, operation: Operation) -> AsyncIterator[Event]:
        yield Started(model="poet", digest="", where="local")
        source = self._heeding(operation) if self.heeds else self._heedless(operation)
        for event in source:
            await turns(1)
            yield event

    def _heeding(self, operation: Operation) -> Iterator[Event]:
        if isinstance(operation, Rerank):
            yield self._ranked(operation)
        elif isinstance(operation, Train):
            yield from self._steps()
        elif isinstance(operation, ModelOperation):
            events: list[Event] = []
            if isinstance(operation, Complete) and not isinstance(operation.prompt, str):
                text = "x " * max(0, len(operation.prompt) - 1) + "x"
                operation = Complete(
                    model="poet", prompt=text, n=operation.n, max_tokens=operation.max_tokens,
                    token_limit=operation.token_limit,
                )  # fmt: skip
            self._echo.perform(operation, events.append)
            for event in events:
                usage = event if isinstance(event, Usage) else getattr(event, "usage", None)
                self.worked += usage.total_tokens if isinstance(usage, Usage) else 0
                yield event
        else:
            yield BlobList(blobs=[])

    def _ranked(self, operation: Rerank) -> Event:
        tokens = sum(len(operation.query) + len(text) for text in operation.documents)
        if operation.token_limit is not None and tokens > operation.token_limit:
            raise over_limit(tokens, operation.token_limit)
        self.worked += tokens
        ranking = [Ranked(index=index, score=0.0) for index in range(len(operation.documents))]
        return Reranked(ranking=ranking, usage=Usage(prompt_tokens=tokens))

    def _steps(self) -> Iterator[Event]:
        for step in range(1000):
            self.worked += STEP
            yield TrainingProgress(
                step=step, steps=1000, loss=1.0, learning_rate=0.1, tokens_per_s=1.0, left_s=1.0,
                tokens=STEP,
            )  # fmt: skip

    def _heedless(self, operation: Operation) -> Iterator[Event]:
        while True:
            self.worked += 1
            yield Text(text="x")

    def prompt_bytes(self, model: str) -> int:
        return 0

    def models(self) -> list[Any]:
        return []

    shared = models


class Door:
    """An authorizer with one guest, and one grant for it."""

    def __init__(self, engines: Engines, **bounds: Any) -> None:
        database = PeerDatabase(None)
        clock = MonotonicClock(database, lambda: 1_800_000_000.0)
        grant_store = GrantStore(database, lambda: PROVIDER, clock)
        bounds = {
            "models": ("poet",), "collections": ("run*",), "tokens_per_day": DAY, **bounds
        }  # fmt: skip
        capabilities = tuple(registry.of(kind).name for kind in GRANTED)
        grant_store.give(GUEST.key, capabilities=tuple(dict.fromkeys(capabilities)), **bounds)
        (self.grant,) = grant_store.given()
        self.meter = UsageMeter(database, clock, lambda: 0.0)
        self.engines = engines
        self.authorizer = Authorizer(
            engines, PROVIDER, AddressBook(database), grant_store, self.meter, clock
        )

    async def ask(self, operation: Operation, events: int = 10**9) -> list[Event]:
        """The events of a guest's request, of which it reads so many."""
        found: list[Event] = []
        async with self.authorizer.answer(PeerPrincipal(GUEST.key, "guest"), operation) as answer:
            async for event in answer:
                found.append(event)  # type: ignore[arg-type]  # none is encoded here
                if len(found) >= events:
                    break
        return found

    async def try_to(self, operation: Operation, events: int) -> None:
        """As `ask`, whatever comes of it."""
        try:
            await self.ask(operation, events)
        except IngleError:
            return

    @property
    def used(self) -> int:
        return self.meter.used(self.grant).tokens


def chat(text: str = "hello", **more: Any) -> Chat:
    return Chat(model="poet", messages=[Message(role="user", content=text)], **more)


@pytest.mark.parametrize(("capability", "kind"), ASKED, ids=IDS)
def test_every_field_says_what_it_may_cost(capability: Capability, kind: type[Operation]) -> None:
    rules = guest_rules(kind)
    assert [name for name, rule in rules.items() if rule is None] == []
    for name, rule in rules.items():
        if isinstance(rule, Costless):
            assert rule.why, name
        if isinstance(rule, NodeLimit):
            assert rule.limit, name
        if isinstance(rule, GrantLimit):
            assert rule.limit in Grant.__struct_fields__
    if any(isinstance(rule, Estimated) for rule in rules.values()):
        assert isinstance(capability.cost, Cost)


@settings(max_examples=250, derandomize=True, deadline=None)
@given(st.data())
def test_whatever_a_guest_asks_its_day_is_not_exceeded(data: st.DataObject) -> None:
    engines = Engines()
    context, most = data.draw(st.sampled_from([0, 100])), data.draw(st.sampled_from([0, 40]))
    door = Door(engines, context=context, max_tokens=most)
    kinds = data.draw(st.lists(st.sampled_from([kind for _, kind in ASKED]), max_size=6))
    asked = [data.draw(requests(kind)) for kind in kinds]
    reads = [data.draw(st.sampled_from([1, 3, 10**9])) for _ in kinds]

    async def at_once() -> None:
        pairs = zip(asked, reads, strict=True)
        await asyncio.gather(*(door.try_to(one, count) for one, count in pairs if one is not None))

    asyncio.run(at_once())
    in_flight = STEP if any(isinstance(one, Train) for one in engines.performed) else 1
    assert door.used <= DAY + in_flight
    assert engines.worked <= DAY + in_flight * len(engines.performed)
    for performed in engines.performed:
        _check_bounds(performed, context, most)


def _check_bounds(operation: Operation, context: int, most: int) -> None:
    for name, rule in guest_rules(type(operation)).items():
        value = getattr(operation, name)
        if name == "token_limit":
            assert 0 <= value <= DAY
        elif isinstance(rule, Overruled):
            assert value == rule.value, name
        elif isinstance(rule, GrantLimit) and context:
            assert (value or 0) <= context
    if isinstance(operation, Generation):
        assert operation.model == "poet"
        assert operation.max_tokens is not None
        assert operation.n * operation.max_tokens <= (most or DAY)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.sampled_from([Chat, Complete]), st.data())
def test_an_engine_that_does_not_stop_is_stopped(kind: type[Operation], data: Any) -> None:
    operation = data.draw(requests(kind))
    engines = Engines(heeds=False)
    door = Door(engines)
    if operation is not None:
        asyncio.run(door.try_to(operation, 10**9))
    assert door.used <= DAY + 1
    assert engines.worked <= DAY + 1


LONG = "a long text " * 40
SMALLEST: dict[type[Operation], dict[str, Any]] = {
    Chat: {"messages": [Message(role="user", content="x")]},
    Complete: {"prompt": "what follows is not short"},
    Embed: {"inputs": ["x"]},
    Rerank: {"query": "x", "documents": ["x"]},
    Tokenize: {},
    Detokenize: {"tokens": [1]},
    CountTokens: {"texts": ["x"]},
    Extract: {"document": Blob(sha256="ab" * 32, size=1, name="a.txt")},
    Transcribe: {},
    Speak: {},
    Imagine: {"prompt": "x", "steps": 20},
    Translate: {"to": "de"},
    Detect: {},
    SearchCollection: {"collection": "run", "query": "x"},
    AskCollection: {"collection": "run", "question": "x"},
}
"""What each needs that is counted before it is performed."""
LARGER: dict[str, tuple[Any, Any]] = {
    "messages": ([Message(role="user", content="x")], [Message(role="user", content=LONG)]),
    "tools": ([], [Tool(name="tool", description=LONG)]),
    "template_options": ({}, {"x": LONG}),
    "stop": ([], [LONG]),
    "schema": (None, {"description": LONG}),
    "prompt": ("x", LONG),
    "suffix": ("", LONG),
    "echo": (False, True),
    "inputs": (["x"], ["x", LONG]),
    "query": ("x", LONG),
    "question": ("x", LONG),
    "history": ([], [Message(role="user", content=LONG)]),
    "documents": (["x"], ["x", LONG]),
    "text": ("x", LONG),
    "tokens": ([1], [1] * 200),
    "texts": (["x"], ["x", LONG]),
    "document": (
        Blob(sha256="ab" * 32, size=1, name="a.txt"),
        Blob(sha256="ab" * 32, size=1 << 20, name="a.txt"),
    ),
    "sound": (None, Blob(sha256="ab" * 32, size=1 << 20)),
    "steps": (1, 30),
    "width": (64, 128),
    "height": (64, 128),
    "n": (1, 2),
    "upscale": (1, 2),
}
"""Values of every field whose rule is that it is estimated, of which the second is more."""


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (kind, field)
        for _, kind in ASKED
        for field, rule in guest_rules(kind).items()
        if isinstance(rule, Estimated)
    ],
)
def test_more_in_a_field_that_is_estimated_is_a_higher_estimate(
    kind: type[Operation], field: str
) -> None:
    cost = registry.of(kind).cost
    assert isinstance(cost, Cost)
    model = {"model": "poet"} if issubclass(kind, ModelOperation) else {}
    estimates = [
        cost.estimate(kind(**{**model, **SMALLEST[kind], field: value})) for value in LARGER[field]
    ]
    assert estimates == sorted(set(estimates))


def test_all_choices_together_have_what_the_grant_has() -> None:
    engines = Engines()
    door = Door(engines, max_tokens=60, tokens_per_day=0)
    text = "word " * 100
    events = asyncio.run(door.ask(chat(text, n=4, max_tokens=60)))
    (performed,) = engines.performed
    assert isinstance(performed, Chat)
    assert performed.max_tokens == 15
    assert sum(isinstance(event, Text) for event in events) == 60
    with pytest.raises(GrantRefused, match="n: 61 choices were requested, and the grant has 60"):
        asyncio.run(door.ask(chat(text, n=61)))


def test_a_prompt_that_is_longer_than_it_looked_is_refused_before_it_is_evaluated() -> None:
    engines = Engines()
    door = Door(engines, tokens_per_day=100)
    with pytest.raises(GrantExhausted, match="needs 200 tokens, and 100 are left") as refused:
        asyncio.run(door.ask(Embed(model="poet", inputs=["x" * 200])))
    assert refused.value.details["grant"] == door.grant.id
    assert engines.worked == 0


def test_a_field_that_says_nothing_is_not_for_guests() -> None:
    class Silent(ModelOperation, frozen=True, kw_only=True, tag="complete.silent"):
        prompt: str = ""

    capability = registry.built_in()["complete"]
    assert restricted(Silent(model="poet"), capability, []) == Silent(model="poet", on="local")
    with pytest.raises(GrantRefused, match="prompt: other devices may not set this field"):
        restricted(Silent(model="poet", prompt="x"), capability, [])
