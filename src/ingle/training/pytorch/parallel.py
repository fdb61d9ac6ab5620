"""Several devices, each with the whole base: gradients are summed, the adapter is spread.

An adapter's gradients are some megabytes, so data parallelism over them alone
scales where full fine-tuning would need the base to be sharded. The first
process alone has the optimiser; the others are sent what it made, so that all
have the same adapter bit for bit, also where their devices round differently.
"""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import FileStore

WAIT = timedelta(minutes=10)
"""For the others, in one sum."""


class ProcessGroup:
    """The processes that train one adapter together. Made in each of them at the same time.

    Args:
        meeting: a file that all can write, by which they find each other; there is none yet.
        rank: which one this is; 0 has the optimiser.
        world: how many there are.
    """

    def __init__(self, meeting: Path, rank: int, world: int, device: torch.device) -> None:
        for name, value in _ways().items():
            os.environ.setdefault(name, value)
        cuda = device.type == "cuda"
        if cuda:
            torch.cuda.set_device(device)
        dist.init_process_group(
            "nccl" if cuda else "gloo",
            store=FileStore(str(meeting), world),
            rank=rank,
            world_size=world,
            timeout=WAIT,
            device_id=device if cuda else None,
        )

    def collect(self, x: Tensor) -> None:
        """Make ``x`` the sum over all processes, in the first one; elsewhere it is used up."""
        dist.reduce(x, 0)

    def spread(self, x: Tensor) -> None:
        """Make ``x`` what it is in the first process, in all of them."""
        dist.broadcast(x, 0)

    def end(self) -> None:
        """Part from the others, who do so, too."""
        dist.destroy_process_group()

    def abandon(self) -> None:
        """Part from others who are gone: whatever waits for them ends with an error."""
        if dist.get_backend() == "nccl":
            dist.distributed_c10d._abort_process_group()
        else:
            dist.destroy_process_group()


def _ways() -> dict[str, str]:
    """How the libraries reach the other processes: on this machine alone.

    Graphics devices use their own links for the data itself. NCCL's multicast is left
    out: it gains nothing on megabytes, and wants a part of the driver that the sandbox
    does not let in.
    """
    loopback = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "lo")
    return {
        "GLOO_SOCKET_IFNAME": loopback,
        "NCCL_SOCKET_IFNAME": loopback,
        "NCCL_IB_DISABLE": "1",
        "NCCL_NVLS_ENABLE": "0",
        # A process that dies is noticed at once by other means, and told properly.
        "TORCH_NCCL_ASYNC_ERROR_HANDLING": "0",
    }
