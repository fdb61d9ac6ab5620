"""Where training can run: which executor, and how it uses the memory there is."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ingle.errors import EngineMissing, InvalidRequest
from ingle.models.gguf import read_header
from ingle.training import lora, memory_plan
from ingle.training.architecture import Architecture
from ingle.training.executor import Executor, Numbers
from ingle.training.memory_plan import MemoryPlan

SHARE = 0.8
"""Of the free memory, how much a run may plan with."""
STORAGE = (
    (False, False, True), (False, True, True), (True, False, True), (True, True, True),
    (True, True, False),
)  # fmt: skip
"""Whether the base stays packed, insides of blocks are computed once more, and the whole head is
numbers at once: the fastest first."""
Kind = Literal["cuda", "rocm", "xpu", "mps", "vulkan", "cpu"]
"""The fastest first."""
TORCH, WGPU = "ingle[train]", "ingle[train,vulkan]"
Dtype = Literal["float32", "bfloat16"]


class Device(NamedTuple):
    """A place where training can run, or could if something were installed."""

    name: str
    """As ``--device`` takes it: ``cuda:0``, ``vulkan:0``, ``cpu``."""
    kind: Kind
    description: str
    memory_total: int | None
    """Bytes; None: it does not say."""
    memory_free: int | None
    missing: str = ""
    """What must be installed before it can be used, as a command."""
    software: bool = False
    """It is the processor in disguise: good for trying, never chosen by itself."""

    @property
    def dtype(self) -> Dtype:
        """As `dtype_of`."""
        return dtype_of(self.name)

    def check_installed(self) -> None:
        """Raises EngineMissing: a library is missing; says what installs it."""
        if self.missing:
            raise EngineMissing(f"training on {self.name} needs a library", hint=self.missing)


class StorageOption(NamedTuple):
    """How a base and the insides of its blocks are held, and what that takes."""

    packed: bool
    """The base stays as the file's bytes."""
    recompute: bool
    """Insides of blocks are computed once more rather than kept, at least of some."""
    needs: MemoryPlan
    keep: int = 0
    """Vulkan: of that many blocks the insides are kept."""
    whole_head: bool = False
    """torch: of a base that stays packed, the whole head is made numbers of at once."""


class DeviceChoice(NamedTuple):
    """The device that was chosen."""

    device: Device
    option: StorageOption
    reason: str
    """A sentence."""
    others: tuple[Device, ...] = ()
    """More of the same, which train together with it."""

    @property
    def names(self) -> str:
        """As ``--device`` takes them."""
        return ",".join(device.name for device in (self.device, *self.others))


def listing(*, vulkan: bool = True) -> list[Device]:
    """What is there, the fastest first. What would need a library that is not installed says so.

    Imports only libraries that are there.

    Args:
        vulkan: those, too.
    """
    found = [*_torch_devices(), *(_vulkan_devices() if vulkan else ())]
    order = ("cuda", "rocm", "xpu", "mps", "vulkan", "cpu")
    return sorted(found, key=lambda d: (bool(d.missing), d.software, order.index(d.kind)))


def dtype_of(name: str) -> Dtype:
    """What torch computes in on a device of this name. Vulkan's numbers have 32 bits, its products
    16 where the device has them."""
    return "bfloat16" if name.partition(":")[0] in ("cuda", "xpu") else "float32"


def choose(
    base: Path,
    shape: lora.LoraConfig,
    *,
    rows: int,
    sequence: int,
    parts: int = 1,
    eight_bit: bool = False,
    among: list[Device] | None = None,
) -> DeviceChoice:
    """The fastest device that the training fits on; the processor if it fits on none.

    Where there are more CUDA devices like it, as many as have something to do in a step.

    Args:
        parts: micro-batches of a step.
        eight_bit: the optimiser's moments are to be kept in 8 bits.
        among: devices to choose from, the fastest first; `listing` if None.

    Raises:
        BadModelFile, CapabilityMissing: the base.
        InvalidRequest: no library is installed that could train.
    """
    given = listing() if among is None else among
    experts = Architecture.of(read_header(base)).experts
    passed: list[str] = []
    for device in given:
        if device.missing or device.software:
            continue
        if eight_bit and device.kind == "vulkan":
            passed.append(f"{device.name} keeps the optimiser's moments in 32 bits")
            continue
        if experts and device.kind == "vulkan":
            passed.append(f"{device.name} has no kernels for mixtures of experts")
            continue
        option = choose_option(
            base, shape, device=device.name, dtype=device.dtype, rows=rows, sequence=sequence,
            free=_usable(device), eight_bit=eight_bit,
        )  # fmt: skip
        if option.needs.total <= SHARE * _usable(device) or device.kind == "cpu":
            alike = _alike(device, given, option)[: parts - 1]
            return DeviceChoice(
                device, option, _reason(device, alike, option, given, passed), tuple(alike)
            )
        passed.append(f"{device.name} has too little memory ({_size(_usable(device))} free)")
    raise InvalidRequest(
        "device: no training library is installed",
        hint=f"pip install '{TORCH}'",
        field="device",
    )


