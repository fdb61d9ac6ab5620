"""The sizes of a run. `tiny` proves every stage on two CPU cores; `full` makes what is shipped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    name: str
    # corpus and tokenizer
    packages: bool  # read Debian's documentation packages, or only Python's docstrings
    corpus_characters: int
    vocabulary: int  # with the special tokens; rows of the embedding
    # architecture (Qwen3); widths are multiples of 256 so that K-quants fit later
    layers: int
    width: int
    heads: int
    key_value_heads: int
    feed_forward: int
    context: int
    # training; each step has so many rows of documentation and of conversations
    sequence: int  # of pretraining; the later stages use the whole context
    pretrain_rows: tuple[int, int]
    instruct_rows: tuple[int, int]
    micro_batch: int  # tokens that fit in memory at once
    pretrain_tokens: int
    instruct_tokens: int
    pretrain_conversations: int  # generated; when they are used up they come again
    instruct_conversations: int
    reward_steps: int
    reward_prompts: int  # in a step
    reward_group: int  # answers to each
    embed_steps: int
    embed_layers: int
    embed_batch: int
    embed_micro: int  # rows of a part
    embed_kept: int  # tokens whose activations fit in memory at once
    embed_searched: int  # pairs among which a wrong passage is looked for
    evaluation_items: int  # for each task
    first_conversation: int = 0  # its seed; a run that trains on begins where the former one ended
    # `full` was swept on the H200, see docs/log/ember.md
    muon_rate: float = 0.015
    adam_rate: float = 8e-3
    head: int = 64
    rope_base: float = 100_000.0


TINY = Scale(
    name="tiny", packages=False, corpus_characters=1_500_000, vocabulary=1024,
    layers=2, width=256, heads=4, key_value_heads=2, feed_forward=512, context=2048,
    sequence=256, pretrain_rows=(4, 4), instruct_rows=(0, 1), micro_batch=1024,
    pretrain_tokens=40_000, instruct_tokens=14_000, pretrain_conversations=400,
    instruct_conversations=200, reward_steps=1, reward_prompts=2, reward_group=2,
    embed_steps=8, embed_layers=1, embed_batch=16, embed_micro=8, embed_kept=2000,
    embed_searched=64, evaluation_items=4,
)  # fmt: skip
SMALL = Scale(
    name="small", packages=True, corpus_characters=30_000_000, vocabulary=8192,
    layers=4, width=256, heads=4, key_value_heads=2, feed_forward=768, context=2048,
    sequence=512, pretrain_rows=(8, 8), instruct_rows=(1, 3), micro_batch=4096,
    pretrain_tokens=6_000_000, instruct_tokens=3_000_000, pretrain_conversations=20_000,
    instruct_conversations=12_000, reward_steps=10, reward_prompts=8, reward_group=4,
    embed_steps=200, embed_layers=2, embed_batch=64, embed_micro=64, embed_kept=100_000,
    embed_searched=4096, evaluation_items=50,
)  # fmt: skip
FULL = Scale(
    name="full", packages=True, corpus_characters=600_000_000, vocabulary=8192,
    layers=12, width=512, heads=8, key_value_heads=4, feed_forward=1280, context=4096,
    sequence=2048, pretrain_rows=(72, 72), instruct_rows=(32, 64), micro_batch=98_304,
    pretrain_tokens=1_150_000_000, instruct_tokens=330_000_000, pretrain_conversations=2_700_000,
    instruct_conversations=1_000_000, reward_steps=40, reward_prompts=256, reward_group=8,
    embed_steps=1600, embed_layers=6, embed_batch=1024, embed_micro=256, embed_kept=400_000,
    embed_searched=16_384, evaluation_items=100,
)  # fmt: skip
SCALES = {scale.name: scale for scale in (TINY, SMALL, FULL)}
