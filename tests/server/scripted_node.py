"""A node without models: what it answers is written in the request.

The last user message picks the script, the model's name picks the failure, so
a test reads as what it asks; ``call NAME ARGUMENTS`` calls a tool. Every
operation is kept in ``performed``.
"""

from __future__ import annotations

import array
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ingle import errors
from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.node.operation import (
    Load,
    Loaded,
    NodeStatus,
    StatusReport,
    Unload,
    WorkerInfo,
)
from ingle.capabilities.rerank.operation import Ranked, Rerank, Reranked
from ingle.capabilities.store.operation import (
    CopyModel,
    ListModels,
    ModelDetails,
    Models,
    ModelSummary,
    Pull,
    Pulled,
    RemoveModel,
    ShowModel,
    Shown,
)
from ingle.capabilities.tokenize.operation import Detokenize, Detokenized, Tokenize, Tokenized
from ingle.operations import (
    Done,
    Event,
    Finish,
    Operation,
    Progress,
    Reasoning,
    Started,
    Status,
    Text,
    Timing,
    TokenLogprob,
    ToolCallPiece,
    Usage,
)
from tests.waiting import slow_async

DIGEST = "sha256:" + "ab" * 32
NAMES = ("ember", "hf.co/acme/Tiny-GGUF:Q4_K_M", "minilm")
WORDS = ("Hello", ", ", "wide", " world", "!")


class ScriptedNode:
    """Answers at once, for ever, slowly, or with an error, as it is asked."""

    def __init__(self) -> None:
        self.performed: list[Operation] = []
        self.active = 0
        self.left_early = 0
        self.told = 0
        """Events that were taken, over all operations."""
        self.names = list(NAMES)

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: Any = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        self.performed.append(operation)
        self.active += 1
        events = self._events(operation)
        whole = False

        async def counted() -> AsyncIterator[Event]:
            nonlocal whole
            async for event in events:
                self.told += 1
                yield event
            whole = True

        stream = counted()
        try:
            yield stream
        finally:
            self.active -= 1
            self.left_early += not whole
            await stream.aclose()
            await events.aclose()

    async def aclose(self) -> None:
        """Nothing to let go of."""

    async def _events(self, operation: Operation) -> AsyncIterator[Event]:
        name = getattr(operation, "model", "")
        match operation:
            case Load() | Chat() | Complete() | Embed() | Rerank() | Tokenize() | ShowModel():
                _check_name(name)
        match operation:
            case Chat():
                yield Status(state="loading", detail=name)
                async for event in self._chat(operation):
                    yield event
            case Complete():
                async for event in self._complete(operation):
                    yield event
            case Embed(inputs=inputs):
                width = operation.dimensions or 4
                values = array.array("f")
                for at, _ in enumerate(inputs):
                    values.extend([0.5 + at] * width)
                yield Embedded(
                    model=name,
                    digest=DIGEST,
                    dimensions=width,
                    data=values.tobytes(),
                    usage=Usage(prompt_tokens=3 * len(inputs)),
                )
            case Rerank(documents=documents, top=top):
                places = [Ranked(index=at, score=len(text)) for at, text in enumerate(documents)]
                places.sort(key=lambda place: -place.score)
                yield Reranked(
                    model=name, digest=DIGEST, ranking=places[:top], usage=Usage(prompt_tokens=9)
                )
            case Tokenize():
                text = operation.text or " ".join(m.text for m in operation.messages)
                yield Tokenized(tokens=list(range(len(text.split()))), text=text)
            case Detokenize(tokens=tokens):
                yield Detokenized(text=" ".join(map(str, tokens)))
            case ListModels():
                yield Models(models=[_summary(name) for name in self.names])
            case ShowModel():
                yield Shown(model=_details(name))
            case Pull():
                async for event in self._pull(operation):
                    yield event
            case CopyModel(model=model, to=to):
                _check_name(model)
                self.names.append(to)
                yield Done()
            case RemoveModel(model=model):
                if model not in self.names:
                    raise _not_found(model)
                self.names.remove(model)
                yield Done()
            case Load():
                yield Loaded(worker=_worker(name))
            case Unload():
                yield Done()
            case NodeStatus():
                yield StatusReport(
                    version="0.1.0",
                    pid=1,
                    started=0.0,
                    state_dir="",
                    devices=[],
                    workers=[_worker("ember")],
                    memory_budget=1 << 30,
                    memory_used=1 << 20,
                    engines={},
                )
            case _:
                raise errors.CapabilityMissing(f"the script has no {operation}")

    async def _chat(self, chat: Chat) -> AsyncIterator[Event]:
        asked = next((m.text for m in reversed(chat.messages) if m.role == "user"), "")
        if "overflow" in asked:
            raise errors.ContextLengthExceeded(
                "the prompt has 5000 tokens and the context 4096",
                hint="ask for more context",
                prompt_tokens=5000,
                context=4096,
            )
        if "picture" in asked:
            raise errors.UnsafeURL(
                "example.com leads to 10.0.0.1, which is not a public address",
                field="messages.content.image",
            )
        if "busy" in asked:
            raise errors.Busy("the queue is full", queued=64, limit=64)
        yield Started(model=chat.model, digest=DIGEST, where="local")
        if "hang" in asked:
            await asyncio.Event().wait()
        if "forever" in asked:
            while True:
                await slow_async(0.002)
                yield Text(text="la ")
        if "flood" in asked:
            for _ in range(100_000):
                yield Text(text="x" * 100)
        yield Status(state="prompt", completed=8, total=12)
        yield Status(state="prompt", completed=12, total=12)
        last = chat.messages[-1]
        reason = "length" if chat.max_tokens == 1 else "stop"
        stop = chat.stop[0] if chat.stop and "stopped" in asked else ""
        for index in range(chat.n):
            if chat.think:
                yield Reasoning(text="Let me ", index=index)
                yield Reasoning(text="see.", index=index)
            if asked.startswith("call "):
                _, name, arguments = asked.split(" ", 2)
                yield ToolCallPiece(call=0, id=f"call_{index}", name=name, index=index)
                for at in range(0, len(arguments), 5):
                    yield ToolCallPiece(call=0, arguments=arguments[at : at + 5], index=index)
            elif chat.tools and chat.tool_choice != "none" and last.role != "tool":
                for call, tool in enumerate(chat.tools[: 2 if "both" in asked else 1]):
                    identifier = f"call_{index}{call}"
                    yield ToolCallPiece(call=call, id=identifier, name=tool.name, index=index)
                    for piece in ('{"city"', ': "Paris"}'):
                        yield ToolCallPiece(call=call, arguments=piece, index=index)
            elif chat.schema is not None:
                yield Text(text=json.dumps({"name": "Ada", "age": 36}), index=index)
            else:
                for at, word in enumerate(WORDS):
                    yield Text(text=word, index=index, logprobs=_logprobs(chat, word))
                    if "break" in asked and at == 2:
                        # Let what was said go out first: this breaks off mid-stream.
                        await slow_async(0.02)
                        raise errors.WorkerDied("the worker died (signal 11)")
            yield Finish(reason=reason, index=index, stop=stop)
        yield Usage(prompt_tokens=12, completion_tokens=5 * chat.n, cached_tokens=8)
        yield Timing(prompt_s=0.25, decode_s=0.5, total_s=0.8, load_s=0.05, first_token_s=0.3)

    async def _complete(self, complete: Complete) -> AsyncIterator[Event]:
        yield Started(model=complete.model, digest=DIGEST, where="local")
        prompt = complete.prompt if isinstance(complete.prompt, str) else "<ids>"
        for index in range(complete.n):
            if complete.echo:
                first, *rest = prompt.partition(" ")
                tokens = [TokenLogprob(token=first, logprob=None)]
                if any(rest):
                    tokens.append(TokenLogprob(token="".join(rest), logprob=-0.5))
                yield Text(text=prompt, index=index, logprobs=tokens if complete.logprobs else [])
            if not complete.echo_only:
                for word in WORDS:
                    yield Text(text=word, index=index, logprobs=_logprobs(complete, word))
            yield Finish(reason="stop", index=index)
        yield Usage(prompt_tokens=4, completion_tokens=5 * complete.n)
        yield Timing(prompt_s=0.25, decode_s=0.5, total_s=0.8)

    async def _pull(self, pull: Pull) -> AsyncIterator[Event]:
        if "missing" in pull.model:
            raise _not_found(pull.model)
        yield Progress(stage="resolving", name=pull.model)
        for completed in (0, 50, 100):
            yield Progress(
                stage="downloading",
                name=pull.model,
                completed=completed,
                total=100,
                digest=DIGEST,
            )
        if "broken" in pull.model:
            await slow_async(0.02)
            raise errors.IntegrityError("the hash is wrong")
        yield Progress(stage="verifying", name=pull.model, digest=DIGEST)
        yield Pulled(model=_summary(pull.model))


