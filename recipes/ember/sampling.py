"""Sampling: a batch of prompts answered at once, with a cache of keys and values.

For rewards and quick figures in training. Prompts are padded on the left, so that all of a batch
write their next token at one position; on a GPU that step is captured as a graph and replayed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import model

BATCH = 256


class Cache:
    """Keys and values of a batch, and which positions of them are no padding."""

    def __init__(self, network: model.Qwen3, batch: int, length: int, place: torch.device) -> None:
        c = network.config
        dtype = network.token_embd.weight.dtype
        shape = (c.layers, batch, c.key_value_heads, length, c.head)
        self.keys = torch.zeros(shape, device=place, dtype=dtype)
        self.values = torch.zeros(shape, device=place, dtype=dtype)
        self.seen = torch.zeros(batch, length, device=place, dtype=torch.bool)


def attention(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Grouped heads: those that share keys are one head with several queries, if there is one."""
    batch, heads, length, size = q.shape
    shared = keys.shape[1]
    if length == 1:
        grouped = q.reshape(batch, shared, heads // shared, size)
        mixed = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=mask)
        return mixed.reshape(batch, heads, 1, size)
    keys, values = (t.repeat_interleave(heads // shared, dim=1) for t in (keys, values))
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)


def forward(network: model.Qwen3, tokens: Tensor, positions: Tensor, cache: Cache) -> Tensor:
    """Logits of the last token; `tokens` go into the cache at `positions`."""
    x = network.token_embd(tokens)
    cos, sin = (network.get_buffer(name)[positions] for name in ("cos", "sin"))
    places = torch.arange(cache.seen.shape[1], device=tokens.device)
    mask = cache.seen[:, None, None, :] & (places[None, :] <= positions[:, None])[None, None]
    mask = mask | (places[None, :] == positions[:, None])[None, None]  # padding sees itself
    blocks: list[Any] = list(network.blk)
    for index, block in enumerate(blocks):
        q, k, v = block.heads(x, cos, sin)
        cache.keys[index].index_copy_(2, positions, k)
        cache.values[index].index_copy_(2, positions, v)
        x = block.after(x, attention(q, cache.keys[index], cache.values[index], mask))
    return F.linear(network.output_norm(x[:, -1]), network.token_embd.weight).float()


def for_sampling(network: model.Qwen3) -> model.Qwen3:
    """A copy that computes in bf16 on a GPU; angles stay float32."""
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    place = copied.token_embd.weight.device
    if place.type == "cuda":
        copied = copied.bfloat16()
        c = copied.config
        cos, sin = model.rotary_table(c.context, c.head, c.rope_base)
        copied.register_buffer("cos", cos.to(place), persistent=False)
        copied.register_buffer("sin", sin.to(place), persistent=False)
    return copied


def replayed(step: Callable[[], None], place: torch.device) -> Callable[[], None]:
    """`step` as a captured graph, where there are such; it must work in place."""
    if place.type != "cuda":
        return step
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


@torch.no_grad()
def answer_batch(
    network: model.Qwen3, prompts: list[list[int]], limit: int, end: int, temperature: float
) -> list[list[int]]:
    place = network.token_embd.weight.device
    width = max(map(len, prompts))
    batch, total = len(prompts), min(width + limit, network.config.context)
    tokens = torch.zeros(batch, width, dtype=torch.long)
    cache = Cache(network, batch, total, place)
    for row, prompt in enumerate(prompts):
        tokens[row, width - len(prompt) :] = torch.tensor(prompt)
        cache.seen[row, width - len(prompt) :] = True
    logits = forward(network, tokens.to(place), torch.arange(width, device=place), cache)
    current = torch.zeros(batch, 1, dtype=torch.long, device=place)
    position = torch.full((1,), width - 1, device=place)
    written = torch.full((batch, total), end, dtype=torch.long, device=place)

    def choose(scores: Tensor) -> None:
        if temperature > 0:
            noise = -torch.log(-torch.log(torch.rand_like(scores).clamp_(1e-9, 1 - 1e-7)))
            scores = scores / temperature + noise
        current.copy_(scores.argmax(-1, keepdim=True))
        position.add_(1)
        written.index_copy_(1, position, current)

    def step() -> None:
        cache.seen.index_fill_(1, position, True)
        choose(forward(network, current, position, cache))

    if total > width:
        choose(logits)
    run: Callable[[], None] | None = None
    saved = position.clone(), current.clone()
    for count in range(1, total - width):
        if run is None:
            run = replayed(step, place)
            if place.type == "cuda":  # capturing has taken a step
                position.copy_(saved[0])
                current.copy_(saved[1])
        run()
        if count % 16 == 0:
            done = (written[:, width : width + count] == end).any(1)
            if bool(done.all()):
                break
    rows = written[:, width:].tolist()
    return [row[: row.index(end)] if end in row else row for row in rows]


def answers(
    network: model.Qwen3, prompts: list[list[int]], limit: int, end: int, temperature: float = 0.0
) -> list[list[int]]:
    """What the model writes after each prompt up to `end`; prompts of like length go together."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    found: list[list[int]] = [[] for _ in prompts]
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        replies = answer_batch(network, [prompts[i] for i in chosen], limit, end, temperature)
        for index, reply in zip(chosen, replies, strict=True):
            found[index] = reply
    return found
