"""Stage 4, encode: documents and conversations become arrays of token numbers.

The documents come first: pretraining can begin while the rest is still being encoded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from . import chat, corpus, tasks, tokenizer, workers
from .scale import Scale

Tokens = NDArray[np.uint16]
SPARED = 1  # core that is left to training, which may run beside
TOGETHER = 40  # documents that are encoded at a time


class Given(NamedTuple):
    facts: tasks.Facts
    encoder: Tokenizer
    end: int
    folder: Path


class Shard(NamedTuple):
    stage: str
    width: int
    number: int
    seeds: range


def encode_texts(given: Given, texts: list[str]) -> Tokens:
    """A stream, each text ended by <|endoftext|>."""
    with_end = [[*coded.ids, given.end] for coded in given.encoder.encode_batch(texts)]
    return np.array([token for row in with_end for token in row], dtype=np.uint16)


def documents(given: Given) -> None:
    """Write documents-SPLIT.npy. The pieces are shuffled: neighbours come from anywhere."""
    texts: dict[str, list[str]] = {"test": [], "validation": [], "train": []}
    for document in corpus.load(given.folder):
        texts[document.split].append(f"# {document.title}\n\n{document.text}")
    rng = np.random.default_rng(0)
    for split, whole in texts.items():
        order = rng.permutation(len(whole))
        chunks = workers.ranges(len(whole), TOGETHER)
        groups = [[whole[order[i]] for i in chunk] for chunk in chunks]
        stream = list(workers.each(encode_texts, given, groups, SPARED))
        tokens = np.concatenate(stream) if stream else np.full(4096, given.end, np.uint16)
        part = given.folder / "part.npy"
        np.save(part, tokens)  # nobody must see half of it
        part.replace(given.folder / f"documents-{split}.npy")
        size = sum(len(text.encode()) for text in whole)
        print(f"encode: {split} {len(tokens)} tokens of {size} bytes", flush=True)


def shard_path(folder: Path, stage: str, number: int) -> Path:
    return folder / "conversations" / f"{stage}-{number:05d}.npz"


def encode_shard(given: Given, shard: Shard) -> int:
    """Write one shard: whole conversations packed in rows, and which tokens are answers."""
    width, path = shard.width, shard_path(given.folder, shard.stage, shard.number)
    if path.exists():
        return 0
    rows: list[Tokens] = []
    masks: list[NDArray[np.bool_]] = []
    filled = width
    for seed in shard.seeds:
        prompt, answer = chat.render(tasks.generate(given.facts, "train", seed))
        before = given.encoder.encode(prompt).ids
        after = given.encoder.encode(answer + "\n").ids
        length = len(before) + len(after)
        if length > width:
            continue
        if filled + length > width:
            rows.append(np.full(width, given.end, np.uint16))
            masks.append(np.zeros(width, np.bool_))
            filled = 0
        rows[-1][filled : filled + length] = [*before, *after]
        # The line break after <|im_end|> is the template's, not the model's.
        masks[-1][filled + len(before) : filled + length - 1] = True
        filled += length
    part = path.with_suffix(".part.npz")
    np.savez(part, rows=np.stack(rows), masks=np.packbits(np.stack(masks), axis=1))
    part.replace(path)
    return len(rows)


def conversations(given: Given, scale: Scale) -> None:
    """Write conversations/STAGE-NUMBER.npz, those that training needs first being first."""
    folder = given.folder / "conversations"
    folder.mkdir(exist_ok=True)
    jobs, counts, first = [], {}, scale.first_conversation
    for stage, width, count in (
        ("pretrain", scale.sequence + 1, scale.pretrain_conversations),
        ("instruct", scale.context + 1, scale.instruct_conversations),
    ):
        # At least a shard for each core.
        chunks = workers.ranges(count, max(1, min(4000, count // workers.cores())))
        counts[stage] = len(chunks)
        for number, chunk in enumerate(chunks):
            seeds = range(first + chunk.start, first + chunk.stop)
            jobs.append(Shard(stage, width, number, seeds))
        first += count
    (folder / "counts.json").write_text(json.dumps(counts))
    rows = sum(workers.each(encode_shard, given, jobs, SPARED))
    print(f"encode: {rows} rows of conversations in {len(jobs)} shards", flush=True)


def run(scale: Scale, folder: Path) -> None:
    encoder = tokenizer.load(folder)
    end = encoder.token_to_id(chat.END_OF_TEXT) or 0
    given = Given(tasks.load_facts(folder), encoder, end, folder)
    documents(given)
    conversations(given, scale)
