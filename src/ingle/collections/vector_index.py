"""`VectorIndex`: the nearest vectors of a collection, quickly and nearly always exactly.

Derived of the collection, in a folder beside it: made again when it is missing or torn. What was
added to the collection since is read beside it, and what was removed is passed over, until there is
so much of both that making it again pays. It has, for all vectors in the order of their passages'
ids,

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

FORM = 2
"""Of the folder; another one is made again."""
HEADER, IDS, SIGNS, VECTORS = "header.json", "ids", "signs", "vectors"
BLOCK = 16_384
"""Vectors whose signs are compared at once: what a core's cache holds."""
LOOKED_AT = 1000
"""Vectors whose similarity is computed, at least."""
PER_RESULT = 8
"""The same for each result that is wanted."""
MOST_CHANGED = 4096
"""Vectors that are added or removed before the index is made again, at least."""
CHANGED_SHARE = 0.1
"""The same, as a share of all."""
MEAN_OF = 16_384
"""Vectors whose mean stands for that of all."""

Vector = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class _Header(msgspec.Struct):
    form: int
    count: int
    width: int
    last: int
    """The largest id of a passage when it was made: what came later has a larger one."""
    removed: int
    """How far the log of removed passages was read."""


class Near(NamedTuple):
    """A vector that was found."""

    passage: int
    similarity: float
    """Cosine."""


class _Segment(NamedTuple):
    """Vectors in the order of their passages."""

    ids: npt.NDArray[np.int64]
    signs: npt.NDArray[np.uint64]
    vectors: npt.NDArray[np.float16]


class _Base:
    """The index in its folder: what was there when it was made.

    Args:
        threads: that compare signs.
    """

    def __init__(self, folder: Path, header: _Header, threads: int) -> None:
        count, words = header.count, words_of(header.width)
        self.header = header
        self.mean = np.frombuffer((folder / "mean").read_bytes(), np.float32)
        self.segment = _Segment(
            _mapped(folder / IDS, np.int64, (count,)),
            # Read whole: every search looks at all of them.
            np.ascontiguousarray(_mapped(folder / SIGNS, np.uint64, (words, count))),
            _mapped(folder / VECTORS, np.float16, (count, header.width)),
        )
        self.threads = max(1, threads)
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="signs")


