"""Preparation: from a person's data to the data sets of a run."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np

from ingle.training.dataset import DatasetSummary, DatasetWriter, Document
from ingle.training.examples import Example, Source
from ingle.training.rendering import Renderer, TokenSpan

FEW = 20
"""With fewer examples than this none is set apart for validation."""
NAMED = 20
"""How many of the unused fields are named."""
TOGETHER = 32
"""Examples that are rendered at once: each is some questions to another process."""


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
    chunked: int = 0
    """Texts that are longer than the sequence, each several documents."""
    unused: tuple[str, ...] = ()
    """Names of fields in the data that no one reads."""

    def sentences(self, sequence: int) -> Iterator[str]:
        """The same for people."""
        a = self.train
        yield (
            f"{a.documents} examples, {a.tokens} tokens, {a.learnt} trained on; {a.cut} truncated "
            f"to {sequence} tokens, {a.lost} skipped, {a.twice} duplicates"
            + (f", {self.alike} near duplicates" if self.alike else "")
        )
        if self.chunked:
            yield (
                f"{self.chunked} text{'' if self.chunked == 1 else 's'} longer than {sequence} "
                "tokens: trained on in chunks, each counted as an example"
            )
        yield from unused_sentence(self.unused)
        if self.validation is not None:
            b = self.validation
            yield (
                f"{b.documents} validation example{'' if b.documents == 1 else 's'}"
                + (f", {b.cut} truncated" if b.cut else "")
                + (f", {b.lost} skipped" if b.lost else "")
                + (f"; {self.shared} of them are also in the training data" if self.shared else "")
                + (f"; {self.leaks} are near duplicates of training examples" if self.leaks else "")
            )


def unused_sentence(names: Sequence[str]) -> Iterator[str]:
    """Says which fields of the data no one reads, if there are any."""
    if names:
        more = len(names) - NAMED
        yield f"fields that are not used: {', '.join(names[:NAMED])}" + (
            f" and {more} more" if more > 0 else ""
        )


def progress(done: int, total: int) -> str:
    """How far a preparation is, for people; of nothing while the examples are counted."""
    if not total:
        return f"reading the examples: {done} so far"
    return f"{done} of {total} examples prepared"


async def prepare(
    data: Source,
    folder: Path,
    renderer: Renderer,
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
        told: hears how many examples are done, and of how many; of 0 while they are counted.

    Raises:
        InvalidRequest, CapabilityMissing: the data, a row or the template.
    """
    split = data.split(split)
    total = await asyncio.to_thread(_counted, data, split, told)
    checks_of = data.checks(split, validation)
    checks_from: Iterable[Example] = checks_of[0].examples(checks_of[1]) if checks_of else ()
    apart: set[int] = set()
    if checks_of is None and share and total >= FEW:
        count = max(1, round(total * share))
        apart = set(np.random.default_rng(seed).permutation(total)[:count].tolist())
    check = folder / "validation"
    chunked, unused = 0, set[str]()
    with (
        DatasetWriter(folder / "train", sequence, vocabulary) as train,
        DatasetWriter(check, sequence, vocabulary) as checks,
    ):
        async for number, example, found in _documents(data.examples(split), renderer, sequence):
            (checks if number in apart else train).add_example(found)
            chunked += bool(example.text) and len(found) > 1
            unused |= example.unused
            if told is not None:
                told(number + 1, total)
        async for _, _, found in _documents(checks_from, renderer, sequence):
            checks.add_example(found)
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
        chunked=chunked,
        unused=tuple(sorted(unused | renderer.unwritten)),
    )


def _counted(data: Source, split: str, told: Callable[[int, int], None] | None) -> int:
    """How many examples there are, each of which is read and found to be one."""
    count = 0
    for count, _ in enumerate(data.examples(split), 1):
        if told is not None:
            told(count, 0)
    return count


def document(spans: Iterable[TokenSpan]) -> Document:
    """A document of its spans."""
    tokens: list[int] = []
    learnt: list[bool] = []
    text = ""
    for span in spans:
        tokens += span.tokens
        learnt += [span.learnt] * len(span.tokens)
        text += span.text
    return Document(tokens, learnt, _mark(text))


def chunks(whole: Document, sequence: int) -> list[Document]:
    """A document in parts of at most that many tokens. Each begins with the last token of the one
    before it, so that every token but the first is learnt from the one in front of it."""
    if len(whole.tokens) <= sequence:
        return [whole]
    return [
        Document(
            whole.tokens[at : at + sequence],
            [at == 0, *whole.learnt[at + 1 : at + sequence]],
        )
        for at in range(0, len(whole.tokens) - 1, sequence - 1)
    ]


async def _documents(
    examples: Iterable[Example], renderer: Renderer, sequence: int
) -> AsyncIterator[tuple[int, Example, list[Document]]]:
    """Each example with its number and its documents; some are worked on at once."""
    numbered = enumerate(examples)
    while group := list(islice(numbered, TOGETHER)):
        rendered = await asyncio.gather(*(renderer.documents(example) for _, example in group))
        for (number, example), found in zip(group, rendered, strict=True):
            documents = [document(spans) for spans in found]
            if example.text:
                documents = chunks(documents[0], sequence)
            yield number, example, documents


def _mark(text: str) -> bytes:
    """Hash of a text without case, spaces and punctuation: equal for what is nearly the same."""
    plain = re.sub(r"[\W_]+", " ", text.casefold()).strip()
    return hashlib.blake2b(plain.encode("utf-8", "replace"), digest_size=16).digest()
