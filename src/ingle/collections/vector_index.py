"""`VectorIndex`: the nearest vectors of a collection, quickly and nearly always exactly.

Derived of the collection, in a folder beside it: made again when it is missing, torn or older than
the collection. It has, for all vectors in the order of their passages' ids,

- ``ids``: the passages, int64;
- ``signs``: one bit for each number of the vector less the mean of all vectors, as ``width / 64``
  columns of uint64: a vector of 384 numbers takes 48 bytes;
- ``vectors``: the vectors themselves, float16, of which only those looked at are read.

A search counts for all vectors how many signs differ from the query's (Hamming distance), and
computes the true similarity of the few hundred nearest. That reads 4.8 MB for 100,000 vectors,
where comparing all numbers would read 77, and needs no graph that is built for minutes. Of unit
vectors the number of different signs estimates the angle (Charikar, Similarity estimation
techniques from rounding algorithms, STOC 2002).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from ingle.collections.collection import Collection

FORM = 1
"""Of the folder; another one is made again."""
HEADER, IDS, SIGNS, VECTORS = "header.json", "ids", "signs", "vectors"
BLOCK = 16_384
"""Vectors whose signs are compared at once: what a core's cache holds."""
LOOKED_AT = 1000
"""Vectors whose similarity is computed, at least."""
PER_RESULT = 8
"""The same for each result that is wanted."""
MEAN_OF = 16_384
"""Vectors whose mean stands for that of all."""

Vector = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class _Header(msgspec.Struct):
    form: int
    generation: int
    count: int
    width: int


class Near(NamedTuple):
    """A vector that was found."""

    passage: int
    similarity: float
    """Cosine."""


