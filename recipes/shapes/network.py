"""The model: a CLIP encoder and LLaVA's projector, as llama.cpp computes them, before a Qwen3."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from ..ember.model import Config, Qwen3
from .drawings import COLOURS, KINDS, SIDE

PATCH = 16
TOKENS = (SIDE // PATCH) ** 2
"""Of the language model, for each picture."""
WIDTH, LAYERS, HEADS, FEED_FORWARD = 64, 2, 4, 192
EPSILON = 1e-5
LANGUAGE = {
    "layers": 3,
    "width": 96,
    "heads": 4,
    "key_value_heads": 2,
    "head": 32,
    "feed_forward": 256,
    "context": 1024,
    "rope_base": 10_000.0,
}


def gelu(x: Tensor) -> Tensor:
    """As ggml has it."""
    return F.gelu(x, approximate="tanh")


class EncoderBlock(nn.Module):
    """The names of the parameters are those of the GGUF tensors.

    Args:
        activation: of the inner layer.
    """

    def __init__(self, activation: Callable[[Tensor], Tensor] = gelu) -> None:
        super().__init__()
        self.activation = activation
        self.ln1, self.ln2 = nn.LayerNorm(WIDTH, EPSILON), nn.LayerNorm(WIDTH, EPSILON)
        self.attn_q, self.attn_k, self.attn_v, self.attn_out = (
            nn.Linear(WIDTH, WIDTH) for _ in range(4)
        )
        self.ffn_up = nn.Linear(WIDTH, FEED_FORWARD)
        self.ffn_down = nn.Linear(FEED_FORWARD, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.ln1(x)
        q, k, v = (
            part(normed).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in (self.attn_q, self.attn_k, self.attn_v)
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.attn_out(mixed)
        added: Tensor = x + self.ffn_down(self.activation(self.ffn_up(self.ln2(x))))
        return added


class Eyes(nn.Module):
    """Pictures to what the language model reads: a row for each patch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.patch_embd = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.position_embd = nn.Embedding(TOKENS, WIDTH)
        self.pre_ln, self.post_ln = nn.LayerNorm(WIDTH, EPSILON), nn.LayerNorm(WIDTH, EPSILON)
        self.blk = nn.ModuleList(EncoderBlock() for _ in range(LAYERS))
        self.mm_0, self.mm_2 = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, width)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pictures, channels, rows, columns, from 0 to 255; to pictures, patches, width."""
        x = self.patch_embd((pixels.float() / 255 - 0.5) / 0.5).flatten(2).transpose(1, 2)
        x = self.pre_ln(x + self.position_embd.weight)
        for block in self.blk:
            x = block(x)
        seen: Tensor = self.mm_2(gelu(self.mm_0(self.post_ln(x))))
        return seen


class Batch(NamedTuple):
    """What a step learns from."""

    pixels: Tensor
    """Of all conversations, in the order in which they stand there: pictures, channels, rows,
    columns."""
    centres: Tensor
    """Pictures, patches."""
    tokens: Tensor
    """Conversations, tokens; -1 where a patch of a picture stands."""
    labels: Tensor
    """The same, each place with what follows it; -100 where that is no answer."""


class Seeing(nn.Module):
    """Both halves."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.language = Qwen3(Config(vocabulary=vocabulary, **LANGUAGE))  # type: ignore[arg-type]
        self.eyes = Eyes(self.language.config.width)
        self.middles = nn.Linear(self.language.config.width, 1 + len(KINDS) * len(COLOURS))
        """Tells from what is seen of a patch which shape's middle is there. For training alone:
        from answers of one word it takes many times longer to learn to see."""

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Mean cross-entropies of the answers and of the shapes' middles, and which tokens of the
        answers are right."""
        pixels, centres, tokens, labels = batch
        seen = self.eyes(pixels).flatten(0, 1)
        seeing = F.cross_entropy(self.middles(seen), centres.flatten())
        answering, right = answers(self.language, tokens, labels, seen)
        return answering, seeing, right


def answers(
    language: Qwen3, tokens: Tensor, labels: Tensor, perceived: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of the answers, and which of their tokens are right.

    Args:
        tokens: conversations, tokens; -1 where something perceived stands.
        labels: the same, each place with what follows it; -100 where that is no answer.
        perceived: a row for each -1, of the language model's width.
    """
    x = language.token_embd(tokens.clamp(min=0))
    x = x.masked_scatter((tokens == -1).unsqueeze(-1), perceived)
    length = tokens.shape[1]
    cos, sin = language.get_buffer("cos")[:length], language.get_buffer("sin")[:length]
    for block in language.blk:
        x = block(x, cos, sin)
    asked = labels != -100
    logits = F.linear(language.output_norm(x)[asked], language.token_embd.weight)
    return F.cross_entropy(logits, labels[asked]), logits.argmax(-1) == labels[asked]
