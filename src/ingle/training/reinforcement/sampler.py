"""Answers of the model as it is now: sampled by the engine that will serve it.

The adapter is written as a file and loaded again after each update, so what is sampled is what
would be served. Many answers are decoded at once; the engine batches them.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from ingle.capabilities.complete.operation import Complete
from ingle.engines.declarations import load_engine
from ingle.engines.engine import AdapterFile, LoadSpec
from ingle.errors import EngineFault
from ingle.operations import AdapterUse, Event, Finish, Sampling, Text
from ingle.training.reinforcement.rewards import SampledAnswer

POLICY = "policy"


class SampleRequest(NamedTuple):
    """An answer that is wanted."""

    prompt: list[int]
    seed: int


class Sampler:
    """A base with one adapter, open for sampling. A context manager.

    Args:
        slots: answers that are decoded at once.
        context: tokens of a prompt and its answer together.
        end: the token that ends a turn.

    Raises:
        ModelLoadFailed, EngineMissing: as the engine says.
    """

    def __init__(self, base: Path, adapter: Path, *, slots: int, context: int, end: int) -> None:
        self._end = end
        self._slots = slots
        self._session = load_engine("llama").open(
            LoadSpec(
                engine="llama",
                model=base.name,
                files={"weights": [str(base)]},
                slots=slots,
                adapters=[AdapterFile(name=POLICY, path=str(adapter))],
                options={"context": context},
            )
        )

    def __enter__(self) -> Sampler:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()

    def answers(
        self, requests: list[SampleRequest], *, temperature: float, max_tokens: int
    ) -> list[SampledAnswer]:
        """One answer for each request, in their order. Probabilities are not cut off.

        Raises:
            EngineFault: as the engine says.
        """

        def one(request: SampleRequest) -> SampledAnswer:
            found: list[Event] = []
            operation = Complete(
                model="policy",
                prompt=request.prompt,
                max_tokens=max_tokens,
                logprobs=True,
                sampling=Sampling(
                    temperature=temperature, top_p=1.0, top_k=0, min_p=0.0, seed=request.seed
                ),
                adapters=[AdapterUse(name=POLICY)],
            )
            self._session.perform(operation, found.append)
            return self._answer(found)

        with ThreadPoolExecutor(max_workers=self._slots) as pool:
            return list(pool.map(one, requests))

    def _answer(self, events: list[Event]) -> SampledAnswer:
        pieces = [event for event in events if isinstance(event, Text)]
        tokens = [entry.id for piece in pieces for entry in piece.logprobs]
        if any(token < 0 for token in tokens):
            raise EngineFault("the engine did not say which tokens it sampled")
        finished = any(isinstance(e, Finish) and e.reason == "stop" for e in events)
        if finished and tokens[-1:] != [self._end]:
            tokens.append(self._end)
        return SampledAnswer(tokens, "".join(piece.text for piece in pieces), finished)


def slots() -> int:
    """Answers to decode at once: batching pays on a processor, too."""
    return 4 * (os.cpu_count() or 1)
