"""Collections, measured.

``python -m bench.own_documents [GROUP ...]``. Groups:

    search    100,000 passages of 384 numbers: milliseconds of a search, recall against an exact one
    million   the same with a million, and what it takes in memory
    changes   100,000 passages, of which a document changes: the next search, in milliseconds
    rescan    10,000 files, none of them changed
    ingest    the embedder through a job, against the embedder alone, in pairs
    questions recall@5 on held-out questions: words, vectors, both, reranked. ``--embedder FILE``
              and ``--reranker FILE`` name GGUFs that are measured, too
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import itertools
import json
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

import ingle
from ingle.client.home import AsyncHome
from ingle.collections.chunking import embedded_text
from ingle.collections.collection import Collection
from ingle.collections.folder_scan import scan
from ingle.collections.records import CollectedFile, Embedder, TextPassage
from ingle.collections.search import Mode, Searcher
from ingle.collections.vector_index import VectorIndex, opened

from .found_answers import find_answers

WIDTH = 384
PLACES = 2000
"""Around which made vectors lie, as texts lie around their subjects."""
SPREAD = 0.8
WORDS = 20_000
QUERIES = 300
PAIRS = 5
Rows = npt.NDArray[np.float32]


class Made:
    """Vectors and texts, the same each time."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._places = self._random.standard_normal((PLACES, WIDTH)).astype(np.float32)

    def rows(self, count: int) -> Rows:
        around = self._places[self._random.integers(0, PLACES, count)]
        noise = self._random.standard_normal((count, WIDTH)).astype(np.float32)
        found = around + SPREAD * noise
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def text(self, words: int) -> str:
        """Words as often as in a language (Zipf)."""
        return " ".join(f"w{number % WORDS}" for number in self._random.zipf(1.3, words))

    def filled(self, path: Path, count: int, words: int) -> Collection:
        collection = Collection(path)
        collection.embed_with(Embedder(model="made", digest="made", dimensions=WIDTH))
        for batch in range(count // 1000):
            rows = self.rows(1000).astype("<f2")
            passages = [TextPassage(text=self.text(words)) for _ in range(1000)]
            file = CollectedFile(place=f"/{batch}", size=1, changed_ns=1, sha256=str(batch))
            collection.add(file, str(batch), "text", passages, [row.tobytes() for row in rows])
        return collection


def search(folder: Path, count: int = 100_000, wanted: str = "p50 <= 5, p99 <= 15") -> None:
    made = Made()
    began = time.perf_counter()
    collection = made.filled(folder / f"{count}.sqlite", count, 60 if count <= 100_000 else 12)
    print(f"    {count:,} passages written in {time.perf_counter() - began:.0f} s", flush=True)
    searcher = Searcher(collection, 2)
    began = time.perf_counter()
    searcher.search("w1", made.rows(1)[0])
    print(f"    index made in {time.perf_counter() - began:.1f} s", flush=True)
    modes: tuple[Mode, ...] = ("vectors", "hybrid")
    for mode in modes:
        took = []
        for row in made.rows(QUERIES):
            query = made.text(6)
            began = time.perf_counter()
            searcher.search(query, row, mode=mode)
            took.append(1000 * (time.perf_counter() - began))
        print(f"{mode}: p50 {np.median(took):.2f} ms, p99 {np.percentile(took, 99):.2f} ms", end="")
        print(f" ({wanted} ms)" if mode == "hybrid" else "", flush=True)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"memory of the process at most: {most:.2f} GiB", flush=True)
    with opened(collection, 2) as index:
        print(f"recall@10: {recall(collection, index, made.rows(100)):.4f} (wanted >= 0.99)")
    searcher.close()


def million(folder: Path) -> None:
    search(folder, 1_000_000, "p50 <= 15")


def changes(folder: Path) -> None:
    made = Made()
    collection = made.filled(folder / "changes.sqlite", 100_000, 12)
    searcher = Searcher(collection, 2)
    began = time.perf_counter()
    searcher.search("w1", made.rows(1)[0])
    print(f"first search, which makes the index: {1000 * (time.perf_counter() - began):.0f} ms")
    took, again = [], []
    for number in range(40):
        rows = made.rows(8).astype("<f2")
        passages = [TextPassage(text=made.text(12)) for _ in rows]
        file = CollectedFile(place=f"/{number}", size=1, changed_ns=2, sha256=f"new {number}")
        collection.add(file, "", "text", passages, [row.tobytes() for row in rows])
        for times in (took, again):
            row = made.rows(1)[0]
            began = time.perf_counter()
            searcher.search("w1", row)
            times.append(1000 * (time.perf_counter() - began))
    print(f"after a document of 1,000 became one of 8: p50 {np.median(took):.1f} ms, most ", end="")
    print(f"{max(took):.0f} ms; the search after that: p50 {np.median(again):.1f} ms")
    searcher.close()


