"""Scoring: the log-probability of every token of a prompt, in as few steps as generation's prefill.

llama.cpp's server does not offer it. A worker with the role ``score`` holds the
weights through the C interface instead of the server.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from ingle.capabilities.complete.operation import Complete
from ingle.engines.engine import Emit, Feed, LoadSpec, cores
from ingle.engines.llama.library import LlamaContext, Logits
from ingle.engines.llama.options import LlamaOptions
from ingle.engines.llama.request import adapter_scales
from ingle.errors import CapabilityMissing, ContextLengthExceeded, InvalidRequest
from ingle.operations import Finish, Operation, Text, Timing, TokenLogprob, Usage
from ingle.operations.tokens import over_limit

LOGITS_BYTES = 64 * 2**20
"""Logits of one step may take so much memory; large vocabularies take smaller steps."""
LONGEST_STEP = 512


class ScoringSession:
    """See `ingle.engines.engine.Session`. One prompt at a time."""

    def __init__(self, spec: LoadSpec, options: LlamaOptions) -> None:
        self._spec = spec
        self._context = options.context
        step = max(1, min(LONGEST_STEP, LOGITS_BYTES // (4 * max(1, options.vocabulary))))
        self._weights = LlamaContext(
            spec.weights[0],
            context=options.context,
            batch=min(step, options.context),
            threads=spec.threads or cores(),
        )
        for adapter in spec.adapters:
            self._weights.load_adapter(adapter.path)
        self._lock = threading.Lock()
        self.facts: dict[str, Any] = {"context": options.context}

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        if not isinstance(operation, Complete):
            raise CapabilityMissing(f"a scoring worker cannot {type(operation).__name__}")
        with self._lock:
            self._score(operation, emit)

    def close(self) -> None:
        self._weights.close()

    def _score(self, operation: Complete, emit: Emit) -> None:
        weights = self._weights
        prompt = operation.prompt
        tokens = weights.tokenize(prompt) if isinstance(prompt, str) else prompt
        if not tokens:
            raise InvalidRequest("prompt: is empty", field="prompt")
        if len(tokens) > self._context:
            raise ContextLengthExceeded(
                f"the prompt has {len(tokens)} tokens, but the context holds {self._context}",
                hint=f"raise the context: context={len(tokens)}",
                prompt_tokens=len(tokens),
                context=self._context,
                field="prompt",
            )
        if operation.token_limit is not None and len(tokens) > operation.token_limit:
            raise over_limit(len(tokens), operation.token_limit)
        if any(token >= weights.size for token in tokens):
            raise InvalidRequest(
                f"prompt: a token id is outside the vocabulary of {weights.size}", field="prompt"
            )
        if self._spec.adapters:
            scales = adapter_scales(operation, self._spec)
            weights.use_adapters([entry["scale"] for entry in scales])
        weights.start()
        emit(self._piece(tokens[0], None, []))
        for at in range(0, len(tokens), weights.batch):
            step = tokens[at : at + weights.batch]
            logits = weights.logits(step)
            following = tokens[at + 1 : at + 1 + len(step)]
            for event in self._scored(logits, following, operation.top_logprobs):
                emit(event)
        emit(Finish(reason="length"))
        emit(Usage(prompt_tokens=len(tokens)))
        emit(Timing())

    def _scored(self, logits: Logits, following: list[int], top: int) -> list[Text]:
        """One event for each token that follows a position."""
        values = logits[: len(following)].astype(np.float64)
        highest = values.max(axis=1, keepdims=True)
        values -= highest + np.log(np.exp(values - highest).sum(axis=1, keepdims=True))
        events = []
        for row, token in zip(values, following, strict=True):
            best = np.argsort(row)[::-1][:top]
            rivals = [(int(rival), float(row[rival])) for rival in best]
            events.append(self._piece(token, float(row[token]), rivals))
        return events

    def _piece(self, token: int, logprob: float | None, rivals: list[tuple[int, float]]) -> Text:
        scored = self._token(token, logprob)
        top = [self._token(rival, value) for rival, value in rivals]
        entry = TokenLogprob(
            token=scored.token, logprob=logprob, id=token, data=scored.data, top=top
        )
        return Text(text=scored.token, logprobs=[entry])

    def _token(self, token: int, logprob: float | None) -> TokenLogprob:
        data = self._weights.piece(token)
        return TokenLogprob(
            token=data.decode(errors="replace"), logprob=logprob, id=token, data=data
        )
