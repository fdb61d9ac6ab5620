"""The data set of a run: tokens on disk, and rows of whole documents packed from them.

Tokens are mapped, not read: a data set may be larger than the memory. Which
documents share a row, and the order of rows, follow from the seed and the
epoch alone, so a run that was killed continues with the very row it was at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from ingle.errors import InvalidRequest
from ingle.training.batch import IGNORE, Batch


class Document(NamedTuple):
    """Tokens of one document, and which of them are learnt."""

    tokens: list[int]
    learnt: list[bool]
    mark: bytes = b""
    """Equal for documents that are nearly the same; empty if no one looked."""


class DatasetSummary(msgspec.Struct, frozen=True):
    """What became of the examples."""

    documents: int
    tokens: int
    learnt: int
    cut: int
    """Documents that were longer than the sequence: their end is left out."""
    lost: int
    """Documents of which nothing would be learnt after cutting: left out whole."""
    twice: int
    """Documents that are the same as another one."""


class DatasetWriter:
    """Writes ``tokens.bin``, ``learnt.bin`` and ``starts.npy``, document by document.

    A context manager: leaving it closes the files.

    Args:
        longest: tokens of a document that are kept.
    """

    def __init__(self, folder: Path, longest: int, vocabulary: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._longest = longest
        self._vocabulary = vocabulary
        self._tokens = (folder / "tokens.bin").open("wb")
        self._learnt = (folder / "learnt.bin").open("wb")
        self._starts = [0]
        self._count = self._cut = self._lost = self._twice = 0
        self.seen: set[bytes] = set()
        """Hashes of the documents, to find those that come twice, here or in another set."""
        self.near: set[bytes] = set()
        """Marks of the documents, to find those that nearly do."""
        self.alike = 0
        """Documents that are nearly, but not quite, the same as one before."""

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._tokens.close()
        self._learnt.close()

    def add_example(self, documents: list[Document]) -> None:
        """Take the documents of an example; one of which nothing is to be learnt has none.

        Raises:
            InvalidRequest: as `add`.
        """
        self._lost += not documents
        for document in documents:
            self.add(document)

    def add(self, document: Document) -> None:
        """Take a document.

        Raises:
            InvalidRequest: a token is not in the vocabulary.
        """
        row = np.array(document.tokens[: self._longest], dtype=np.uint32)
        mask = np.array(document.learnt[: self._longest], dtype=np.bool_)
        if not mask[1:].any():  # the first token follows nothing
            self._lost += 1
            return
        if row.max() >= self._vocabulary:
            raise InvalidRequest(
                f"token {row.max()} is outside the vocabulary of {self._vocabulary}", field="data"
            )
        mark = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
        again = mark in self.seen
        self._twice += again
        self.alike += not again and bool(document.mark) and document.mark in self.near
        self.seen.add(mark)
        if document.mark:
            self.near.add(document.mark)
        self._cut += len(document.tokens) > self._longest
        self._tokens.write(row.tobytes())
        self._learnt.write(mask.tobytes())
        self._starts.append(self._starts[-1] + len(row))
        self._count += int(mask[1:].sum())

    def finish(self) -> DatasetSummary:
        """Say what was written.

        Raises:
            InvalidRequest: nothing would be learnt from any of it.
        """
        np.save(self._folder / "starts.npy", np.array(self._starts, dtype=np.int64))
        documents = len(self._starts) - 1
        if not documents:
            raise InvalidRequest(
                f"nothing to train on: no answer is within the first {self._longest} tokens",
                hint="raise --max-length, or shorten the prompts",
                field="data",
            )
        return DatasetSummary(
            documents, self._starts[-1], self._count, self._cut, self._lost, self._twice
        )


def write(
    folder: Path, documents: Iterable[Document], longest: int, vocabulary: int
) -> DatasetSummary:
    """Write all of some documents. Raises as `DatasetWriter`."""
    with DatasetWriter(folder, longest, vocabulary) as writer:
        for document in documents:
            writer.add(document)
        return writer.finish()


class Dataset:
    """A written data set."""

    def __init__(self, folder: Path, length: int) -> None:
        self._starts = np.load(folder / "starts.npy")
        self._tokens = np.memmap(folder / "tokens.bin", dtype=np.uint32, mode="r")
        self._learnt = np.memmap(folder / "learnt.bin", dtype=np.bool_, mode="r")
        self._length = length

    def __len__(self) -> int:
        return len(self._starts) - 1

    def order(self, seed: int, epoch: int) -> list[int]:
        """The documents of an epoch, in an order that the seed fixes."""
        found: list[int] = np.random.default_rng((seed, epoch)).permutation(len(self)).tolist()
        return found

    def rows(self, documents: Iterable[int]) -> list[list[int]]:
        """Documents packed into rows: first fit."""
        rows: list[list[int]] = []
        open_rows: list[tuple[int, int]] = []  # room left, row; few, so that it stays linear
        for document in documents:
            size = self._size(document)
            at = next((i for i, (room, _) in enumerate(open_rows) if room >= size), None)
            if at is None:
                rows.append([document])
                open_rows.append((self._length - size, len(rows) - 1))
                if len(open_rows) > 64:
                    open_rows.pop(0)
            else:
                room, row = open_rows[at]
                rows[row].append(document)
                open_rows[at] = (room - size, row)
        return rows

    def batch(self, rows: list[list[int]], width: int = 0) -> Batch:
        """Rows of documents, some of them maybe empty, as one batch, padded to a width, or to the
        longest."""
        size = width or max(self.length(row) for row in rows)
        tokens = np.zeros((len(rows), size), dtype=np.int64)
        labels = np.full((len(rows), size), IGNORE, dtype=np.int64)
        positions = np.zeros((len(rows), size), dtype=np.int64)
        documents = np.full((len(rows), size), -1, dtype=np.int64)
        for number, row in enumerate(rows):
            at = 0
            for document in row:
                start, end = self._starts[document], self._starts[document + 1]
                count = int(end - start)
                inside = slice(at, at + count)
                tokens[number, inside] = self._tokens[start:end]
                positions[number, inside] = np.arange(count)
                documents[number, inside] = document
                after = self._tokens[start + 1 : end].astype(np.int64)
                following = np.where(self._learnt[start + 1 : end], after, IGNORE)
                labels[number, at : at + count - 1] = following
                at += count
        return Batch(tokens, labels, positions, documents)

    def length(self, row: list[int]) -> int:
        """Tokens of a row."""
        return sum(self._size(document) for document in row)

    def _size(self, document: int) -> int:
        return int(self._starts[document + 1] - self._starts[document])
