"""What a base model is: its sizes, and how its blocks differ from others'."""

from __future__ import annotations

import math
from typing import NamedTuple

from ingle.errors import BadModelFile
from ingle.models.gguf import Header
from ingle.training import architecture_limits
from ingle.training.families import FAMILIES, Family
from ingle.training.rope_scaling import RopeScaling

LOCAL_ROPE_BASE = 10_000.0
"""Gemma 3: RoPE's base in blocks that see a window, where the file does not say it."""


class BlockKind(NamedTuple):
    """How blocks of one model may differ from each other."""

    local: bool
    """Attention sees a window only."""
    rotated: bool
    """Queries and keys have rotary positions."""


class Architecture(NamedTuple):
    """A decoder of pre-normalised blocks with grouped-query attention and a gated FFN."""

    name: str
    layers: int
    width: int
    heads: int
    key_value_heads: int
    head: int
    """Numbers of one head."""
    feed_forward: int
    vocabulary: int
    context: int
    """Tokens of the longest row."""
    epsilon: float
    rope_base: float
    rope_pairs: bool
    """RoPE turns neighbours, not halves (as NeoX and Qwen)."""
    tied: bool
    """The head is the embedding."""
    rotated: int = 0
    """Numbers of a head that have rotary positions; 0: all."""
    scaling: RopeScaling = RopeScaling()
    """Not in blocks with a window."""
    permuted: bool = False
    """Rows of queries and keys are stored as neighbours, and in transformers as halves."""
    joined_qkv: bool = False
    """Queries, keys and values are one matrix, ``attn_qkv``."""
    joined_gate: bool = False
    """The gate is the first half of ``ffn_up``."""
    attention_scale: float = 0.0
    """Of queries times keys; 0: one over the root of `head`."""
    embedding_scale: float = 1.0
    gelu: bool = False
    """The gate's activation is GELU (tanh form), not SiLU."""
    window: int = 0
    """Tokens that blocks with a window see; 0: there are none such."""
    global_every: int = 0
    """Of that many blocks the last one has no window."""
    unrotated_every: int = 0
    """Of that many blocks the last one has no rotary positions; 0: all have."""
    local_rope_base: float = LOCAL_ROPE_BASE
    experts: int = 0
    """Feed-forwards of a block, of which a router chooses some for each token; 0: there is one."""
    experts_used: int = 0
    expert_width: int = 0
    """Numbers inside of one expert."""

    @classmethod
    def of(cls, header: Header) -> Architecture:
        """Read it from a GGUF header.

        Raises:
            CapabilityMissing: an architecture that cannot be trained, or a part of one.
            BadModelFile: a size is missing.
        """
        name = str(header.metadata.get("general.architecture", ""))
        family = FAMILIES.get(name)
        if family is None:
            raise architecture_limits.unknown(name)
        return cls._of_family(header, name, family)

    @classmethod
    def _of_family(cls, header: Header, name: str, family: Family) -> Architecture:
        shapes = {tensor.name: tensor.shape for tensor in header.tensors}
        if "token_embd.weight" not in shapes:
            raise BadModelFile("the file has no tensor token_embd.weight")

        def number(key: str, otherwise: float | None = None) -> float:
            value = header.metadata.get(f"{name}.{key}", otherwise)
            if not isinstance(value, (int, float)):
                raise BadModelFile(f"the header has no {name}.{key}")
            return value

        width, heads = int(number("embedding_length")), int(number("attention.head_count"))
        head = int(number("attention.key_length", width // heads))
        # The last blocks may predict further tokens (MTP); they are not part of the decoder.
        layers = int(number("block_count")) - int(number("nextn_predict_layers", 0))
        architecture_limits.check(header, name, layers)
        window = int(number("attention.sliding_window", 0)) if family.global_every else 0
        context = int(number("context_length"))
        scaling = RopeScaling.of(header, name, family, context)
        # Gemma 3 27B alone scales by the width (llama.cpp tells it by its 62 blocks, too).
        by_width = name == "gemma3" and layers == 62
        experts = int(number("expert_count", 0))
        used = int(number("expert_used_count")) if experts else 0
        expert_width = int(number("expert_feed_forward_length")) if experts else 0
        return cls(
            name=name,
            layers=layers,
            width=width,
            heads=heads,
            key_value_heads=int(number("attention.head_count_kv", heads)),
            head=head,
            feed_forward=used * expert_width or int(number("feed_forward_length")),
            vocabulary=int(shapes["token_embd.weight"][1]),
            context=scaling.limit(context),
            epsilon=number("attention.layer_norm_rms_epsilon"),
            rope_base=number("rope.freq_base", family.rope_base),
            rope_pairs=family.rope_pairs,
            tied="output.weight" not in shapes,
            rotated=int(number("rope.dimension_count", head)),
            scaling=scaling,
            permuted=family.permuted,
            joined_qkv="blk.0.attn_qkv.weight" in shapes,
            joined_gate=not experts and "blk.0.ffn_gate.weight" not in shapes,
            attention_scale=1 / math.sqrt(width / heads) if by_width else 0.0,
            embedding_scale=math.sqrt(width) if family.embedding_by_width else 1.0,
            gelu=family.gelu,
            window=window,
            global_every=family.global_every,
            unrotated_every=family.unrotated_every,
            local_rope_base=number("rope.freq_base_swa", LOCAL_ROPE_BASE),
            experts=experts,
            experts_used=used,
            expert_width=expert_width,
        )

    def kind(self, number: int) -> BlockKind:
        """What block ``number`` is like."""
        return BlockKind(
            local=self.window > 0 and not _is_last(number, self.global_every),
            rotated=not _is_last(number, self.unrotated_every),
        )

    @property
    def kinds(self) -> set[BlockKind]:
        """All that there are."""
        return {self.kind(number) for number in range(self.layers)}

    @property
    def rotary(self) -> int:
        """Numbers of a head that have rotary positions."""
        return self.rotated or self.head

    @property
    def score_scale(self) -> float:
        """What queries times keys are multiplied by."""
        return self.attention_scale or 1 / math.sqrt(self.head)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The matrices of a block, those of one input together; without those of experts."""
        attention = ("attn_qkv",) if self.joined_qkv else ("attn_q", "attn_k", "attn_v")
        if self.experts:
            return (attention, ("attn_output",))
        gate = ("ffn_up",) if self.joined_gate else ("ffn_gate", "ffn_up")
        return (attention, ("attn_output",), gate, ("ffn_down",))

    @property
    def attention_sizes(self) -> tuple[int, int, int]:
        """Numbers of a token's queries, keys and values."""
        keys = self.key_value_heads * self.head
        return self.heads * self.head, keys, keys

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """The matrices of a block that may get an adapter: rows (out) and columns (in), of each
        of their `copies`."""
        queries, keys, values = self.attention_sizes
        width, wide = self.width, self.feed_forward
        sizes = {
            "attn_qkv": (queries + keys + values, width),
            "attn_q": (queries, width),
            "attn_k": (keys, width),
            "attn_v": (values, width),
            "attn_output": (width, queries),
            "ffn_gate": (wide, width),
            "ffn_up": (2 * wide if self.joined_gate else wide, width),
            "ffn_down": (width, wide),
        }
        found = {name: sizes[name] for names in self.groups for name in names}
        if not self.experts:
            return found
        wide = self.expert_width
        down = {"ffn_down_exps": (width, wide)}
        return found | {"ffn_gate_exps": (wide, width), "ffn_up_exps": (wide, width)} | down

    def copies(self, matrix: str) -> int:
        """How many a block has of a matrix: one for each expert."""
        return self.experts if matrix.endswith("_exps") else 1

    @property
    def targets(self) -> tuple[str, ...]:
        """The matrices that get an adapter if none are named: all but those of experts."""
        return tuple(name for names in self.groups for name in names)

    @property
    def parameters(self) -> int:
        """Numbers of all matrices; a tied head counts once."""
        block = sum(out * into * self.copies(name) for name, (out, into) in self.matrices.items())
        return self.layers * block + self.vocabulary * self.width * (1 if self.tied else 2)


def _is_last(number: int, every: int) -> bool:
    """Whether it is the last one of ``every``; never, if that is 0."""
    return every > 0 and (number + 1) % every == 0
