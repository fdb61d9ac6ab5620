"""Requests that are too large, or that no one waits for any more: what they cost the worker."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.rerank.operation import Rerank, Reranked
from ingle.capabilities.tokenize.operation import (
    MOST_BYTES,
    MOST_IDS,
    Detokenize,
    Tokenize,
    Tokenized,
)
from ingle.engines import process_tree
from ingle.engines.engine import LoadSpec
from ingle.engines.llama.text_slices import COUNTED_SIZE, SLICE_SIZE, SLICE_TEXTS, slices
from ingle.engines.process import WorkerProcess
from ingle.errors import ContextLengthExceeded, GrantExhausted, InvalidRequest
from ingle.operations import Event, Message, Operation, Sampling, Status, Text, Usage
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

BOUND_S = 60.0
"""What is ended takes seconds; without an end it would take many minutes."""
MIB = 2**20
LONG = "word and another one, " * (MIB // 22)

has_proc = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


@pytest.fixture
def embedder(ember_spec: LoadSpec, ember_embed: Path) -> LoadSpec:
    files = {"weights": [str(ember_embed)]}
    return msgspec.structs.replace(
        ember_spec, model="e", files=files, role="embed", options={"context": 512}
    )


@asynccontextmanager
async def opened(spec: LoadSpec) -> AsyncIterator[WorkerProcess]:
    worker = await WorkerProcess.start(spec)
    try:
        yield worker
    finally:
        await worker.stop()


async def events(worker: WorkerProcess, operation: Operation) -> list[Event]:
    async with worker.perform(operation) as found:
        return [event async for event in found]


def chat(text: str, **fields: Any) -> Chat:
    return Chat(model="ember", messages=[Message(role="user", content=text)], **fields)


def peak(worker: WorkerProcess) -> int:
    """The most memory that the engine's process had so far."""
    status = Path(f"/proc/{process_tree.members(worker.pid)[-1]}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def test_slices_keep_the_order_and_cut_no_text() -> None:
    texts = ["x" * SLICE_SIZE, "y", "z" * SLICE_SIZE, *(["a"] * (SLICE_TEXTS + 1))]
    parts = list(slices(texts))
    assert [text for part in parts for text in part] == texts
    assert [len(part) for part in parts] == [1, 1, 1, SLICE_TEXTS, 1]
    assert list(slices([])) == []


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Tokenize(model="m", text="x" * (MOST_BYTES + 1)), "text: 262145 bytes"),
        (lambda: Tokenize(model="m", text="é" * (MOST_BYTES // 2 + 1)), "text: 262146 bytes"),
        (
            lambda: Tokenize(model="m", messages=[Message(role="user", content="x" * 30 * MIB)]),
            "messages: 31457280 bytes were given; up to 1048576 are tokenised at once",
        ),
        (
            lambda: Detokenize(model="m", tokens=[1] * (MOST_IDS + 1)),
            "tokens: must have at most 262144",
        ),
    ],
)
def test_what_is_turned_into_tokens_has_a_limit(make: Any, match: str) -> None:
    with pytest.raises(InvalidRequest, match=match):
        make()


@has_proc
async def test_what_a_large_request_took_is_given_back(ember_spec: LoadSpec) -> None:
    async with opened(ember_spec) as worker:
        await events(worker, Tokenize(model="ember", text="a word"))
        before = process_tree.own_memory(worker.pid)
        for _ in range(2):
            (found,) = await events(worker, Tokenize(model="ember", text=LONG[:MOST_BYTES]))
            assert isinstance(found, Tokenized)
            assert len(found.tokens) > MOST_BYTES // 20
            with pytest.raises(ContextLengthExceeded):
                await events(worker, chat(LONG))
        # It looks at its heap after it has answered.
        await eventually_async(lambda: process_tree.own_memory(worker.pid) - before < 24 * MIB)


@has_proc
async def test_a_text_that_is_too_long_is_counted_and_not_taken(
    ember_spec: LoadSpec, embedder: LoadSpec
) -> None:
    async with opened(ember_spec) as worker:
        before = peak(worker)
        for operation in (chat(LONG), Complete(model="ember", prompt=LONG)):
            with pytest.raises(ContextLengthExceeded, match="has more than") as refused:
                await events(worker, operation)
            details = refused.value.details
            assert 1024 == details["context"] < details["prompt_tokens"] < COUNTED_SIZE
        assert peak(worker) - before < 24 * MIB
    async with opened(embedder) as worker:
        before = peak(worker)
        for asked in (
            Embed(model="e", inputs=["short", LONG]),
            Rerank(model="e", query="which", documents=["short", LONG]),
        ):
            with pytest.raises(ContextLengthExceeded, match="has more than"):
                await events(worker, asked)
        assert peak(worker) - before < 24 * MIB


async def test_a_caller_that_leaves_ends_a_batch_of_texts(embedder: LoadSpec) -> None:
    texts = [f"number {count} of the texts that are many" for count in range(4096)]
    async with opened(embedder) as worker, asyncio.timeout(BOUND_S):
        for operation in (
            Embed(model="e", inputs=texts),
            Rerank(model="e", query="which", documents=texts),
        ):
            call = worker.call(operation)
            first = await anext(call)
            assert first.tag == "status"
            call.cancel()
            await call.ended
        (vector,) = await events(worker, Embed(model="e", inputs=["still here"]))
        assert isinstance(vector, Embedded)


async def test_slices_change_no_vector_and_count_every_token(embedder: LoadSpec) -> None:
    texts = [f"number {count}" for count in range(SLICE_TEXTS + 3)]
    async with opened(embedder) as worker:
        *progress, whole = await events(worker, Embed(model="e", inputs=texts))
        assert isinstance(whole, Embedded)
        assert [event.completed > 0 for event in progress if isinstance(event, Status)] == [True]
        (last,) = await events(worker, Embed(model="e", inputs=texts[-1:]))
        assert isinstance(last, Embedded)
        assert whole.vectors[-1] == pytest.approx(last.vectors[0], abs=1e-4)
        assert whole.usage.prompt_tokens >= 2 * len(texts)
        *_, ranked = await events(worker, Rerank(model="e", query=texts[-1], documents=texts))
        assert isinstance(ranked, Reranked)
        assert ranked.ranking[0].index == len(texts) - 1
        assert sorted(entry.index for entry in ranked.ranking) == list(range(len(texts)))


async def test_a_generation_keeps_to_its_limit_of_tokens(ember_spec: LoadSpec) -> None:
    endless = Sampling(temperature=0.0, ignore_eos=True)
    async with opened(ember_spec) as worker:
        for operation in (
            chat("hello", n=3, sampling=endless, token_limit=60),
            Complete(model="ember", prompt="The file is a", sampling=endless, token_limit=40),
            Complete(model="ember", prompt=[5, 6, 7], sampling=endless, token_limit=20),
        ):
            found = await events(worker, operation)
            (usage,) = (event for event in found if isinstance(event, Usage))
            limit = operation.token_limit or 0
            assert limit - operation.n < usage.total_tokens <= limit
            with pytest.raises(GrantExhausted) as refused:
                await events(worker, type(operation)(**{**_fields(operation), "token_limit": 2}))
            assert refused.value.details["needed"] == usage.prompt_tokens + operation.n
            assert any(isinstance(event, Text) for event in found)


async def test_vectors_keep_to_their_limit_of_tokens(embedder: LoadSpec) -> None:
    texts = ["a cat", "a dog", "tax law"]
    async with opened(embedder) as worker:
        *_, whole = await events(worker, Embed(model="e", inputs=texts, token_limit=100))
        assert isinstance(whole, Embedded)
        tokens = whole.usage.prompt_tokens
        await events(worker, Embed(model="e", inputs=texts, token_limit=tokens))
        for asked in (
            Embed(model="e", inputs=texts, token_limit=tokens - 1),
            Rerank(model="e", query="which", documents=texts, token_limit=tokens),
        ):
            with pytest.raises(GrantExhausted, match="the request needs"):
                await events(worker, asked)


def _fields(operation: Operation) -> dict[str, Any]:
    return {name: getattr(operation, name) for name in operation.__struct_fields__}
