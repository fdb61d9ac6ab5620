"""Stage 4, encode: documents, conversations and pairs become arrays of token numbers.

All of it is made by forked workers, which inherit the facts rather than receive them. The
documents come first: pretraining can begin while the rest is still being encoded.
"""

from __future__ import annotations

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
from .tasks import pairs

Tokens = NDArray[np.uint16]
Mask = NDArray[np.bool_]
QUERY, PASSAGE = "query: ", "passage: "
QUERY_TOKENS, PASSAGE_TOKENS = 64, 224


class Inherited(NamedTuple):
    facts: tasks.Facts
    encoder: Tokenizer
    end: int
    context: int


inherited: Inherited | None = None


def given() -> Inherited:
    assert inherited is not None, "set before the workers are forked"
    return inherited


def pool(function: object, chunks: Iterable[object]) -> Iterator[object]:
    workers = max(1, (os.cpu_count() or 1) - 1)
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


def encode_mixed(indices: range) -> Tokens:
    """Conversations as plain text, among the documents of pretraining."""
    texts = [
        "".join(chat.render(tasks.generate(given().facts, "train", -1 - index)))
        for index in indices
    ]
    return encode_texts(texts)


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
        own = sum(map(len, stream))
        if split == "train":
            stream += pool(encode_mixed, ranges(scale.mixed_conversations, 1000))  # type: ignore[arg-type]
            stream = [stream[i] for i in rng.permutation(len(stream))]
        tokens = np.concatenate(stream) if stream else np.full(4096, given().end, np.uint16)
        np.save(folder / f"documents-{split}.npy", tokens)
        size = sum(len(text.encode()) for text in whole)
        print(f"encode: {split} {own} tokens of {size} bytes, {len(tokens)} in all", flush=True)


def encode_conversations(indices: range) -> tuple[Tokens, Mask]:
    """Whole conversations packed in rows of the context, and which tokens are answers."""
    width = given().context + 1
    rows: list[Tokens] = []
    masks: list[Mask] = []
    filled = width
    for index in indices:
        prompt, answer = chat.render(tasks.generate(given().facts, "train", index))
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
    return np.stack(rows), np.stack(masks)


def conversations(scale: Scale, folder: Path) -> None:
    """Write conversations.npy and answers.npy."""
    chunks = list(pool(encode_conversations, ranges(scale.conversations, 4000)))
    rows = np.concatenate([chunk[0] for chunk in chunks])  # type: ignore[index]
    masks = np.concatenate([chunk[1] for chunk in chunks])  # type: ignore[index]
    np.save(folder / "answers.npy", masks)
    np.save(folder / "conversations.npy", rows)
    print(f"encode: {rows.size} tokens of conversations, {masks.mean():.1%} answers", flush=True)


def encode_pairs(indices: range) -> Tokens:
    """Rows of query, passage and their lengths; a pair's neighbour in the page comes next."""
    rows = []
    for index in indices:
        for query, passage in pairs.pair(given().facts, "train", index):
            row = np.zeros(QUERY_TOKENS + PASSAGE_TOKENS + 2, np.uint16)
            q = given().encoder.encode(QUERY + query).ids[:QUERY_TOKENS]
            p = given().encoder.encode(PASSAGE + passage).ids[:PASSAGE_TOKENS]
            row[: len(q)] = q
            row[QUERY_TOKENS : QUERY_TOKENS + len(p)] = p
            row[-2:] = len(q), len(p)
            rows.append(row)
    return np.stack(rows)


def embedding_pairs(scale: Scale, folder: Path) -> None:
    """Write pairs.npy."""
    wanted = scale.embed_steps * scale.embed_batch
    rows = np.concatenate(list(pool(encode_pairs, ranges(int(wanted / 1.5) + 16, 2000))))
    np.save(folder / "pairs.npy", rows)
    print(f"encode: {len(rows)} pairs", flush=True)


def run(scale: Scale, folder: Path) -> None:
    global inherited
    encoder = tokenizer.load(folder)
    end = encoder.token_to_id(chat.END_OF_TEXT) or 0
    inherited = Inherited(tasks.load_facts(folder), encoder, end, scale.context)
    documents(scale, folder)
    conversations(scale, folder)
    embedding_pairs(scale, folder)