class VectorIndex:
    """An index that fits its collection; see `opened`.

    Args:
        base: what is in its folder.
        added: vectors of passages that came later.
        removed: passages that are gone.
        generation: of the collection that it fits.
    """

    def __init__(
        self, base: _Base, added: _Segment, removed: Sequence[int], generation: int
    ) -> None:
        self.base = base
        self.generation = generation
        self.width = base.header.width
        self._segments = (base.segment, added)
        self._first = len(base.segment.ids)
        self.ids = (
            np.concatenate((base.segment.ids, added.ids)) if len(added.ids) else (base.segment.ids)
        )
        self._gone = np.flatnonzero(self.mask(removed)) if removed else None

    @property
    def changed(self) -> int:
        """How many vectors were added or removed since its base was made."""
        return len(self.ids) - self._first + (0 if self._gone is None else len(self._gone))

    def close(self) -> None:
        """End its threads."""
        self.base.pool.shutdown()

    def mask(self, passages: Sequence[int]) -> Mask:
        """Which of its vectors are of these passages."""
        found = np.zeros(len(self.ids), np.bool_)
        wanted = np.asarray(passages, np.int64)
        at = np.searchsorted(self.ids, wanted)
        known = at < len(self.ids)
        known[known] = self.ids[at[known]] == wanted[known]
        found[at[known]] = True
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
        similar = self._rows(chosen) @ query
        order = np.argsort(-similar, kind="stable")[:most]
        return [Near(int(self.ids[chosen[at]]), float(similar[at])) for at in order]

    def similar(self, passages: Sequence[int]) -> npt.NDArray[np.float32]:
        """The vectors of passages, as rows; zeros for one that came after the index was made."""
        wanted = np.asarray(passages, np.int64)
        found = np.zeros((len(wanted), self.width), np.float32)
        at = np.searchsorted(self.ids, wanted)
        known = at < len(self.ids)
        known[known] = self.ids[at[known]] == wanted[known]
        found[known] = self._rows(at[known])
        return found

    def _rows(self, at: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        """The vectors at these places."""
        base, added = self._segments
        found = np.empty((len(at), self.width), np.float32)
        early = at < self._first
        found[early] = base.vectors[at[early]]
        found[~early] = added.vectors[at[~early] - self._first]
        return found

    def _candidates(self, query: Vector, wanted: int, among: Mask | None) -> npt.NDArray[np.intp]:
        if among is not None and np.count_nonzero(among) <= wanted:
            found = np.flatnonzero(among)
            return found if self._gone is None else np.setdiff1d(found, self._gone)
        differing = self._differing(packed((query - self.base.mean)[None, :])[:, 0])
        left_out = np.iinfo(np.uint16).max >> 1
        if among is not None:
            differing[~among] = left_out
        if self._gone is not None:
            differing[self._gone] = left_out
        counts = np.cumsum(np.bincount(differing, minlength=1))
        bound = int(np.searchsorted(counts, min(wanted, len(differing))))
        return np.flatnonzero(differing <= min(bound, left_out - 1))

    def _differing(self, query: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint16]:
        found = np.empty(len(self.ids), np.uint16)
        base, added = self._segments
        self._compare(query, base.signs, found[: self._first])
        self._compare(query, added.signs, found[self._first :])
        return found

    def _compare(
        self,
        query: npt.NDArray[np.uint64],
        signs: npt.NDArray[np.uint64],
        found: npt.NDArray[np.uint16],
    ) -> None:
        count, threads = len(found), self.base.threads

        def compare(begin: int, end: int) -> None:
            for at in range(begin, end, BLOCK):
                stop = min(at + BLOCK, end)
                total = found[at:stop]
                total[:] = 0
                for word, column in zip(query, signs, strict=True):
                    total += np.bitwise_count(column[at:stop] ^ word)

        if threads == 1 or count < 8 * BLOCK:
            compare(0, count)
        else:
            step = -(-count // threads)
            begins = range(0, count, step)
            list(self.base.pool.map(compare, begins, [min(at + step, count) for at in begins]))


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


def index_of(
    collection: Collection, threads: int = 1, before: VectorIndex | None = None
) -> VectorIndex:
    """As `opened`; the caller closes it.

    Args:
        before: one of the same collection, whose base is used again as far as it fits; it is not
            closed, since both may have it.

    Raises:
        StorageError: the collection cannot be read.
        DiskFull: there is no room for the index.
    """
    folder = folder_of(collection.path)
    embedder = collection.embedder
    width = embedder.dimensions if embedder else 0
    base = before.base if before is not None else None
    if base is None or not _fits(base.header, collection, width):
        header = _header(folder)
        if header is None or not _fits(header, collection, width) or not _whole(folder, header):
            header = make(collection, folder)
        base = _Base(folder, header, threads)
    found = _with_changes(base, collection)
    if found.changed > max(MOST_CHANGED, found.base.header.count * CHANGED_SHARE):
        base = _Base(folder, make(collection, folder), threads)
        found = _with_changes(base, collection)
    return found


def _fits(header: _Header, collection: Collection, width: int) -> bool:
    """It was made of this collection, as it was at some time."""
    return (
        header.width == width
        and header.last <= collection.numbered("passage")
        and header.removed <= collection.numbered("removed")
    )


def _with_changes(base: _Base, collection: Collection) -> VectorIndex:
    """The index of a collection as it is now. What changes meanwhile has another generation."""
    generation, width = collection.generation, base.header.width
    ids, data = list[int](), list[bytes]()
    for found, rows in collection.vectors(after=base.header.last):
        ids += found
        data.append(rows)
    vectors = np.frombuffer(b"".join(data), np.float16).reshape(-1, width or 1)
    signs = packed(vectors.astype(np.float32) - base.mean) if ids else _no_signs(width)
    added = _Segment(np.array(ids, np.int64), signs, vectors)
    return VectorIndex(base, added, collection.removed(base.header.removed), generation)


def _no_signs(width: int) -> npt.NDArray[np.uint64]:
    return np.zeros((words_of(width), 0), np.uint64)


def folder_of(path: Path) -> Path:
    """Where the index of a collection's file lies."""
    return path.with_name(f"{path.stem}.index")


def make(collection: Collection, folder: Path) -> _Header:
    """Write the index of a collection, in place of what is there."""
    embedder = collection.embedder
    width = embedder.dimensions if embedder else 0
    # Read first: what is removed or added meanwhile is read again beside the index.
    removed = collection.numbered("removed")
    for left in folder.parent.glob(f"{folder.name}.*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        count, last = _written(collection, new, width)
        header = _Header(form=FORM, count=count, width=width, last=last, removed=removed)
        (new / HEADER).write_bytes(msgspec.json.encode(header))
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
        collection.forget_removed(removed)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return header


def _written(collection: Collection, folder: Path, width: int) -> tuple[int, int]:
    """How many vectors there are, and the largest id of a passage."""
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
    signs = np.concatenate(blocks, axis=1) if blocks else _no_signs(width)
    for name, array in ((IDS, np.array(ids, np.int64)), (SIGNS, signs), ("mean", mean)):
        with (folder / name).open("wb") as file:
            file.write(np.ascontiguousarray(array).tobytes())
            _synced(file)
    return len(ids), ids[-1] if ids else 0


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