def choose_option(
    base: Path,
    shape: lora.LoraConfig,
    *,
    device: str,
    dtype: str,
    rows: int,
    sequence: int,
    free: int | None = None,
    sharing: int = 1,
    eight_bit: bool = False,
) -> StorageOption:
    """The fastest way that fits into what is free; the thriftiest if none does.

    Args:
        free: bytes on the device; asked for if None.
        sharing: processes that train there, each of which takes that much.

    Raises:
        BadModelFile, CapabilityMissing: the base.
    """
    header = read_header(base)
    architecture = Architecture.of(header)
    file_bytes = sum(tensor.size for tensor in header.tensors)
    room = SHARE * (memory_plan.available(device) if free is None else free) / sharing
    if device.startswith("vulkan"):
        from ingle.training.vulkan import supported_blocks, vulkan_fit

        supported_blocks.check(architecture)
        keep, needs = vulkan_fit.most(
            architecture, shape, rows=rows, sequence=sequence, file_bytes=file_bytes, free=room
        )
        return StorageOption(
            packed=True, recompute=keep < architecture.layers, needs=needs, keep=keep
        )
    cuda = device.startswith("cuda")
    options = [
        StorageOption(packed, recompute, whole_head=whole, needs=memory_plan.estimate(
            architecture, shape, rows=rows, sequence=sequence,
            bytes_each=2 if dtype == "bfloat16" else 4, file_bytes=file_bytes,
            packed=packed, recompute=recompute, whole_head=whole, scores=not cuda, compiled=cuda,
            logits=memory_plan.LOGITS_CUDA if cuda else memory_plan.LOGITS,
            eight_bit=eight_bit,
        ))
        for packed, recompute, whole in STORAGE
    ]  # fmt: skip
    return next((option for option in options if option.needs.total <= room), options[-1])


def check_moments(device: str, *, eight_bit: bool) -> None:
    """Raises InvalidRequest: a device keeps the optimiser's moments in 32 bits only."""
    if eight_bit and device.startswith("vulkan"):
        raise InvalidRequest(
            f"optim: on {device} the optimizer's moments have 32 bits",
            hint="the same command with --optim adamw, or with another --device",
            field="optim",
        )


def open_executor(
    base: Path,
    shape: lora.LoraConfig,
    *,
    device: str,
    dtype: Dtype,
    seed: int,
    rows: int,
    sequence: int,
    weight_decay: float,
    max_grad_norm: float,
    sharing: int = 1,
    eight_bit: bool = False,
) -> tuple[Executor[Any], StorageOption]:
    """The executor for a device, with a fresh adapter.

    Args:
        dtype: of torch's numbers.
        sharing: processes that train on this device.

    Raises:
        InvalidRequest: there is no such device, it has no moments in 8 bits, or the shape does
            not suit the base.
        EngineMissing: a library is not installed.
        BadModelFile, CapabilityMissing: the base.
    """
    check_moments(device, eight_bit=eight_bit)
    numbers = lora.fresh(shape, Architecture.of(read_header(base)), seed=seed)
    if device.split(":")[0] == "vulkan":
        return _open_vulkan(
            base, shape, numbers, device, rows, sequence, weight_decay, max_grad_norm
        )
    if not _installed("torch"):
        raise EngineMissing(
            f"training on {device} needs the torch library", hint=f"pip install '{TORCH}'"
        )
    import torch

    from ingle.training.pytorch.executor import TorchExecutor

    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError):
        raise unknown(device) from None
    option = choose_option(
        base, shape, device=device, dtype=dtype, rows=rows, sequence=sequence, sharing=sharing,
        eight_bit=eight_bit,
    )  # fmt: skip
    executor = TorchExecutor(
        base, shape, numbers, device=place, dtype=getattr(torch, dtype), packed=option.packed,
        recompute=option.recompute, whole_head=option.whole_head, fast=place.type == "cuda",
        weight_decay=weight_decay, max_grad_norm=max_grad_norm, eight_bit=eight_bit,
    )  # fmt: skip
    return executor, option