def recall(collection: Collection, index: VectorIndex, queries: Rows) -> float:
    """Of the ten nearest of each query, how many are found."""
    best = np.full((len(queries), 10), -2, np.float32)
    found = np.zeros((len(queries), 10), np.int64)
    for ids, data in collection.vectors():
        rows = np.frombuffer(data, "<f2").reshape(-1, WIDTH).astype(np.float32)
        similar = np.concatenate((best, queries @ rows.T), axis=1)
        names = np.concatenate((found, np.broadcast_to(ids, (len(queries), len(ids)))), axis=1)
        order = np.argsort(-similar, axis=1)[:, :10]
        best = np.take_along_axis(similar, order, 1)
        found = np.take_along_axis(names, order, 1)
    hits = sum(
        len({near.passage for near in index.nearest(query, 10)} & set(exact.tolist()))
        for query, exact in zip(queries, found, strict=True)
    )
    return hits / (10 * len(queries))


@asynccontextmanager
async def home_in(folder: Path) -> AsyncIterator[AsyncHome]:
    places: dict[str, Any] = {"state_dir": str(folder / "state"), "models_dir": str(folder / "m")}
    async with ingle.open_async(**places) as home:
        yield home


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _rescan(folder: Path) -> None:
    files = folder / "files"
    for number in range(10_000):
        place = files / str(number // 100)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.txt").write_text(f"text {number}")
    async with home_in(folder) as home:
        await home.add_documents("many", [files], only=["0.txt"])
        # Written down as a job would have: embedding them is not what is measured.
        collection = Collection(home.settings.state_path / "collections/many.sqlite")
        vector = np.zeros(WIDTH, "<f2").tobytes()
        with collection.changing():
            for file in scan([files]):
                seen = CollectedFile(
                    place=str(file.path), size=file.size, changed_ns=file.changed_ns,
                    sha256=file.path.stem,
                )  # fmt: skip
                if file.path.name != "0.txt":
                    collection.add(seen, "", "text", [TextPassage(text=file.path.stem)], [vector])
        collection.close()
        took = []
        for _ in range(PAIRS):
            began = time.perf_counter()
            job = await home.add_documents("many", [files])
            took.append(time.perf_counter() - began)
            assert job.results["unchanged"] == "10000", job
        print(f"10,000 unchanged files: {statistics.median(took):.2f} s (wanted <= 2)", flush=True)


def rescan(folder: Path) -> None:
    asyncio.run(_rescan(folder))


def documents(folder: Path, count: int) -> Path:
    """Files of prose: this repository's own guide, cut up and numbered."""
    text = "\n\n".join(
        path.read_text() for path in sorted(Path("docs/guide").glob("*.md"))
    ).split("\n\n")  # fmt: skip
    paragraphs = itertools.cycle(part for part in text if len(part) > 200)
    files = folder / "prose"
    files.mkdir(exist_ok=True)
    for number in range(count):
        body = "\n\n".join(next(paragraphs) for _ in range(6))
        (files / f"{number}.md").write_text(f"# Part {number}\n\n{body}\n")
    return files


async def _ingest(folder: Path) -> None:
    async with home_in(folder) as home:
        files = documents(folder, 40)
        texts = [
            embedded_text(passage) for passage in await _passages(home, files, folder / "state")
        ]

        async def alone() -> None:
            for at in range(0, len(texts), 64):
                await home.embed(texts[at : at + 64], kind="passage")

        async def job() -> None:
            await home.remove_collection("prose")
            await home.add_documents("prose", [files])

        ratios = []
        for number in range(PAIRS):
            order = (job, alone) if number % 2 else (alone, job)
            took = {each.__name__: await timed(each) for each in order}
            ratios.append(took["alone"] / took["job"])
            print(f"    job {took['job']:.2f} s, alone {took['alone']:.2f} s", flush=True)
        print(f"ingest: {statistics.median(ratios):.3f} of the embedder alone (wanted >= 0.9)")


async def _passages(home: AsyncHome, files: Path, state: Path) -> list[TextPassage]:
    await home.add_documents("prose", [files])
    rows = Collection(state / "collections/prose.sqlite").rows(
        "SELECT text, headings FROM passage ORDER BY id"
    )
    return [TextPassage(text=text, headings=tuple(json.loads(path))) for text, path in rows]


def ingest(folder: Path) -> None:
    asyncio.run(_ingest(folder))


GROUPS: dict[str, Callable[[Path], None]] = {
    "search": search, "million": million, "changes": changes, "rescan": rescan, "ingest": ingest,
}  # fmt: skip


def questions(folder: Path, embedders: Sequence[Path], rerankers: Sequence[Path]) -> None:
    asyncio.run(find_answers(folder, embedders, rerankers))


def main() -> None:
    given = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    given.add_argument("groups", nargs="*", metavar="GROUP")
    given.add_argument("--embedder", type=Path, action="append", default=[], metavar="FILE")
    given.add_argument("--reranker", type=Path, action="append", default=[], metavar="FILE")
    chosen = given.parse_args()
    asking = functools.partial(questions, embedders=chosen.embedder, rerankers=chosen.reranker)
    groups = {**GROUPS, "questions": asking}
    if unknown := set(chosen.groups) - set(groups):
        sys.exit(f"no such group: {', '.join(unknown)}; there are {', '.join(groups)}")
    for name in chosen.groups or groups:
        print(f"{name}:", flush=True)
        with TemporaryDirectory(prefix="ingle-collections-") as folder:
            groups[name](Path(folder))


if __name__ == "__main__":
    main()
