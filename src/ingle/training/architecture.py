"""What a base model is: its sizes, and how its blocks differ from others'."""

from __future__ import annotations

from typing import NamedTuple

from ingle.errors import BadModelFile, CapabilityMissing
from ingle.models.gguf import Header

SUPPORTED = ("qwen3", "qwen2", "llama")
"""``general.architecture`` of the bases that can be trained; SmolLM and Llama 3 say ``llama``."""


class Architecture(NamedTuple):
    """A decoder of pre-normalised blocks with grouped-query attention and SwiGLU."""

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

    @classmethod
    def of(cls, header: Header) -> Architecture:
        """Read it from a GGUF header.

        Raises:
            CapabilityMissing: an architecture that cannot be trained (yet).
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

        def number(key: str, otherwise: float | None = None) -> float:
            value = header.metadata.get(f"{name}.{key}", otherwise)
            if not isinstance(value, (int, float)):
                raise BadModelFile(f"the header does not say {name}.{key}")
            return value

        if "rope.scaling.type" in {key.removeprefix(f"{name}.") for key in header.metadata}:
            scaling = header.metadata[f"{name}.rope.scaling.type"]
            if scaling not in ("none", ""):
                raise CapabilityMissing(
                    f"RoPE scaling of the kind {scaling!r} cannot be trained yet",
                    hint="take a base without it",
                    capability="train",
                )
        if "rope_freqs.weight" in shapes:
            raise CapabilityMissing(
                "RoPE with factors of its own (Llama 3.1 and later) cannot be trained yet",
                hint="take a base without it",
                capability="train",
            )
        width, heads = int(number("embedding_length")), int(number("attention.head_count"))
        return cls(
            name=name,
            layers=int(number("block_count")),
            width=width,
            heads=heads,
            key_value_heads=int(number("attention.head_count_kv", heads)),
            head=int(number("attention.key_length", width // heads)),
            feed_forward=int(number("feed_forward_length")),
            vocabulary=int(shapes["token_embd.weight"][1]),
            context=int(number("context_length")),
            epsilon=number("attention.layer_norm_rms_epsilon"),
            rope_base=number("rope.freq_base", 10_000.0),
            rope_pairs=name == "llama",
            tied="output.weight" not in shapes,
        )

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
