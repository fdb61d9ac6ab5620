"""A GGUF model that is open: generate, embed, rerank, tokenise."""

from __future__ import annotations

import array
import functools
import math
from typing import Any, Protocol

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.prompts.operation import (
    KeepPrompt,
    PromptBytes,
    PromptRestored,
    RestorePrompt,
)
from ingle.capabilities.rerank.operation import Ranked, Rerank, Reranked
from ingle.capabilities.tokenize.operation import (
    CountTokens,
    Detokenize,
    Detokenized,
    TokenCounts,
    Tokenize,
    Tokenized,
)
from ingle.capabilities.translate.operation import Translate
from ingle.engines.engine import Emit, Feed, LoadSpec, context_of
from ingle.engines.llama import chunks, prompt_state, request
from ingle.engines.llama.grammar.answer_plan import (
    AnswerPlan,
    PlannedEvents,
    answer_plan,
    is_forced,
    schema_plan,
)
from ingle.engines.llama.grammar.compile_errors import compiling
from ingle.engines.llama.prompt_images import with_media
from ingle.engines.llama.prompt_media import PromptMedia
from ingle.engines.llama.slots import Slots
from ingle.engines.llama.text_slices import check_fits, slices
from ingle.engines.llama.vectors import cosine, shorten, unit
from ingle.engines.translators.chat_translator import translate_by_chat
from ingle.errors import CapabilityMissing, EngineFault, InvalidRequest
from ingle.operations import Generation, Operation, Status, Usage
from ingle.operations.tokens import over_limit

_encode = msgspec.json.encode


class Backend(Protocol):
    """llama.cpp's server, in process or as a binary behind a unix socket."""

    def stream(self, path: str, body: bytes, on_chunk: Any) -> None:
        """Post a streaming request; ``on_chunk(data) -> bool`` returns True to stop it."""
        ...

    def ask(self, path: str, body: dict[str, Any] | None) -> Any:
        """Post a request, or get without a body, and return the whole answer as plain data."""
        ...

    def close(self) -> None:
        """Stop it."""
        ...

    @property
    def holds_grammars(self) -> bool:
        """Whether it has LLGuidance."""
        ...


