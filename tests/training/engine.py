"""What llama.cpp makes of a base with an adapter, against what the trainer makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingle.capabilities.complete.operation import Complete
from ingle.engines.engine import AdapterFile, LoadSpec
from ingle.engines.llama.engine import LlamaEngine
from ingle.operations import AdapterUse, Event, Sampling, Text
from ingle.training.batch import Batch
from ingle.training.step import Step
from tests.training.models import VOCABULARY


class Compared(NamedTuple):
    """One prompt."""

    same: bool
    """Both find the same token the likeliest."""
    divergence: float
    """Kullback and Leibler's, of the engine from the trainer, over the whole vocabulary."""


def compare(
    step: Step[Any], base: Path, adapter: Path | None, prompts: list[list[int]]
) -> list[Compared]:
    """The token after each prompt, by both."""
    given = [AdapterFile(name="trained", path=str(adapter))] if adapter else []
    spec = LoadSpec(
        engine="llama",
        model="tiny",
        files={"weights": [str(base)]},
        slots=1,
        adapters=given,
        options={"context": 128},
    )
    session = LlamaEngine().open(spec)
    try:
        return [_compared(step, session, prompt, adapted=bool(given)) for prompt in prompts]
    finally:
        session.close()


def _compared(step: Step[Any], session: Any, prompt: list[int], *, adapted: bool) -> Compared:
    found: list[Event] = []
    request = Complete(
        model="tiny", prompt=prompt, max_tokens=1, logprobs=True, top_logprobs=VOCABULARY,
        sampling=Sampling(temperature=0.0),
        adapters=[AdapterUse(name="trained")] if adapted else [],
    )  # fmt: skip
    session.perform(request, found.append)
    (text,) = [event for event in found if isinstance(event, Text) and event.logprobs]
    theirs = {entry.id: entry.logprob for entry in text.logprobs[0].top}
    tokens = np.array([prompt])
    rows = Batch(tokens, tokens, np.arange(len(prompt))[None])
    ours = _log_softmax(step.logits(rows)[0, -1].astype(np.float64))
    divergence = sum(
        np.exp(ours[token]) * (ours[token] - (logprob or 0.0)) for token, logprob in theirs.items()
    )
    best = max(theirs, key=lambda token: theirs[token] or 0.0)
    return Compared(best == int(ours.argmax()), float(divergence))


def _log_softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = x - x.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))
