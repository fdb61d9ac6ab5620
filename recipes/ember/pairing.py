"""Stage 9, pairing: queries and their passages as token numbers, for the embedding model."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from . import corpus, encode, tasks, tokenizer, workers
from .scale import Scale
from .tasks import pairs

QUERY, PASSAGE = "query: ", "passage: "
QUERY_TOKENS, PASSAGE_TOKENS = 48, 176  # a few of the longest passages lose their end
Rows = tuple[NDArray[np.uint16], NDArray[np.int32]]


class Given(NamedTuple):
    material: pairs.Material
    encoder: Tokenizer


def rows_of(encoder: Tokenizer, made: list[pairs.Pair]) -> Rows:
    """A row is a query, a passage and their lengths; beside it the passage's key."""
    rows = np.zeros((len(made), QUERY_TOKENS + PASSAGE_TOKENS + 2), np.uint16)
    queries = encoder.encode_batch([QUERY + p.query for p in made])
    passages = encoder.encode_batch([PASSAGE + p.passage for p in made])
    for row, query, passage in zip(rows, queries, passages, strict=True):
        q, p = query.ids[:QUERY_TOKENS], passage.ids[:PASSAGE_TOKENS]
        row[: len(q)] = q
        row[QUERY_TOKENS : QUERY_TOKENS + len(p)] = p
        row[-2:] = len(q), len(p)
    return rows, np.array([p.key for p in made], np.int32)


def encode_blocks(given: Given, numbers: range) -> Rows:
    made = [p for n in numbers for p in pairs.block(given.material, "train", n)]
    return rows_of(given.encoder, made)


def rows_of_questions(encoder: Tokenizer, material: pairs.Material, count: int) -> Rows:
    """Passages of the validation split: with a plain question, then with another one in other
    words, and then those that nobody asks for, whose query is empty."""
    asked, others = pairs.questions(material, "validation", count)
    made = [pairs.Pair(q.plain, q.passage, n) for n, q in enumerate(asked)]
    made += [pairs.Pair(q.paraphrased, q.passage, n) for n, q in enumerate(asked)]
    rows, keys = rows_of(encoder, made)
    more, more_keys = rows_of(encoder, [pairs.Pair("", passage, -1) for passage in others])
    more[:, -2] = 0
    return np.concatenate([rows, more]), np.concatenate([keys, more_keys])


def put(folder: Path, name: str, rows: NDArray[np.uint16], keys: NDArray[np.int32]) -> None:
    """The rows last: training begins when they are there."""
    np.save(folder / f"{name}-keys.npy", keys)
    np.save(folder / f"part-{name}.npy", rows)
    (folder / f"part-{name}.npy").replace(folder / f"{name}.npy")


def run(scale: Scale, folder: Path) -> None:
    """Write pairs.npy, and probe-pairs.npy to see whether training helps."""
    material = pairs.gather(corpus.load(folder), tasks.load_facts(folder))
    given = Given(material, tokenizer.load(folder))
    blocks = scale.embed_steps * scale.embed_batch * 3 // 4 // 14 + 1
    chunks = workers.ranges(blocks, max(1, min(400, blocks // workers.cores())))
    parts = list(workers.each(encode_blocks, given, chunks, encode.SPARED))
    questions = rows_of_questions(given.encoder, material, 5 * scale.evaluation_items)
    put(folder, "probe-pairs", *questions)
    rows, keys = (np.concatenate(part) for part in zip(*parts, strict=True))
    put(folder, "pairs", rows, keys)
    print(f"pairing: {len(rows)} pairs of {material.sizes()}")
