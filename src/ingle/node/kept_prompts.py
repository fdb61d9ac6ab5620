"""`KeptPrompts`: puts kept prompts into workers before requests, and keeps what was slow to read.

Only the owner's prompts, and only where one engine's state is the whole of it: no adapters, no
images. A prompt is worth it from `FEWEST_TOKENS` on, if reading it took `SLOW_S`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from ingle.capabilities.prompts.operation import (
    KeepPrompt,
    PromptBytes,
    PromptRestored,
    RestorePrompt,
)
from ingle.engines.engine import LoadSpec
from ingle.engines.process import WorkerProcess
from ingle.errors import IngleError
from ingle.node.lease import Lease
from ingle.node.loaded_model import OWNER
from ingle.node.prompt_cache import EntryHead, PromptCache, common
from ingle.operations import Generation, Operation, Timing, Usage
from ingle.operations.operation import Bytes

log = logging.getLogger(__name__)

BLOCK = 1024
"""Bytes of a prompt, as the request has it, for one more hash of its chain."""
FEWEST_BLOCKS = 4
TOKEN_BYTES = 7
"""Of a token's number in a request, at most."""
LARGE_PROMPT = 1 << 16
"""Bytes that are hashed in a thread."""
FEWEST_TOKENS = 1024
SLOW_S = 1.0
"""Seconds of reading that are worth a file, or its return."""
_FREE = ("context", "speculation", "plain")
"""Options by which what a model has read of a prompt does not differ."""


class KeptPrompts:
    """See the module's text.

    Args:
        cache: where they lie.
    """

    def __init__(self, cache: PromptCache) -> None:
        self.cache = cache
        self._warm: WeakKeyDictionary[WorkerProcess, deque[list[bytes]]] = WeakKeyDictionary()
        """What the slots of a worker have read lately."""
        self._keeping: set[asyncio.Task[None]] = set()

    async def before(self, lease: Lease, principal: str, operation: Operation) -> list[bytes]:
        """Put back what there is of a request's prompt.

        Returns:
            The chain of its prompt, for `after`; empty where nothing is kept of such requests.
        """
        worker = lease.worker
        if not self._serves(worker, principal, operation):
            return []
        assert isinstance(operation, Generation)
        size = sum(prompt.size + TOKEN_BYTES * prompt.tokens for prompt in operation.prompts())
        # To go to a thread and back takes longer than to hash a short prompt.
        if size < LARGE_PROMPT:
            chain = chain_of(operation)
        else:
            chain = await asyncio.to_thread(chain_of, operation)
        if len(chain) < FEWEST_BLOCKS:
            return []
        warm = self._warm.setdefault(worker, deque(maxlen=worker.spec.slots))
        known = max((common(other, chain) for other in warm), default=0)
        if not self.cache.is_read:
            await asyncio.to_thread(self.cache.read_heads)
        found = self.cache.best(domain_of(worker), chain)
        if found is not None:
            entry, alike = found
            spared = (alike - known) / len(entry.head.chain) * entry.head.prompt_s
            if alike - known >= FEWEST_BLOCKS and spared >= SLOW_S:
                await self._restore(worker, self.cache.read(entry))
        warm.append(chain)
        return chain

    def after(self, lease: Lease, chain: list[bytes], usage: Usage, timing: Timing) -> None:
        """Keep what a request has read, if that took long; done while others are served."""
        evaluated = usage.prompt_tokens - usage.cached_tokens
        if not chain or evaluated < FEWEST_TOKENS or timing.prompt_s < SLOW_S:
            return
        worker = lease.worker
        head = EntryHead(
            domain=domain_of(worker),
            digest=worker.spec.digest,
            chain=chain,
            tokens=usage.prompt_tokens,
            prompt_s=timing.prompt_s,
        )
        task = asyncio.create_task(self._keep(worker, head))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def close(self) -> None:
        """Wait for what is being kept."""
        await asyncio.gather(*self._keeping)

    def _serves(self, worker: WorkerProcess, principal: str, operation: Operation) -> bool:
        return (
            self.cache.on
            and principal == OWNER
            and isinstance(operation, Generation)
            and operation.n == 1
            and bool(worker.facts.get("keeps_prompts"))
        )

    async def _restore(self, worker: WorkerProcess, parts: Iterator[bytes]) -> None:
        model = worker.spec.model
        try:
            async for event in _events(worker, RestorePrompt(), _pieces(parts)):
                if isinstance(event, PromptRestored):
                    log.info("%s continues from %d kept tokens", model, event.tokens)
        except IngleError as error:
            log.warning("what was kept of a prompt of %s is not used: %s", model, error.message)

    async def _keep(self, worker: WorkerProcess, head: EntryHead) -> None:
        try:
            writer = await asyncio.to_thread(self.cache.writer, head)
            try:
                async for event in _events(worker, KeepPrompt(tokens=head.tokens)):
                    if isinstance(event, PromptBytes):
                        await asyncio.to_thread(writer.add, event.data)
                if writer.empty:
                    writer.drop()
                else:
                    await asyncio.to_thread(writer.finish)
            except BaseException:
                writer.drop()
                raise
        except (IngleError, OSError) as error:
            log.warning("a prompt of %s is not kept: %s", worker.spec.model, error)


def chain_of(operation: Generation) -> list[bytes]:
    """Hashes of the beginnings of what a model will read, each `BLOCK` bytes longer.

    What stands before the prompt in it, such as tools, comes first.
    """
    prompts = {prompt.field for prompt in operation.prompts()}
    shared = set(Generation.__struct_fields__)
    own = [name for name in operation.__struct_fields__ if name not in shared]
    hashed, chain = hashlib.sha256(), []
    values = [getattr(operation, name) for name in sorted(own, key=prompts.__contains__)]
    data = memoryview(msgspec.json.encode(values))
    for at in range(0, len(data) - BLOCK + 1, BLOCK):
        hashed.update(data[at : at + BLOCK])
        chain.append(hashed.digest()[:16])
    return chain


def domain_of(worker: WorkerProcess) -> str:
    """What must be the same for a kept prompt to be of use."""
    spec: LoadSpec = worker.spec
    options = {name: value for name, value in spec.options.items() if name not in _FREE}
    parts: list[Any] = [spec.digest, spec.engine, worker.facts.get("version"), spec.role, options]
    parts.append([[item.name, item.path] for item in spec.adapters])
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


async def _events(
    worker: WorkerProcess, operation: Operation, feed: Any = None
) -> AsyncIterator[Any]:
    async with worker.perform(operation, feed) as events:
        async for event in events:
            yield event


async def _pieces(parts: Iterator[bytes]) -> AsyncIterator[Bytes]:
    """Chunk by chunk, read and authenticated outside of the loop."""
    while (data := await asyncio.to_thread(next, parts, None)) is not None:
        yield Bytes(data=data)
