"""Collections with made vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingle.collections.collection import Collection
from ingle.collections.records import CollectedFile, Embedder, TextPassage

WIDTH = 96
EMBEDDER = Embedder(model="made", digest="sha256:made", dimensions=WIDTH)


def vector(seed: int) -> npt.NDArray[np.float32]:
    """Of length 1."""
    found = np.random.default_rng(seed).standard_normal(WIDTH).astype(np.float32)
    return found / np.float32(np.linalg.norm(found))


def source(place: str, text: str, changed_ns: int = 1) -> CollectedFile:
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return CollectedFile(place=place, size=len(text), changed_ns=changed_ns, sha256=sha256)


def put(collection: Collection, place: str, texts: Sequence[str], first: int = 0) -> CollectedFile:
    """A document with a passage for each text, whose vectors are `vector` of first, first + 1...

    No passage is beside another: there are a hundred characters to each.
    """
    if collection.embedder is None:
        collection.embed_with(EMBEDDER)
    found = source(place, "\n".join(texts))
    vectors = [vector(first + at).astype("<f2").tobytes() for at in range(len(texts))]
    passages = [
        TextPassage(text=text, start=100 * at, end=100 * at + len(text))
        for at, text in enumerate(texts)
    ]
    collection.add(found, Path(place).stem, "text", passages, vectors)
    return found