class VectorIndex:
    """An index that fits its collection; see `opened`.

    Args:
        folder: where it lies.
        threads: that compare signs.
    """

    def __init__(self, folder: Path, header: _Header, threads: int) -> None:
        count, words = header.count, words_of(header.width)
        self.generation = header.generation
        self.width = header.width
        self.ids = _mapped(folder / IDS, np.int64, (count,))
        self._mean = np.frombuffer((folder / "mean").read_bytes(), np.float32)
        # Read whole: every search looks at all of them.
        self._signs = np.ascontiguousarray(_mapped(folder / SIGNS, np.uint64, (words, count)))
        self._vectors = _mapped(folder / VECTORS, np.float16, (count, header.width))
        self._threads = max(1, threads)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="signs")

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown()

    def mask(self, passages: Sequence[int]) -> Mask:
        """Which of its vectors are of these passages."""
        found = np.zeros(len(self.ids), np.bool_)
        at = np.searchsorted(self.ids, np.asarray(passages, np.int64))
        found[at[at < len(self.ids)]] = True
        return found

    def nearest(self, query: Vector, most: int, among: Mask | None = None) -> list[Near]:
        """The vectors nearest to one of length 1, the nearest first.

        Args:
            among: only these are looked at; see `mask`.
        """
        if not len(self.ids):
            return []
        wanted = max(LOOKED_AT, PER_RESULT * most)
        chosen = self._candidates(query, wanted, among)
        similar = self._vectors[chosen].astype(np.float32) @ query
        order = np.argsort(-similar, kind="stable")[:most]
        return [Near(int(self.ids[chosen[at]]), float(similar[at])) for at in order]

    def similar(self, passages: Sequence[int]) -> npt.NDArray[np.float32]:
        """The vectors of passages, as rows; zeros for one that came after the index was made."""
        wanted = np.asarray(passages, np.int64)
        found = np.zeros((len(wanted), self.width), np.float32)
        at = np.searchsorted(self.ids, wanted)
        known = at < len(self.ids)
        known[known] = self.ids[at[known]] == wanted[known]
        found[known] = self._vectors[at[known]]
        return found

    def _candidates(self, query: Vector, wanted: int, among: Mask | None) -> npt.NDArray[np.intp]:
        if among is not None and np.count_nonzero(among) <= wanted:
            return np.flatnonzero(among)
        differing = self._differing(packed((query - self._mean)[None, :])[:, 0])
        if among is not None:
            differing[~among] = np.iinfo(np.uint16).max >> 1
        counts = np.cumsum(np.bincount(differing, minlength=1))
        bound = int(np.searchsorted(counts, min(wanted, len(differing))))
        found = np.flatnonzero(differing <= bound)
        return found if among is None else found[among[found]]

    def _differing(self, query: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint16]:
        count = len(self.ids)
        found = np.empty(count, np.uint16)

        def compare(begin: int, end: int) -> None:
            for at in range(begin, end, BLOCK):
                stop = min(at + BLOCK, end)
                total = found[at:stop]
                total[:] = 0
                for word, column in zip(query, self._signs, strict=True):
                    total += np.bitwise_count(column[at:stop] ^ word)

        if self._threads == 1 or count < 8 * BLOCK:
            compare(0, count)
        else:
            step = -(-count // self._threads)
            begins = range(0, count, step)
            list(self._pool.map(compare, begins, [min(at + step, count) for at in begins]))
        return found


def words_of(width: int) -> int:
    """Words of 64 bits that hold one bit for each number of a vector of this width."""
    return -(-width // 64)


def packed(rows: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint64]:
    """The signs of rows of numbers: one column of words for each row."""
    bits = np.packbits(rows > 0, axis=1, bitorder="little")
    whole = np.zeros((len(rows), 8 * words_of(rows.shape[1])), np.uint8)
    whole[:, : bits.shape[1]] = bits
    return np.ascontiguousarray(whole.view(np.uint64).T)


@contextlib.contextmanager
def opened(collection: Collection, threads: int = 1) -> Iterator[VectorIndex]:
    """The index of a collection; it is made, if there is none that fits."""
    index = index_of(collection, threads)
    try:
        yield index
    finally:
        index.close()


def index_of(collection: Collection, threads: int = 1) -> VectorIndex:
    """As `opened`; the caller closes it.

    Raises:
        StorageError: the collection cannot be read.
        DiskFull: there is no room for the index.
    """
    folder = folder_of(collection.path)
    header = _header(folder)
    embedder = collection.embedder
    width = embedder.dimensions if embedder else 0
    fits = header is not None and (header.generation, header.width) == (
        collection.generation, width,
    )  # fmt: skip
    if header is None or not fits or not _whole(folder, header):
        header = make(collection, folder)
    return VectorIndex(folder, header, threads)


def folder_of(path: Path) -> Path:
    """Where the index of a collection's file lies."""
    return path.with_name(f"{path.stem}.index")


def make(collection: Collection, folder: Path) -> _Header:
    """Write the index of a collection, in place of what is there."""
    embedder = collection.embedder
    width, generation = (embedder.dimensions if embedder else 0), collection.generation
    new = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        count = _written(collection, new, width)
        header = _Header(form=FORM, generation=generation, count=count, width=width)
        (new / HEADER).write_bytes(msgspec.json.encode(header))
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return header


def _written(collection: Collection, folder: Path, width: int) -> int:
    blocks, ids, mean = list[npt.NDArray[np.uint64]](), list[int](), np.zeros(width, np.float32)
    with (folder / VECTORS).open("wb") as vectors:
        for found, data in collection.vectors(MEAN_OF):
            rows = np.frombuffer(data, np.float16).reshape(-1, width).astype(np.float32)
            if not ids:
                mean = rows.mean(axis=0, dtype=np.float32)
            ids += found
            blocks.append(packed(rows - mean))
            vectors.write(data)
        _synced(vectors)
    signs = np.concatenate(blocks, axis=1) if blocks else np.zeros((words_of(width), 0), np.uint64)
    for name, array in ((IDS, np.array(ids, np.int64)), (SIGNS, signs), ("mean", mean)):
        with (folder / name).open("wb") as file:
            file.write(np.ascontiguousarray(array).tobytes())
            _synced(file)
    return len(ids)


def _synced(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _header(folder: Path) -> _Header | None:
    try:
        header = msgspec.json.decode((folder / HEADER).read_bytes(), type=_Header)
    except (OSError, msgspec.DecodeError):
        return None
    return header if header.form == FORM else None


def _whole(folder: Path, header: _Header) -> bool:
    sizes = {
        IDS: 8 * header.count,
        SIGNS: 8 * words_of(header.width) * header.count,
        VECTORS: 2 * header.width * header.count,
        "mean": 4 * header.width,
    }
    try:
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except OSError:
        return False


def _mapped(path: Path, kind: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if 0 in shape:
        return np.zeros(shape, kind)
    return np.memmap(path, kind, "r", shape=shape)