class LlamaSession:
    """See `ingle.engines.engine.Session`."""

    def __init__(
        self, spec: LoadSpec, prefixes: dict[str, str], backend: Backend, facts: dict[str, Any]
    ) -> None:
        self._spec = spec
        self._prefixes = prefixes
        self._backend = backend
        self._slots = Slots(spec.slots)
        self._media = PromptMedia()
        self._speculation = str(spec.options.get("speculation", ""))
        self.facts = facts

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        match operation:
            case Chat():
                self._chat(operation, emit)
            case Complete():
                self._complete(operation, emit)
            case Translate():
                translate_by_chat(operation, self.perform, emit, self._spec.inbox)
            case Embed():
                self._embed(operation, emit)
            case Rerank():
                self._rerank(operation, emit)
            case Tokenize():
                self._tokenize(operation, emit)
            case CountTokens():
                emit(
                    TokenCounts(
                        counts=[self._count(text, special=False) for text in operation.texts]
                    )
                )
            case KeepPrompt(tokens=tokens):
                slot = self._slots.holding(tokens)
                for data in () if slot is None else prompt_state.saved(self._backend, slot):
                    emit(PromptBytes(data=data))
            case RestorePrompt():
                with self._slots.refilled() as slot:
                    pieces = feed or ()
                    found = 0
                    if slot is not None:
                        found = prompt_state.restored(self._backend, slot, pieces)
                emit(PromptRestored(tokens=found))
            case Detokenize():
                answer = self._ask("/detokenize", {"tokens": operation.tokens}, "tokens")
                emit(Detokenized(text=answer["content"]))
            case _:
                raise CapabilityMissing(
                    f"the llama engine cannot perform {type(operation).__name__}",
                    model=self._spec.model,
                )

    def close(self) -> None:
        self._backend.close()

    @functools.cached_property
    def _template(self) -> str:
        """The model's chat template."""
        return str(self._backend.ask("/props", None).get("chat_template", ""))

    def _chat(self, operation: Chat, emit: Emit) -> None:
        self._check_fits("\n".join(item.text for item in operation.messages), "messages", emit)
        body, plan = self._planned(operation, emit)
        if plan is None:
            self._generate("/v1/chat/completions", body, operation, emit)
        else:
            self._generate_planned("/v1/chat/completions", body, operation, emit, plan)

    def _planned(self, operation: Chat, emit: Emit) -> tuple[dict[str, Any], AnswerPlan | None]:
        """The body of a chat, and how its answer is held where there is something to hold."""
        body = request.chat_body(operation, self._spec, self._media)
        if not operation.tools and operation.schema is None:
            return body, None

        def render(tools: dict[str, Any]) -> str:
            prompt: str = self._ask("/apply-template", {**body, **tools})["prompt"]
            return prompt

        with compiling(lambda: emit(Status(state="prompt"))):
            return body, answer_plan(
                operation, self._template, render, guided=self._backend.holds_grammars
            )

    def _generate_planned(
        self, path: str, body: dict[str, Any], operation: Generation, emit: Emit, plan: AnswerPlan
    ) -> None:
        guided = str(plan.body.get("grammar", "")).startswith("%llguidance")
        if guided and not self._backend.holds_grammars:
            raise CapabilityMissing(
                "this llama-server was built without LLGuidance, which holds forced and strict "
                "calls of tools",
                hint="build it with -DLLAMA_LLGUIDANCE=ON, or: ingle engine use llama",
                model=self._spec.model,
                capability="schema",
            )
        for name in plan.without:
            body.pop(name, None)
        for note in plan.notes:
            emit(note)
        self._generate(path, body | plan.body, operation, PlannedEvents(plan, emit), plan)

    def _generate(
        self,
        path: str,
        body: dict[str, Any],
        operation: Generation,
        emit: Emit,
        plan: AnswerPlan | None = None,
    ) -> None:
        """Run ``n`` choices, as many at once as there are slots."""
        seed = operation.sampling.seed
        forced = isinstance(operation, Chat) and is_forced(operation)
        stop = [] if forced else operation.stop  # a call is not text
        begun = plan.begun if plan is not None and plan.json else None
        thought = None if plan is None else plan.thought
        translate = chunks.ChunkEvents(
            stop,
            operation.top_logprobs,
            begun,
            thought,
            self._speculation,
            context_of(self._spec),
        )
        body["timings_per_token"] = bool(stop)
        # The engine gives all choices of one request the same seed, and so the
        # same text: with a seed, each choice is a request of its own.
        shared = self._slots.shared(operation.cache_scope)
        together = self._spec.slots if seed is None and not shared else 1
        alone = shared or operation.n == 1
        if operation.token_limit is not None:
            body["max_tokens"] = self._limited(operation, self._prompt_tokens(body))
        translate.most = body.get("max_tokens")
        prompt = request.prompt_key(body) if alone else ""
        for first in range(0, operation.n, together):
            body["n"] = min(together, operation.n - first)
            if seed is not None:
                body["seed"] = (seed + first) % 2**32
            translate.start_at(first, body["n"])
            if not alone:
                self._stream(path, _encode(body), translate, emit)
                continue
            with self._slots.chosen(operation.cache_scope, prompt) as slot:
                self._stream(path, _encode(body | slot), translate, emit)
                self._slots.has_read(slot["id_slot"], translate.usage.prompt_tokens)
        emit(translate.usage)
        emit(translate.timing)

    def _stream(self, path: str, body: bytes, translate: chunks.ChunkEvents, emit: Emit) -> None:
        failure: Exception | None = None

        def on_chunk(data: bytes) -> bool:
            # The engine swallows exceptions of its callback: keep it, stop, raise it after.
            nonlocal failure
            try:
                for event in translate.events(chunks.decode(data)):
                    emit(event)
            except Exception as error:
                failure = error
                return True
            return translate.over

        try:
            self._backend.stream(path, body, on_chunk)
        except (ValueError, RuntimeError, IndexError) as error:
            if failure is None:
                raise _request_error(error) from error
        if failure is not None:
            raise failure

    def _complete(self, operation: Complete, emit: Emit) -> None:
        if operation.suffix:
            if not isinstance(operation.prompt, str):
                raise InvalidRequest("suffix needs a prompt given as text", field="suffix")
            raise CapabilityMissing(
                f"{self._spec.model} is not trained to fill in the middle",
                model=self._spec.model,
                capability="suffix",
            )
        self._check_fits(operation.prompt, "prompt", emit)
        body = request.complete_body(operation, self._spec)
        if operation.schema is None:
            self._generate("/v1/completions", body, operation, emit)
            return
        with compiling(lambda: emit(Status(state="prompt"))):
            plan = schema_plan(operation.schema, guided=self._backend.holds_grammars)
        self._generate_planned("/v1/completions", body, operation, emit, plan)

    def _limited(self, operation: Generation, prompt: int) -> int:
        """Tokens of each choice, so that all have no more than the limit with their prompt.

        Raises:
            GrantExhausted: not even one token each is left.
        """
        limit = operation.token_limit or 0
        each = (limit - prompt) // operation.n
        if each < 1:
            raise over_limit(prompt + operation.n, limit)
        return min(each, operation.max_tokens or each)

    def _prompt_tokens(self, body: dict[str, Any]) -> int:
        prompt = body.get("prompt")
        if isinstance(prompt, list):
            return len(prompt)
        if prompt is None and request.media_of(body):
            # A picture or a sound has as many tokens as its model makes of it.
            asked = {**body, "stream": False}
            return int(self._ask("/v1/chat/completions/input_tokens", asked)["input_tokens"])
        if prompt is None:
            prompt = self._ask("/apply-template", body)["prompt"]
        return self._count(prompt)

    def _count(self, text: str, *, special: bool = True) -> int:
        return len(self._tokens(text, add_special=special))

    def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        asked = {"content": text, "add_special": add_special}
        tokens: list[int] = self._ask("/tokenize", asked)["tokens"]
        return tokens

    def _check_fits(self, text: Any, field: str, emit: Emit) -> None:
        """Raises ContextLengthExceeded: before the engine takes the whole of a text."""
        if isinstance(text, str):
            context = context_of(self._spec)
            check_fits(text, context, self._count, field, lambda: emit(Status(state="prompt")))

    def _embed(self, operation: Embed, emit: Emit) -> None:
        prefix = self._prefixes.get(operation.kind, "") if operation.kind else ""
        inputs = [prefix + item if isinstance(item, str) else item for item in operation.inputs]
        rows, tokens = self._vectors(inputs, emit, operation.token_limit)
        if operation.dimensions is not None:
            rows = [shorten(row, operation.dimensions) for row in rows]
        data = b"".join(row.tobytes() for row in rows)
        emit(
            Embedded(
                model=self._spec.model,
                digest=self._spec.digest,
                dimensions=len(rows[0]),
                data=data,
                usage=Usage(prompt_tokens=tokens),
            )
        )

    def _vectors(
        self, inputs: list[Any], emit: Emit, limit: int | None
    ) -> tuple[list[array.array[float]], int]:
        """Vectors of all inputs, and the tokens that they have."""
        for text in inputs:
            self._check_fits(text, "inputs", emit)
        if limit is not None:
            self._check_inputs(inputs, limit)
        vectors: list[array.array[float]] = []
        tokens = 0
        for part in slices(inputs):
            if vectors:  # a client that has left ends it here
                emit(Status(state="prompt", completed=tokens))
            answer = self._ask("/v1/embeddings", {"input": part}, "inputs")
            vectors += map(_vector, sorted(answer["data"], key=lambda row: row["index"]))
            tokens += answer["usage"]["prompt_tokens"]
        return vectors, tokens

    def _check_inputs(self, inputs: list[Any], limit: int, together: str = "") -> None:
        """Raises GrantExhausted: the inputs have more tokens than the limit, before any work.

        Args:
            together: what is evaluated once more with each of them.
        """
        again = self._count(together) if together else 0
        tokens = 0
        for text in inputs:
            tokens += again + (self._count(text) if isinstance(text, str) else len(text))
            if tokens > limit:
                raise over_limit(tokens, limit)

    def _rerank(self, operation: Rerank, emit: Emit) -> None:
        score = self._pair_scores if self._spec.role == "rerank" else self._cosines
        scores, tokens = score(operation, emit)
        ranking = sorted(
            (Ranked(index=index, score=score) for index, score in enumerate(scores)),
            key=lambda ranked: (-ranked.score, ranked.index),
        )
        emit(
            Reranked(
                model=self._spec.model,
                digest=self._spec.digest,
                ranking=ranking[: operation.top],
                usage=Usage(prompt_tokens=tokens),
            )
        )

    def _pair_scores(self, operation: Rerank, emit: Emit) -> tuple[list[float], int]:
        """By a model that reads the query with each document."""
        query, limit = operation.query, operation.token_limit
        for text in (query, *operation.documents):
            self._check_fits(text, "documents", emit)
        if limit is not None:
            self._check_inputs(operation.documents, limit, query)
        scores: list[float] = []
        tokens = 0
        for part in slices(operation.documents):
            if scores:
                emit(Status(state="prompt", completed=tokens))
            answer = self._ask("/v1/rerank", {"query": query, "documents": part})
            by_index = {row["index"]: row["relevance_score"] for row in answer["results"]}
            scores += [by_index[index] for index in range(len(part))]
            tokens += answer["usage"]["prompt_tokens"]
        return scores, tokens

    def _cosines(self, operation: Rerank, emit: Emit) -> tuple[list[float], int]:
        """By a model that makes a vector of each."""
        query = self._prefixes.get("query", "") + operation.query
        prefix = self._prefixes.get("passage", "")
        texts = [query, *(prefix + text for text in operation.documents)]
        rows, tokens = self._vectors(texts, emit, operation.token_limit)
        return [cosine(rows[0], row) for row in rows[1:]], tokens

    def _tokenize(self, operation: Tokenize, emit: Emit) -> None:
        """In one piece, to its end, also for a caller that has left: only some vocabularies can be
        cut without changing tokens, and at places of their own (docs/explanation/security.md).
        """
        text, special = operation.text, operation.add_special
        if operation.messages:
            body, plan = self._planned(request.counted_chat(operation), emit)
            whole = request.rendering_body(
                body,
                {} if plan is None else plan.body,
                add_generation_prompt=operation.add_generation_prompt,
            )
            # The engine leaves to its tokeniser what that adds by itself.
            text, special = self._ask("/apply-template", whole)["prompt"], True
            if media := request.media_of(whole):
                marker = str(self._backend.ask("/props", None)["media_marker"])
                found = with_media(text, marker, self._prompt_tokens(whole), self._tokens)
                for kind in media:
                    told = "<image>" if kind == "image_url" else "<audio>"
                    text = text.replace(marker, told, 1)
                emit(Tokenized(tokens=found, text=text))
                return
        answer = self._ask(
            "/tokenize",
            {
                "content": text,
                "add_special": special,
                "parse_special": operation.parse_special,
            },
        )
        emit(Tokenized(tokens=answer["tokens"], text=text))

    def _ask(self, path: str, body: dict[str, Any], ids: str = "") -> Any:
        try:
            answer = self._backend.ask(path, body)
        except (ValueError, RuntimeError, IndexError) as error:
            raise _request_error(error) from error
        if isinstance(answer, dict) and "error" in answer:
            raise chunks.error_of_data(answer["error"], ids)
        return answer


def _vector(row: dict[str, Any]) -> array.array[float]:
    """Of length 1, from an entry of the engine's answer."""
    # JSON has no NaN: the engine writes null for it.
    if not all(value is not None and math.isfinite(value) for value in row["embedding"]):
        raise EngineFault("the model returned a vector that is not finite")
    return unit(row["embedding"])


def _request_error(error: Exception) -> InvalidRequest | EngineFault:
    """The engine parses the request before it works: its exceptions are about the request. But for
    one that tells of something looked up in vain, such as a vocabulary's token for a byte."""
    if isinstance(error, IndexError):
        return EngineFault(
            f"the engine looked up what the model's file lacks ({error}): its vocabulary does not "
            "fit its tokenizer",
            hint="pull the model again, or another one",
        )
    return InvalidRequest(f"the engine refused the request: {error}", field="request")
