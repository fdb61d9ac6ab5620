"""Preparation: from a person's file to the data sets of a run."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ingle.training.dataset import Document, Writer, Written
from ingle.training.examples import Example, read_examples
from ingle.training.rendering import Piece, Renderer

Tokenizer = Callable[[str], Awaitable[list[int]]]
"""Text to tokens, exactly as the engine does it."""
FEW = 20
"""With fewer examples than this none is set apart for validation."""


class Prepared(NamedTuple):
    """What a run is trained on."""

    train: Written
    validation: Written | None
    sha256: str
    """Of the data file."""
    shared: int
    """Validation documents that are in the training set, too."""


async def prepare(
    data: Path,
    folder: Path,
    renderer: Renderer,
    tokenize: Tokenizer,
    *,
    sequence: int,
    vocabulary: int,
    validation: Path | None = None,
    share: float = 0.05,
    seed: int = 0,
    told: Callable[[int], None] | None = None,
) -> Prepared:
    """Write ``train/`` and ``validation/`` into a run's folder.

    Args:
        validation: a file of its own; else a ``share`` of the examples is set apart.
        told: hears how many examples are done.

    Raises:
        InvalidRequest, CapabilityMissing: the file, a line or the template.
    """
    total = sum(1 for _ in read_examples(data))
    apart: set[int] = set()
    if validation is None and share and total >= FEW:
        count = max(1, round(total * share))
        apart = set(np.random.default_rng(seed).permutation(total)[:count].tolist())
    check = folder / "validation"
    with (
        Writer(folder / "train", sequence, vocabulary) as train,
        Writer(check, sequence, vocabulary) as checks,
    ):
        for number, example in enumerate(read_examples(data)):
            async for document in _documents([example], renderer, tokenize):
                (checks if number in apart else train).add(document)
            if told is not None:
                told(number + 1)
        if validation is not None:
            async for document in _documents(read_examples(validation), renderer, tokenize):
                checks.add(document)
        written = train.finish()
        checked = checks.finish() if validation is not None or apart else None
    if checked is None:
        shutil.rmtree(check)
    return Prepared(written, checked, _sha256(data), len(train.seen & checks.seen))


async def tokens_of(pieces: Iterable[Piece], tokenize: Tokenizer) -> Document:
    """A document of its pieces. They are tokenised apart, as prompt and answer are in use."""
    tokens: list[int] = []
    learnt: list[bool] = []
    for piece in pieces:
        found = await tokenize(piece.text) if piece.text else []
        tokens += found
        learnt += [piece.learnt] * len(found)
    return Document(tokens, learnt)


async def _documents(
    examples: Iterable[Example], renderer: Renderer, tokenize: Tokenizer
) -> AsyncIterator[Document]:
    for example in examples:
        for pieces in renderer.pieces(example):
            yield await tokens_of(pieces, tokenize)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