def _logprobs(operation: Chat | Complete, word: str) -> list[TokenLogprob]:
    if not operation.logprobs:
        return []
    rivals = [
        TokenLogprob(token=f"{word}{at}", logprob=-1.0 - at) for at in range(operation.top_logprobs)
    ]
    return [TokenLogprob(token=word, logprob=-0.1, data=word.encode(), top=rivals)]


def _check_name(name: str) -> None:
    if "missing" in name:
        raise _not_found(name)


def _not_found(name: str) -> errors.ModelNotFound:
    return errors.ModelNotFound(
        f"there is no model {name!r}; the nearest is ember",
        hint=f"ingle pull {name}",
        model=name,
        nearest=["ember"],
    )


def _summary(name: str) -> ModelSummary:
    return ModelSummary(
        name=name,
        digest=DIGEST,
        size=1000,
        architecture="qwen3",
        parameters=23_000_000,
        quantization="Q8_0",
        context_length=4096,
        source="embedded",
        capabilities=["embed"] if name == "minilm" else ["chat", "complete", "tools"],
        added=1_700_000_000.0,
    )


def _details(name: str) -> ModelDetails:
    return ModelDetails(
        **{field: getattr(_summary(name), field) for field in ModelSummary.__struct_fields__},
        template="{{ messages }}",
        licence="Apache-2.0",
        metadata={"general.architecture": "qwen3"},
    )


def _worker(name: str) -> WorkerInfo:
    return WorkerInfo(
        model=name,
        digest=DIGEST,
        engine="echo",
        pid=2,
        state="ready",
        context=4096,
        slots=4,
        memory=1 << 20,
        expires_s=300.0,
    )
