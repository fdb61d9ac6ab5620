"""Stage 4, encode: documents and conversations become arrays of token numbers.

All of it is made by forked workers, which inherit the facts rather than receive them. The
documents come first: pretraining can begin while the rest is still being encoded.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from . import chat, corpus, tasks, tokenizer
from .scale import Scale

Tokens = NDArray[np.uint16]
Mask = NDArray[np.bool_]


class Inherited(NamedTuple):
    facts: tasks.Facts | None  # documents need none
    encoder: Tokenizer
    end: int
    folder: Path


inherited: Inherited | None = None


def given() -> Inherited:
    assert inherited is not None, "set before the workers are forked"
    return inherited


spared = 1  # cores that the workers leave to others, training beside them for one


def pool(function: object, chunks: Iterable[object]) -> Iterator[object]:
    workers = max(1, (os.cpu_count() or 1) - spared)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with multiprocessing.get_context("fork").Pool(workers) as running:
        yield from running.imap(function, chunks)  # type: ignore[arg-type]


def ranges(count: int, size: int) -> list[range]:
    size = max(1, min(size, count // (os.cpu_count() or 1)))
    return [range(i, min(i + size, count)) for i in range(0, count, size)]


def encode_texts(texts: list[str]) -> Tokens:
    """A stream, each text ended by <|endoftext|>."""
    with_end = [[*coded.ids, given().end] for coded in given().encoder.encode_batch(texts)]
    return np.array([token for row in with_end for token in row], dtype=np.uint16)


def documents(scale: Scale, folder: Path) -> None:
    """Write documents-SPLIT.npy. The pieces are shuffled: neighbours come from anywhere."""
    texts: dict[str, list[str]] = {"test": [], "validation": [], "train": []}
    for document in corpus.load(folder):
        texts[document.split].append(f"# {document.title}\n\n{document.text}")
    rng = np.random.default_rng(0)
    for split, whole in texts.items():
        order = rng.permutation(len(whole))
        groups = [
            [whole[i] for i in order[start : start + 40]] for start in range(0, len(order), 40)
        ]
        stream: list[Tokens] = list(pool(encode_texts, groups))  # type: ignore[arg-type]
        tokens = np.concatenate(stream) if stream else np.full(4096, given().end, np.uint16)
        written = folder / f"documents-{split}.npy"
        np.save(folder / "part.npy", tokens)  # nobody must see half of it
        (folder / "part.npy").replace(written)
        size = sum(len(text.encode()) for text in whole)
        print(f"encode: {split} {len(tokens)} tokens of {size} bytes", flush=True)


def shard_path(folder: Path, stage: str, number: int) -> Path:
    return folder / "conversations" / f"{stage}-{number:05d}.npz"


def encode_conversations(stage: str, width: int, number: int, indices: range) -> int:
    """Write one shard: whole conversations packed in rows, and which tokens are answers."""
    path, facts = shard_path(given().folder, stage, number), given().facts
    assert facts is not None, "conversations are made of them"
    if path.exists():
        return 0
    rows: list[Tokens] = []
    masks: list[Mask] = []
    filled = width
    for index in indices:
        prompt, answer = chat.render(tasks.generate(facts, "train", index))
        before = given().encoder.encode(prompt).ids
        after = given().encoder.encode(answer + "\n").ids
        length = len(before) + len(after)
        if length > width:
            continue
        if filled + length > width:
            rows.append(np.full(width, given().end, np.uint16))
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


def encode_shard(job: tuple[str, int, int, range]) -> int:
    return encode_conversations(*job)


def conversations(scale: Scale, folder: Path) -> None:
    """Write conversations/STAGE-NUMBER.npz, those that training needs first being first."""
    (folder / "conversations").mkdir(exist_ok=True)
    jobs, counts, first = [], {}, scale.first_conversation
    for stage, width, count in (
        ("pretrain", scale.sequence + 1, scale.pretrain_conversations),
        ("instruct", scale.context + 1, scale.instruct_conversations),
    ):
        chunks = ranges(count, 4000)
        counts[stage] = len(chunks)
        for number, chunk in enumerate(chunks):
            jobs.append((stage, width, number, range(first + chunk.start, first + chunk.stop)))
        first += count
    (folder / "conversations" / "counts.json").write_text(json.dumps(counts))
    rows = sum(pool(encode_shard, jobs))  # type: ignore[arg-type]
    print(f"encode: {rows} rows of conversations in {len(jobs)} shards", flush=True)


def given_to_workers(folder: Path, facts: tasks.Facts | None) -> None:
    global inherited
    encoder = tokenizer.load(folder)
    end = encoder.token_to_id(chat.END_OF_TEXT) or 0
    inherited = Inherited(facts, encoder, end, folder)


def run(scale: Scale, folder: Path) -> None:
    given_to_workers(folder, tasks.load_facts(folder))
    documents(scale, folder)
    conversations(scale, folder)
