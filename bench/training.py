"""Training's speed and memory on one device, against transformers with PEFT.

``python -m bench.training ARM SHAPE ROWS SEQUENCE [STEPS]`` measures one arm in this process
and prints one line of JSON; each arm has a process of its own, so that peaks and first steps
are its own. Arms:

    bf16     ours, the base as numbers of 16 bits
    packed   ours, the base stays Q4_K
    mixed    ours, the base stays Q4_K and Q5_0, as in files that people download
    flash    as bf16, with torch's own flash attention rather than cuDNN's
    eager    transformers and PEFT
    compiled the same, its blocks compiled
    liger    the same, with Liger's kernels too
    whole    the same, the model compiled as one
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.bases import SHAPES, write_base

WARM = 10
PEAK = 989e12
"""Dense bf16 of a Hopper chip, by its maker: what MFU is a share of."""
RANK = 16
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def batch(rows: int, sequence: int, vocabulary: int) -> Any:
    """Random tokens, every one supervised but the last of each row."""
    rng = np.random.default_rng(1)
    tokens = rng.integers(0, vocabulary, (rows, sequence))
    labels = np.roll(tokens, -1, 1)
    labels[:, -1] = -100
    return tokens, labels


KINDS = {"packed": "Q4_K", "mixed": "Q4_K_M"}


def ours(shape: str, rows: int, sequence: int, arm: str, documents: int) -> Callable[[], float]:
    """A function that does one step."""
    from ingle.models.gguf import read_header
    from ingle.training.architecture import Architecture
    from ingle.training.batch import Batch
    from ingle.training.lora import LoraConfig, fresh
    from ingle.training.pytorch.executor import TorchExecutor
    from ingle.training.step import Step

    packed = arm in KINDS
    path = write_base(Path(tempfile.gettempdir()), shape, KINDS.get(arm, "Q8_0"))
    architecture, adapter = Architecture.of(read_header(path)), LoraConfig(rank=RANK)
    executor = TorchExecutor(
        path, adapter, fresh(adapter, architecture, seed=0), device=torch.device("cuda"),
        dtype=torch.bfloat16, packed=packed, recompute=False, fast=True,
    )  # fmt: skip
    step = Step(executor)
    tokens, labels = batch(rows, sequence, architecture.vocabulary)
    length = sequence // documents
    positions = np.broadcast_to(np.arange(sequence) % length, tokens.shape)
    of = np.broadcast_to(np.arange(sequence) // length, tokens.shape)
    given = Batch(tokens, labels, positions, of if documents > 1 else None)

    def one() -> float:
        step.accumulate(given)
        return step.update(1e-4)[0]

    return one


def theirs(shape: str, rows: int, sequence: int, how: str) -> Callable[[], float]:
    """The same by transformers and PEFT: plain LoRA on a base of 16 bits, fused AdamW."""
    import transformers
    from peft import LoraConfig, get_peft_model

    s = SHAPES[shape]
    if how == "liger":
        from liger_kernel.transformers import apply_liger_kernel_to_qwen3

        apply_liger_kernel_to_qwen3()
    config = transformers.Qwen3Config(
        vocab_size=s.vocabulary, hidden_size=s.embedding, intermediate_size=s.feed_forward,
        num_hidden_layers=s.layers, num_attention_heads=s.heads, num_key_value_heads=s.heads_kv,
        head_dim=s.head, tie_word_embeddings=True, use_cache=False,
    )  # fmt: skip
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model: Any = transformers.Qwen3ForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model = get_peft_model(
        model, LoraConfig(r=RANK, lora_alpha=32, target_modules=TARGETS, task_type="CAUSAL_LM")
    )
    if how in ("compiled", "liger"):
        for layer in model.get_base_model().model.layers:
            layer.compile()
    called = torch.compile(model) if how == "whole" else model
    sides = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(sides, lr=1e-4, fused=True)
    tokens = torch.from_numpy(batch(rows, sequence, s.vocabulary)[0]).cuda()

    def one() -> float:
        loss = called(input_ids=tokens, labels=tokens).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(sides, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss)

    return one


def parameters(shape: str) -> int:
    """Numbers of all matrices; the tied head counts once."""
    s = SHAPES[shape]
    wide, narrow = s.heads * s.head, s.heads_kv * s.head
    block = s.embedding * (2 * wide + 2 * narrow + 3 * s.feed_forward)
    return s.layers * block + s.vocabulary * s.embedding


def main() -> None:
    """Measure one arm."""
    arm, shape, rows, sequence = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    numbers = [int(word) for word in sys.argv[5:] if word.isdigit()]
    steps = numbers[0] if numbers else 50
    documents = numbers[1] if len(numbers) > 1 else 1
    torch.set_float32_matmul_precision("high")
    if arm == "flash":
        from ingle.training.pytorch import executor

        executor.ATTENTION[:] = executor.ATTENTION[1:]
    if arm in ("bf16", "flash", *KINDS):
        one = ours(shape, rows, sequence, arm, documents)
    else:
        one = theirs(shape, rows, sequence, arm)
    torch.cuda.synchronize()
    weights = torch.cuda.memory_allocated()
    began = time.perf_counter()
    first_loss = one()
    torch.cuda.synchronize()
    first = time.perf_counter() - began
    second = time.perf_counter()
    for _ in range(WARM - 1):
        one()
    torch.cuda.synchronize()
    warm = time.perf_counter() - second
    times = []
    for _ in range(steps):
        began = time.perf_counter()
        loss = one()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    tokens = rows * sequence
    speed = tokens / statistics.median(times)
    found = {
        "arm": arm, "shape": shape, "rows": rows, "sequence": sequence, "documents": documents,
        "tokens_per_s": round(speed), "mfu": round(4 * parameters(shape) * speed / PEAK, 4),
        "first_s": round(first, 2), "warm_s": round(warm, 2),
        "base_gib": round(weights / 2**30, 2),
        "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2),
        "reserved_gib": round(torch.cuda.max_memory_reserved() / 2**30, 2),
        "loss": [round(first_loss, 4), round(loss, 4)], "device": torch.cuda.get_device_name(),
    }  # fmt: skip
    print(json.dumps(found), flush=True)
    if "--profile" in sys.argv:
        profile(one)


def profile(one: Callable[[], float]) -> None:
    """The kernels of one step, by the time they take."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as found:
        one()
        torch.cuda.synchronize()
    rows = sorted(found.key_averages(), key=lambda row: -row.self_device_time_total)[:45]
    for row in rows:
        print(f"{row.self_device_time_total / 1e3:9.2f} ms {row.count:5d}  {row.key[:110]}")


if __name__ == "__main__":
    main()
