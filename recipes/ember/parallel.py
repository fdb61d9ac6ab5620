"""Parallel: several GPUs of one host, each with a share of every micro-batch.

`python -m torch.distributed.run --nproc-per-node N -m recipes.ember ...` starts N processes;
without it there is one, and nothing here does anything. Gradients are averaged after each step.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

TOGETHER = 20  # steps after which the processes agree on the time and on the parameters


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def devices(place: torch.device) -> str:
    """How many of which device train together, in words."""
    return f"{world()} {torch.cuda.get_device_name(place) if place.type == 'cuda' else 'CPU'}"


def begin() -> None:
    """Join the other processes, if there are any; only the first one prints."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if cuda else "gloo")
    if rank() > 0:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def end() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def wait() -> None:
    """Until every process has come here."""
    if world() > 1:
        dist.barrier()


def average_gradients(parameters: Iterable[Tensor]) -> None:
    if world() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = parameters_to_vector(gradients)
    dist.all_reduce(flat)
    flat = torch.where(flat.isfinite(), flat / world(), 0.0)  # one bad batch must not end a run
    vector_to_parameters(flat, gradients)


@torch.no_grad()
def same(parameters: Iterable[Tensor]) -> None:
    """The first process's parameters for all: sums in another order would let them drift apart."""
    if world() == 1:
        return
    listed = list(parameters)
    flat = parameters_to_vector(listed)
    dist.broadcast(flat, 0)
    vector_to_parameters(flat, listed)


def agree_after(step: int) -> bool:
    """Is this a step after which they do? One alone always agrees."""
    return world() == 1 or step % TOGETHER == 0


def agreed(value: float, place: torch.device) -> float:
    """The first process's number, for all."""
    if world() == 1:
        return value
    shared = torch.tensor(value, device=place, dtype=torch.float64)
    dist.broadcast(shared, 0)
    return float(shared)