def _open_vulkan(
    base: Path,
    shape: lora.LoraConfig,
    numbers: Numbers,
    device: str,
    rows: int,
    sequence: int,
    weight_decay: float,
    max_grad_norm: float,
) -> tuple[Executor[Any], StorageOption]:
    from ingle.training.vulkan.executor import VulkanExecutor
    from ingle.training.vulkan.vulkan_device import VulkanDevice as Opened
    from ingle.training.vulkan.vulkan_device import choose as adapter_of

    adapter = adapter_of(_number(device))
    option = choose_option(
        base, shape, device=device, dtype="float32", rows=rows, sequence=sequence
    )
    # 16-bit products gain nothing where the processor computes them.
    opened = Opened(adapter, exact=adapter.software)
    executor = VulkanExecutor(
        base,
        shape,
        numbers,
        device=opened,
        keep=option.keep,
        weight_decay=weight_decay,
        max_grad_norm=max_grad_norm,
    )
    return executor, option


def _torch_devices() -> Iterator[Device]:
    if not _installed("torch"):
        yield Device("cpu", "cpu", "CPU", None, None, missing=f"pip install '{TORCH}'")
        return
    import torch

    from ingle.node.memory_budget import cpu_device

    kind: Kind = "rocm" if torch.version.hip else "cuda"
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        yield Device(f"cuda:{number}", kind, torch.cuda.get_device_name(number), total, free)
    if torch.xpu.is_available():
        for number in range(torch.xpu.device_count()):
            free, total = torch.xpu.mem_get_info(number)
            yield Device(f"xpu:{number}", "xpu", torch.xpu.get_device_name(number), total, free)
    if torch.backends.mps.is_available():
        free = memory_plan.available("mps")
        yield Device("mps", "mps", "Apple graphics", torch.mps.recommended_max_memory(), free)
    cpu = cpu_device()
    yield Device("cpu", "cpu", "CPU", cpu.memory_total, cpu.memory_free)


def _vulkan_devices() -> Iterator[Device]:
    if not _installed("wgpu"):
        missing = f"pip install '{WGPU}'"
        yield Device("vulkan", "vulkan", "any Vulkan device", None, None, missing=missing)
        return
    from ingle.training.vulkan.heaps import room
    from ingle.training.vulkan.vulkan_device import adapters

    found = adapters()
    for number, (adapter, (total, free)) in enumerate(zip(found, room(found), strict=True)):
        yield Device(
            f"vulkan:{number}", "vulkan", f"{adapter.name}, {adapter.driver}", total, free,
            software=adapter.software,
        )  # fmt: skip


def _alike(device: Device, given: list[Device], option: StorageOption) -> list[Device]:
    """Others that can train together with a device, and are as fast."""
    if device.kind not in ("cuda", "rocm"):
        return []
    return [
        other for other in given
        if other.name != device.name and not other.missing
        and (other.kind, other.description, other.memory_total)
        == (device.kind, device.description, device.memory_total)
        and option.needs.total <= SHARE * _usable(other)
    ]  # fmt: skip


def _reason(
    device: Device,
    alike: list[Device],
    option: StorageOption,
    given: list[Device],
    passed: list[str],
) -> str:
    needs = _size(option.needs.total)
    if alike:
        names = ", ".join(other.name for other in alike)
        text = (
            f"{device.name} and {names} ({device.description} each) are the fastest devices with "
            f"the {needs} it takes on each; a step's micro-batches are dealt out to them"
        )
    elif device.kind != "cpu":
        text = (
            f"{device.name} ({device.description}) is the fastest device with the {needs} it takes"
        )
    elif passed:
        text = f"no graphics device has the {needs} it takes, so the processor trains"
    else:
        text = "there is no graphics device that can train, so the processor does"
    more = list(passed)
    if device.memory_free is None:
        more.append(f"its memory is unknown, {_size(_usable(device))} are assumed")
    if device.kind == "cpu":
        more += [f"{other.name} is only software" for other in given if other.software]
        more += [f"{other.name} wants: {other.missing}" for other in given if other.missing]
    return "; ".join([text, *more])


def _usable(device: Device) -> int:
    return memory_plan.UNKNOWN if device.memory_free is None else device.memory_free


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def _number(device: str) -> int:
    """Of ``vulkan:1`` the 1."""
    _, _, number = device.partition(":")
    if number and not number.isdecimal():
        raise unknown(device)
    return int(number or 0)


def unknown(device: str) -> InvalidRequest:
    """There is no such device here."""
    return InvalidRequest(
        f"device: there is no {device!r} here", hint="ingle train --device list", field="device"
    )


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
