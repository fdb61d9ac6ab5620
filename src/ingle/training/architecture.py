"""What a base model is: its sizes, and how its blocks differ from others'."""

from __future__ import annotations

import math
from typing import NamedTuple

from ingle.errors import BadModelFile, CapabilityMissing
from ingle.models.gguf import Header

SUPPORTED = ("qwen3", "qwen2", "llama", "gemma3")
"""``general.architecture`` of the bases that can be trained; SmolLM and Llama 3 say ``llama``."""
LOCAL_BLOCKS = 6
"""Gemma 3: of that many blocks the last one sees everything, the others a window."""
LOCAL_ROPE_BASE = 10_000.0
"""Gemma 3: RoPE's base in blocks that see a window, where the file does not say it."""


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
    epsilon: float
    rope_base: float
    rope_pairs: bool
    """RoPE turns neighbours (Llama's files are stored so), not halves (as NeoX and Qwen)."""
    tied: bool
    """The head is the embedding."""
    rope_factor: float = 1.0
    """Positions are divided by it (linear scaling), but for blocks with a window."""
    attention_scale: float = 0.0
    """Of queries times keys; 0: one over the root of `head`."""
    embedding_scale: float = 1.0
    gelu: bool = False
    """The gate's activation is GELU (tanh form), not SiLU."""
    window: int = 0
    """Tokens that blocks with a window see; 0: there are none such."""
    local_rope_base: float = LOCAL_ROPE_BASE

    @classmethod
    def of(cls, header: Header) -> Architecture:
        """Read it from a GGUF header.

        Raises:
            CapabilityMissing: an architecture that cannot be trained.
            BadModelFile: a size is missing.
        """
        name = str(header.metadata.get("general.architecture", ""))
        if name not in SUPPORTED:
            raise CapabilityMissing(
                f"{name or 'this'} models cannot be trained yet; {', '.join(SUPPORTED)} can",
                hint="ingle show MODEL",
                capability="train",
            )
        shapes = {tensor.name: tensor.shape for tensor in header.tensors}
        if "token_embd.weight" not in shapes:
            raise BadModelFile("the file has no tensor token_embd.weight")

        def number(key: str, otherwise: float | None = None) -> float:
            value = header.metadata.get(f"{name}.{key}", otherwise)
            if not isinstance(value, (int, float)):
                raise BadModelFile(f"the header has no {name}.{key}")
            return value

        width, heads = int(number("embedding_length")), int(number("attention.head_count"))
        layers, head = (
            int(number("block_count")),
            int(number("attention.key_length", width // heads)),
        )
        gemma = name == "gemma3"
        return cls(
            name=name,
            layers=layers,
            width=width,
            heads=heads,
            key_value_heads=int(number("attention.head_count_kv", heads)),
            head=head,
            feed_forward=int(number("feed_forward_length")),
            vocabulary=int(shapes["token_embd.weight"][1]),
            context=int(number("context_length")),
            epsilon=number("attention.layer_norm_rms_epsilon"),
            rope_base=number("rope.freq_base", 1_000_000.0 if gemma else 10_000.0),
            rope_pairs=name == "llama",
            tied="output.weight" not in shapes,
            rope_factor=_rope_factor(header, name),
            # Gemma 3 27B alone scales by the width (llama.cpp tells it by its 62 blocks, too).
            attention_scale=1 / math.sqrt(width / heads) if gemma and layers == 62 else 0.0,
            embedding_scale=math.sqrt(width) if gemma else 1.0,
            gelu=gemma,
            window=int(number("attention.sliding_window", 0)) if gemma else 0,
            local_rope_base=number("rope.freq_base_swa", LOCAL_ROPE_BASE),
        )

    def local(self, number: int) -> bool:
        """Whether block ``number`` sees a window only."""
        return self.window > 0 and (number + 1) % LOCAL_BLOCKS != 0

    @property
    def score_scale(self) -> float:
        """What queries times keys are multiplied by."""
        return self.attention_scale or 1 / math.sqrt(self.head)

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """The matrices of a block that may get an adapter: rows (out) and columns (in)."""
        queries, keys = self.heads * self.head, self.key_value_heads * self.head
        width, wide = self.width, self.feed_forward
        return {
            "attn_q": (queries, width),
            "attn_k": (keys, width),
            "attn_v": (keys, width),
            "attn_output": (width, queries),
            "ffn_gate": (wide, width),
            "ffn_up": (wide, width),
            "ffn_down": (width, wide),
        }

    @property
    def parameters(self) -> int:
        """Numbers of all matrices; a tied head counts once."""
        block = sum(out * into for out, into in self.matrices.values())
        return self.layers * block + self.vocabulary * self.width * (1 if self.tied else 2)


def _rope_factor(header: Header, name: str) -> float:
    """The factor of linear scaling; other kinds cannot be trained on."""
    kind = header.metadata.get(f"{name}.rope.scaling.type", "none")
    if kind in ("none", ""):
        return 1.0
    factor = header.metadata.get(f"{name}.rope.scaling.factor", 1.0)
    if kind == "linear" and isinstance(factor, (int, float)):
        return float(factor)
    raise CapabilityMissing(
        f"RoPE scaling of type {kind!r} cannot be trained; none, linear and Llama 3's can",
        hint="use a base without RoPE scaling",
        capability="train",
    )
