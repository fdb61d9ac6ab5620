"""`Placement`: how a run is spread over processes, devices and nodes."""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

from ingle.errors import InvalidRequest
from ingle.training.run_plan import RunPlan

LOOK = """
import json, torch
found = []
for kind in ("cuda", "xpu"):
    part = getattr(torch, kind, None)
    if part is not None and part.is_available():
        found += [f"{kind}:{n}" for n in range(part.device_count())]
if torch.backends.mps.is_available():
    found.append("mps")
print(json.dumps([*found, "cpu"]))
"""
"""A program that prints the devices that TRL's torch has."""


FREE = """
import sys, torch
parts = [name.partition(":") for name in sys.argv[1:]]
print(min(getattr(torch, kind).mem_get_info(int(number))[0] for kind, _, number in parts))
"""
"""A program that prints how many bytes are free on each of some graphics devices."""


class Placement(NamedTuple):
    """Which devices of this node take part, and in what company."""

    devices: tuple[str, ...]
    """One for each process; a CPU is shared by all of them."""
    processes: int
    nodes: int = 1
    rank: int = 0
    address: str = ""
    full: bool = False
    bfloat16: bool = False

    @classmethod
    def of(cls, plan: RunPlan, there: list[str]) -> Placement:
        """Where a plan is carried out.

        Args:
            there: the devices that TRL's torch has, ``cpu`` among them.

        Raises:
            InvalidRequest: a device is not there, or there are fewer than processes.
        """
        kind, _, first = (plan.device or there[0]).partition(":")
        of_kind = [device for device in there if device.partition(":")[0] == kind]
        if kind in ("cpu", "mps"):
            if not of_kind or (kind == "mps" and plan.nproc_per_node > 1):
                raise _too_few(plan, there, "there is one such device at most")
            chosen = tuple(of_kind[:1])
        else:
            start = int(first or 0)
            chosen = tuple(of_kind[start : start + plan.nproc_per_node])
            if len(chosen) < plan.nproc_per_node:
                need = (
                    f"{plan.nproc_per_node} processes need one each"
                    if chosen
                    else "it is not there"
                )
                raise _too_few(plan, there, need)
        return cls(
            devices=chosen, processes=plan.nproc_per_node, nodes=plan.nnodes, rank=plan.node_rank,
            address=plan.rdzv_endpoint, full=plan.full, bfloat16=kind in ("cuda", "xpu"),
        )  # fmt: skip

    @classmethod
    def placed(cls, plan: RunPlan) -> Placement:
        """Where a plan is carried out whose devices were looked for already."""
        kind, _, number = plan.device.partition(":")
        if not number:
            return cls.of(plan, [kind])
        return cls.of(plan, [f"{kind}:{n}" for n in range(int(number) + plan.nproc_per_node)])

    @property
    def cpu(self) -> bool:
        """It computes on the processor."""
        return self.devices == ("cpu",)

    @property
    def world(self) -> int:
        """Processes of all nodes."""
        return self.processes * self.nodes

    @property
    def sharded(self) -> bool:
        """Weights, gradients and moments are shared out, by FSDP2; else each process has all."""
        # accelerate has FSDP for accelerators only; processors sum gradients.
        return self.full and self.world > 1 and not self.cpu

    @property
    def variables(self) -> dict[str, str]:
        """What the environment adds to accelerate's configuration."""
        found = {"ACCELERATE_USE_CPU": "true"} if self.cpu else {}
        if self.nodes == 1 and sys.platform.startswith("linux"):
            # No one else is to be found: they talk over the loopback only.
            found |= {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
        return found

    def config(self, port: int) -> dict[str, Any]:
        """For ``accelerate launch``.

        Args:
            port: a free one, for the processes of a single node to meet at.
        """
        host, _, given = self.address.rpartition(":")
        kind = "FSDP" if self.sharded else "MULTI_GPU" if self.world > 1 else "NO"
        found: dict[str, Any] = {
            "compute_environment": "LOCAL_MACHINE",
            "distributed_type": kind,
            "num_processes": self.world,
            "num_machines": self.nodes,
            "machine_rank": self.rank,
            "main_process_ip": host or "127.0.0.1",
            "main_process_port": int(given or port),
            "rdzv_backend": "static",
            "same_network": True,
            "mixed_precision": "bf16" if self.bfloat16 else "no",
            "use_cpu": self.cpu,
        }
        if not self.cpu and self.devices != ("mps",):
            found["gpu_ids"] = ",".join(_listed(device) for device in self.devices)
        if self.sharded:
            found["fsdp_config"] = {
                "fsdp_version": 2,
                "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
                "fsdp_reshard_after_forward": True,
                "fsdp_state_dict_type": "SHARDED_STATE_DICT",
                "fsdp_cpu_ram_efficient_loading": False,
                "fsdp_offload_params": False,
            }
        return found


def _listed(device: str) -> str:
    """A device as the variable that hides others calls it: accelerate writes that variable again,
    and torch counts only those that it left visible."""
    kind, _, number = device.partition(":")
    name = {"cuda": "CUDA_VISIBLE_DEVICES", "xpu": "ZE_AFFINITY_MASK"}[kind]
    visible = [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]
    return visible[int(number)] if visible else number


def portions(plan: RunPlan, placement: Placement) -> tuple[int, int]:
    """Rows (pairs, answers) that a process works on at once, and how often for a step.

    As many at once as ``micro_batch_size`` allows; a step is the same whatever they are.
    """
    each = plan.answers // placement.world
    micro = max(size for size in range(1, min(each, plan.micro_batch_size) + 1) if each % size == 0)
    return micro, each // micro


def _too_few(plan: RunPlan, there: list[str], why: str) -> InvalidRequest:
    return InvalidRequest(
        f"device: {plan.device or 'the fastest'} is not a valid value: {why}; "
        f"TRL's torch has: {', '.join(there)}",
        hint="fewer --nproc-per-node, or another --device",
        field="device",
    )
