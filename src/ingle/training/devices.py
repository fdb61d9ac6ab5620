"""Where training can run: which executor, and how it uses the memory there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

from ingle.errors import InvalidRequest
from ingle.models.gguf import read_header
from ingle.training import lora, memory
from ingle.training.architecture import Architecture
from ingle.training.executor import Executor
from ingle.training.memory import Estimate

SHARE = 0.8
"""Of the free memory, how much a run may plan with."""


class Way(NamedTuple):
    """How a base and the insides of its blocks are held, and what that takes."""

    packed: bool
    """The base stays as the file's bytes."""
    recompute: bool
    """A block's inside is computed once more rather than kept."""
    needs: Estimate


def choose_way(
    base: Path, shape: lora.Shape, *, device: str, dtype: str, rows: int, sequence: int
) -> Way:
    """The fastest way that fits into what is free; the thriftiest if none does.

    Raises:
        BadModelFile, CapabilityMissing: the base.
    """
    header = read_header(base)
    architecture = Architecture.of(header)
    file_bytes = sum(tensor.size for tensor in header.tensors)
    free = SHARE * memory.available(device)
    ways = [
        Way(packed, recompute, memory.estimate(
            architecture, shape, rows=rows, sequence=sequence,
            bytes_each=2 if dtype == "bfloat16" else 4, file_bytes=file_bytes,
            packed=packed, recompute=recompute, logits=2**26,
            scores=not device.startswith("cuda"),
        ))
        for packed, recompute in ((False, False), (False, True), (True, False), (True, True))
    ]  # fmt: skip
    return next((way for way in ways if way.needs.total <= free), ways[-1])


def open_executor(
    base: Path,
    shape: lora.Shape,
    *,
    device: str,
    dtype: Literal["float32", "bfloat16"],
    seed: int,
    rows: int,
    sequence: int,
    decay: float,
    clip: float,
) -> tuple[Executor[Any], Way]:
    """The executor for a device, with a fresh adapter.

    Raises:
        InvalidRequest: there is no such device, or the shape does not suit the base.
        BadModelFile, CapabilityMissing: the base.
    """
    import torch

    from ingle.training.pytorch.executor import TorchExecutor

    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError):
        raise InvalidRequest(
            f"device: there is no {device!r} here", hint="ingle train --device list", field="device"
        ) from None
    way = choose_way(base, shape, device=device, dtype=dtype, rows=rows, sequence=sequence)
    numbers = lora.fresh(shape, Architecture.of(read_header(base)), seed=seed)
    executor = TorchExecutor(
        base, shape, numbers, device=place, dtype=getattr(torch, dtype), packed=way.packed,
        recompute=way.recompute, fast=place.type == "cuda", decay=decay, clip=clip,
    )  # fmt: skip
    return executor, way
