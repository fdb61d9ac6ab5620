"""The model: Qwen3's architecture, no more than ember needs of it.

Pre-norm blocks of grouped-query attention (rotary positions, RMS norm of each query and key
head) and SwiGLU; the head shares the embedding's weights. The names of the parameters are those
of the GGUF tensors, so that export is a loop.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import parallel
from .scale import Scale


@dataclass(frozen=True)
class Config:
    vocabulary: int
    layers: int
    width: int
    heads: int
    key_value_heads: int
    head: int
    feed_forward: int
    context: int
    rope_base: float
    norm_epsilon: float = 1e-6

    @classmethod
    def of(cls, scale: Scale) -> Config:
        names = (f.name for f in fields(cls))
        return cls(**{name: getattr(scale, name) for name in names if hasattr(scale, name)})


ARCHITECTURE = "qwen3"
GGUF_KEYS = {  # and what each says of the configuration
    "block_count": "layers",
    "context_length": "context",
    "embedding_length": "width",
    "feed_forward_length": "feed_forward",
    "attention.head_count": "heads",
    "attention.head_count_kv": "key_value_heads",
    "attention.key_length": "head",
    "attention.value_length": "head",
    "rope.freq_base": "rope_base",
    "attention.layer_norm_rms_epsilon": "norm_epsilon",
}


class RMSNorm(nn.Module):
    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.epsilon)


def rotary_table(length: int, head: int, base: float) -> tuple[Tensor, Tensor]:
    """cos and sin for each position; halves are rotated against each other (`neox` order)."""
    frequency = base ** (-torch.arange(0, head, 2, dtype=torch.float32) / head)
    angle = torch.outer(torch.arange(length, dtype=torch.float32), frequency)
    return torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class Block(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        query, key = config.heads * config.head, config.key_value_heads * config.head
        self.attn_norm = RMSNorm(config.width, config.norm_epsilon)
        self.attn_q = nn.Linear(config.width, query, bias=False)
        self.attn_k = nn.Linear(config.width, key, bias=False)
        self.attn_v = nn.Linear(config.width, key, bias=False)
        self.attn_q_norm = RMSNorm(config.head, config.norm_epsilon)
        self.attn_k_norm = RMSNorm(config.head, config.norm_epsilon)
        self.attn_output = nn.Linear(query, config.width, bias=False)
        self.ffn_norm = RMSNorm(config.width, config.norm_epsilon)
        self.ffn_gate = nn.Linear(config.width, config.feed_forward, bias=False)
        self.ffn_up = nn.Linear(config.width, config.feed_forward, bias=False)
        self.ffn_down = nn.Linear(config.feed_forward, config.width, bias=False)

    def heads(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, by head."""
        batch, length, _ = x.shape
        c, normed = self.config, self.attn_norm(x)
        q = self.attn_q(normed).view(batch, length, c.heads, c.head)
        k = self.attn_k(normed).view(batch, length, c.key_value_heads, c.head)
        v = self.attn_v(normed).view(batch, length, c.key_value_heads, c.head).transpose(1, 2)
        # Angles in float32, as llama.cpp has them: bf16 would blur neighbouring positions.
        q = rotate(self.attn_q_norm(q).transpose(1, 2).float(), cos, sin).to(v.dtype)
        k = rotate(self.attn_k_norm(k).transpose(1, 2).float(), cos, sin).to(v.dtype)
        return q, k, v

    def after(self, x: Tensor, mixed: Tensor) -> Tensor:
        """What the block makes of its input and of the values that attention mixed."""
        x = x + self.attn_output(mixed.transpose(1, 2).reshape(*x.shape[:2], -1))
        normed = self.ffn_norm(x)
        added: Tensor = self.ffn_down(F.silu(self.ffn_gate(normed)) * self.ffn_up(normed))
        return x + added

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q, k, v = self.heads(x, cos, sin)
        return self.after(
            x, F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        )


class Qwen3(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.token_embd = nn.Embedding(config.vocabulary, config.width)
        self.blk = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.output_norm = RMSNorm(config.width, config.norm_epsilon)
        cos, sin = rotary_table(config.context, config.head, config.rope_base)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                # A block that adds nothing at first lets the residual stream start clean.
                last = "attn_output" in name or "ffn_down" in name
                nn.init.normal_(parameter, std=0.0 if last else 0.02)

    def hidden(self, tokens: Tensor) -> Tensor:
        x = self.token_embd(tokens)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        length = tokens.shape[1]
        cos = self.get_buffer("cos")[:length]
        sin = self.get_buffer("sin")[:length]
        for block in self.blk:
            x = block(x, cos, sin)
        normed: Tensor = self.output_norm(x)
        return normed

    def forward(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of `labels`; those that are -100 do not count."""
        logits = F.linear(self.hidden(tokens), self.token_embd.weight)
        return F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=-100)


def save(model: Qwen3, path: Path) -> None:
    """Weights alone, bf16: what a later stage starts from."""
    state = {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}
    part = path.with_suffix(".part")
    torch.save({"config": asdict(model.config), "state": state}, part)
    part.replace(path)


def finish(model: Qwen3, path: Path, checkpoint: Path) -> None:
    """The first process saves the weights of a stage, and its checkpoint can go."""
    if parallel.rank() == 0:
        save(model, path)
        checkpoint.unlink(missing_ok=True)
    parallel.wait()


def load(path: Path) -> Qwen3:
    saved = torch.load(path, weights_only=True, map_location="cpu")
    model = Qwen3(Config(**saved["config"]))
    model.load_state_dict({name: tensor.float() for name, tensor in saved["state"].items()})
    return model
