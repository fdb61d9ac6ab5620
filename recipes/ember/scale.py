"""The sizes of a run. `tiny` proves every stage on two CPU cores; `full` makes what is shipped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    name: str
    # corpus and tokenizer
    packages: bool  # read Debian's documentation packages, or only Python's docstrings
    corpus_characters: int
    xz: int  # compression of the corpus file
    vocabulary: int  # with the special tokens; rows of the embedding
    # architecture (Qwen3); widths are multiples of 256 so that K-quants fit later
    layers: int
    width: int
    heads: int
    key_value_heads: int
    feed_forward: int
    context: int
    # training
    sequence: int
    batch: int  # sequences in a step
    micro_batch: int  # sequences that fit in memory at once
    pretrain_tokens: int
    instruct_tokens: int
    conversations: int  # generated for the instruct stage
    mixed_conversations: int  # of them, share that pretraining sees as plain text
    embed_steps: int
    embed_layers: int
    embed_batch: int
    evaluation_items: int  # for each task
    # `full` was swept on the H200, see docs/log/ember.md
    muon_rate: float = 0.015
    adam_rate: float = 8e-3
    head: int = 64
    rope_base: float = 100_000.0


TINY = Scale(
    name="tiny", packages=False, corpus_characters=1_500_000, xz=0, vocabulary=1024,
    layers=2, width=256, heads=4, key_value_heads=2, feed_forward=512, context=2048,
    sequence=256, batch=8, micro_batch=8, pretrain_tokens=60_000, instruct_tokens=30_000,
    conversations=800, mixed_conversations=100, embed_steps=8, embed_layers=1, embed_batch=16,
    evaluation_items=4,
)  # fmt: skip
SMALL = Scale(
    name="small", packages=True, corpus_characters=30_000_000, xz=1, vocabulary=8192,
    layers=4, width=256, heads=4, key_value_heads=2, feed_forward=768, context=2048,
    sequence=512, batch=16, micro_batch=16, pretrain_tokens=6_000_000,
    instruct_tokens=6_000_000, conversations=60_000, mixed_conversations=10_000,
    embed_steps=200, embed_layers=2, embed_batch=64, evaluation_items=50,
)  # fmt: skip
FULL = Scale(
    name="full", packages=True, corpus_characters=400_000_000, xz=6, vocabulary=8192,
    layers=10, width=512, heads=8, key_value_heads=4, feed_forward=1024, context=4096,
    sequence=2048, batch=96, micro_batch=48, pretrain_tokens=480_000_000,
    instruct_tokens=300_000_000, conversations=1_900_000, mixed_conversations=150_000,
    embed_steps=600, embed_layers=6, embed_batch=1024, evaluation_items=100,
)  # fmt: skip
SCALES = {scale.name: scale for scale in (TINY, SMALL, FULL)}
