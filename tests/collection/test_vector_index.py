"""The index finds what comparing all vectors would find, and is made again when it does not fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ingle.collections import vector_index
from ingle.collections.collection import Collection
from ingle.collections.records import TextPassage
from ingle.collections.vector_index import HEADER, VECTORS, folder_of, index_of, opened

from .collection_files import EMBEDDER, WIDTH, put, source, vector


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """4,000 vectors around 80 places."""
    collection = Collection(tmp_path_factory.mktemp("index") / "c.sqlite")
    collection.embed_with(EMBEDDER)
    random = np.random.default_rng(0)
    places = random.standard_normal((80, WIDTH))
    rows = places[random.integers(0, 80, 4000)] + 0.8 * random.standard_normal((4000, WIDTH))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    passages = [TextPassage(text=f"text {n}") for n in range(4000)]
    vectors = [row.astype("<f2").tobytes() for row in rows]
    collection.add(source("/all", "all"), "all", "text", passages, vectors)
    return collection


def exact(collection: Collection, query: object, most: int) -> list[int]:
    ids, data = [], b""
    for found, block in collection.vectors():
        ids += found
        data += block
    rows = np.frombuffer(data, "<f2").reshape(-1, WIDTH).astype(np.float32)
    return [ids[at] for at in np.argsort(-(rows @ query), kind="stable")[:most]]


def asked(collection: Collection, seed: int) -> npt.NDArray[np.float32]:
    """A query near one of the vectors, as questions are near what answers them."""
    (row,) = collection.rows("SELECT data FROM vector WHERE passage = ?", 1 + 70 * seed)
    found = np.frombuffer(row[0], "<f2").astype(np.float32) + vector(seed)
    return found / np.float32(np.linalg.norm(found))


def test_the_ten_nearest_are_those_of_an_exact_search(filled: Collection) -> None:
    hits = 0
    with opened(filled, threads=2) as index:
        for seed in range(50):
            query = asked(filled, seed)
            near = [found.passage for found in index.nearest(query, 10)]
            hits += len(set(near) & set(exact(filled, query, 10)))
    assert hits >= 0.99 * 500


def test_a_mask_bounds_the_search(filled: Collection) -> None:
    query = vector(3)
    with opened(filled) as index:
        best = [found.passage for found in index.nearest(query, 20)]
        rest = [found.passage for found in index.nearest(query, 10, ~index.mask(best[:10]))]
        assert rest == best[10:20]
        few = index.nearest(query, 10, index.mask(best[5:8]))
        assert [found.passage for found in few] == best[5:8]


def test_passages_that_came_later_have_no_vector_in_it(filled: Collection) -> None:
    with opened(filled) as index:
        rows = index.similar([1, 10**9])
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 0], abs=1e-3)


def test_it_is_made_again_when_the_collection_changed_or_it_is_torn(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "c.sqlite")
    with opened(collection) as index:
        assert index.nearest(vector(0), 5) == []
    put(collection, "/a", ["one", "two"], 0)
    with opened(collection) as index:
        assert len(index.nearest(vector(0), 5)) == 2
    folder = folder_of(collection.path)
    for torn in (folder / VECTORS, folder / HEADER):
        torn.write_bytes(torn.read_bytes()[:-7])
        with opened(collection) as index:
            assert index.nearest(vector(1), 1)[0].similarity == pytest.approx(1, abs=1e-3)
    assert [path.name for path in tmp_path.glob("c.index*")] == ["c.index"]


def test_small_changes_are_read_beside_it(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "c.sqlite")
    put(collection, "/a", [f"text {n}" for n in range(50)], 0)
    first = index_of(collection)
    made = (folder_of(collection.path) / HEADER).stat().st_ino
    put(collection, "/b", ["more", "and more"], 100)
    put(collection, "/c", ["other"], 200)
    collection.forget(["/b"])
    second = index_of(collection, 1, first)
    assert second.changed == 1, "two came and went"
    assert (folder_of(collection.path) / HEADER).stat().st_ino == made
    assert second.nearest(vector(200), 1)[0].similarity == pytest.approx(1, abs=1e-3)
    assert second.nearest(vector(100), 1)[0].similarity < 0.9
    put(collection, "/a", [f"text {n}" for n in range(1, 50)], 1)
    third = index_of(collection, 1, second)
    for at, seed in ((0, 0), (1, 3)):
        found = third.nearest(vector(seed), 1)[0]
        assert (found.similarity > 0.99) == bool(at), "the first passage is gone"
        mask = third.mask(list(range(1, 51)))
        assert third.nearest(vector(seed), 50, mask) == []
    # Another process, and one that has it in memory, find alike.
    again = index_of(collection)
    for seed in range(60):
        assert again.nearest(vector(seed), 9) == third.nearest(vector(seed), 9)
    for index in (third, again):
        index.close()


def test_many_changes_make_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_index, "MOST_CHANGED", 10)
    collection = Collection(tmp_path / "c.sqlite")
    put(collection, "/a", [f"text {n}" for n in range(20)], 0)
    index = index_of(collection)
    put(collection, "/b", [f"more {n}" for n in range(11)], 100)
    collection.forget(["/a"])
    index = index_of(collection, 1, index)
    assert (index.changed, len(index.ids)) == (0, 11)
    assert collection.rows("SELECT * FROM removed") == []
    assert index.nearest(vector(105), 1)[0].similarity == pytest.approx(1, abs=1e-3)
    index.close()


def test_an_index_of_another_past_is_not_used(tmp_path: Path) -> None:
    """A collection that was put back from a copy has not seen what its index has."""
    collection = Collection(tmp_path / "c.sqlite")
    put(collection, "/a", ["one"], 0)
    collection.close()
    before = (tmp_path / "c.sqlite").read_bytes()
    collection = Collection(tmp_path / "c.sqlite")
    put(collection, "/b", ["two"], 5)
    with opened(collection):
        pass
    collection.close()
    for left in tmp_path.glob("c.sqlite-*"):
        left.unlink()
    (tmp_path / "c.sqlite").write_bytes(before)
    with opened(Collection(tmp_path / "c.sqlite")) as index:
        assert index.ids.tolist() == [1]


KILLED = """
import sys
from pathlib import Path
from ingle.collections import vector_index
from ingle.collections.collection import Collection
collection = Collection(Path(sys.argv[1]))
step = 0
while True:
    vector_index.make(collection, vector_index.folder_of(collection.path))
    print(step, flush=True)
    step += 1
"""


@pytest.mark.parametrize("delay", [0, 1, 2, 3])
def test_one_that_was_torn_by_a_kill_is_made_again(tmp_path: Path, delay: int) -> None:
    collection = Collection(tmp_path / "c.sqlite")
    put(collection, "/a", [f"text {n}" for n in range(300)], 0)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(collection.path)], stdout=subprocess.PIPE
    ) as maker:
        assert maker.stdout is not None
        for _ in range(1 + delay):
            maker.stdout.readline()
        maker.kill()
    with opened(collection) as index:
        assert len(index.ids) == 300
        assert index.nearest(vector(123), 1)[0].similarity == pytest.approx(1, abs=1e-3)
    vector_index.make(collection, folder_of(collection.path))
    assert [path.name for path in tmp_path.glob("c.index*")] == ["c.index"]
