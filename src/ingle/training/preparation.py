"""Preparation: from a person's data to the data sets of a run."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np

from ingle.capabilities.tokenize.operation import MOST_BYTES
from ingle.training.dataset import DatasetSummary, DatasetWriter, Document
from ingle.training.examples import Example, Source
from ingle.training.rendering import Renderer, TextSpan

Tokenizer = Callable[[str], Awaitable[list[int]]]
"""Text to tokens, exactly as the engine does it."""
FEW = 20
"""With fewer examples than this none is set apart for validation."""
LONGEST = MOST_BYTES // 4
"""Characters that are tokenised at once, none of which has more than four bytes."""
TOGETHER = 32
"""Documents that are tokenised at once: each text is a question to another process."""


class PreparedData(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is trained on."""

    train: DatasetSummary
    validation: DatasetSummary | None = None
    sha256: str = ""
    """Of the training data, as it was given."""
    shared: int = 0
    """Validation documents that are in the training set, too."""
    alike: int = 0
    """Training documents that differ from another one in case, spaces or punctuation only."""
    leaks: int = 0
    """Validation documents that differ from a training document in these only."""

    def sentences(self, sequence: int) -> Iterator[str]:
        """The same for people."""
        a = self.train
        yield (
            f"{a.documents} examples, {a.tokens} tokens, {a.learnt} trained on; {a.cut} truncated "
            f"to {sequence} tokens, {a.lost} skipped, {a.twice} duplicates"
            + (f", {self.alike} near duplicates" if self.alike else "")
        )
        if self.validation is not None:
            b = self.validation
            yield (
                f"{b.documents} validation example{'' if b.documents == 1 else 's'}"
                + (f", {b.cut} truncated" if b.cut else "")
                + (f", {b.lost} skipped" if b.lost else "")
                + (f"; {self.shared} of them are also in the training data" if self.shared else "")
                + (f"; {self.leaks} are near duplicates of training examples" if self.leaks else "")
            )


async def prepare(
    data: Source,
    folder: Path,
    renderer: Renderer,
    tokenize: Tokenizer,
    *,
    sequence: int,
    vocabulary: int,
    split: str = "",
    validation: Source | None = None,
    share: float = 0.05,
    seed: int = 0,
    told: Callable[[int, int], None] | None = None,
) -> PreparedData:
    """Write ``train/`` and ``validation/`` into a run's folder.

    Args:
        split: of the data; the training one if empty.
        validation: data of its own; else the data's validation split; else a
            ``share`` of the examples is set apart.
        told: hears how many examples are done, and of how many.

    Raises:
        InvalidRequest, CapabilityMissing: the data, a row or the template.
    """
    split = data.split(split)
    total = await asyncio.to_thread(lambda: sum(1 for _ in data.examples(split)))
    checks_of = data.checks(split, validation)
    checks_from: Iterable[Example] = checks_of[0].examples(checks_of[1]) if checks_of else ()
    apart: set[int] = set()
    if checks_of is None and share and total >= FEW:
        count = max(1, round(total * share))
        apart = set(np.random.default_rng(seed).permutation(total)[:count].tolist())
    check = folder / "validation"
    with (
        DatasetWriter(folder / "train", sequence, vocabulary) as train,
        DatasetWriter(check, sequence, vocabulary) as checks,
    ):
        async for number, document in _documents(data.examples(split), renderer, tokenize):
            (checks if number in apart else train).add(document)
            if told is not None:
                told(number + 1, total)
        async for _, document in _documents(checks_from, renderer, tokenize):
            checks.add(document)
        written = train.finish()
        checked = checks.finish() if checks_from != () or apart else None
    if checked is None:
        shutil.rmtree(check)
    shared = len(train.seen & checks.seen)
    return PreparedData(
        train=written,
        validation=checked,
        sha256=await asyncio.to_thread(data.sha256, split),
        shared=shared,
        alike=train.alike,
        leaks=max(0, len(train.near & checks.near) - shared),
    )


async def tokens_of(pieces: Iterable[TextSpan], tokenize: Tokenizer) -> Document:
    """A document of its pieces. They are tokenised apart, as prompt and answer are in use."""
    kept = [
        TextSpan(part, piece.learnt)
        for piece in pieces
        if piece.text
        for part in portions(piece.text)
    ]
    found = await asyncio.gather(*(tokenize(piece.text) for piece in kept))
    tokens: list[int] = []
    learnt: list[bool] = []
    for piece, part in zip(kept, found, strict=True):
        tokens += part
        learnt += [piece.learnt] * len(part)
    return Document(tokens, learnt, _mark("".join(piece.text for piece in kept)))


def portions(text: str) -> Iterator[str]:
    """A text in parts that can be tokenised at once, cut behind a line or else a word."""
    start = 0
    while len(text) - start > LONGEST:
        part = text[start : start + LONGEST]
        end = 1 + max(part.rfind("\n"), part.rfind(" ") if "\n" not in part else -1)
        yield part[: end or LONGEST]
        start += end or LONGEST
    yield text[start:]


async def _documents(
    examples: Iterable[Example], renderer: Renderer, tokenize: Tokenizer
) -> AsyncIterator[tuple[int, Document]]:
    """Each document, and the number of its example; some are worked on at once."""
    pieces = (
        (number, document)
        for number, example in enumerate(examples)
        for document in renderer.pieces(example)
    )
    while group := list(islice(pieces, TOGETHER)):
        done = await asyncio.gather(*(tokens_of(document, tokenize) for _, document in group))
        for (number, _), document in zip(group, done, strict=True):
            yield number, document


def _mark(text: str) -> bytes:
    """Hash of a text without case, spaces and punctuation: equal for what is nearly the same."""
    plain = re.sub(r"[\W_]+", " ", text.casefold()).strip()
    return hashlib.blake2b(plain.encode("utf-8", "replace"), digest_size=16).digest()
