"""Several devices, each with the whole base: gradients are summed, rows are shared out.

An adapter's gradients are some megabytes, so data parallelism over them alone
scales where full fine-tuning would need the base to be sharded. Processes are
those of ``torchrun`` (or accelerate); each finds its place in the environment.
"""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import Tensor


class Group:
    """The processes that train one adapter together; a single one if nothing says otherwise."""

    def __init__(self) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.world = int(os.environ.get("WORLD_SIZE", "1"))

    def begin(self, device: torch.device) -> torch.device:
        """Meet the others; returns the device of this process."""
        if self.world == 1:
            return device
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return device

    def sum(self, x: Tensor) -> None:
        """Make ``x`` the sum over all processes, in place."""
        if self.world > 1:
            dist.all_reduce(x)

    def end(self) -> None:
        """Part from the others."""
        if self.world > 1 and dist.is_initialized():
            dist.destroy_process_group()
