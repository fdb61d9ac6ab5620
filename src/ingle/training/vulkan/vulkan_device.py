"""A graphics device: buffers, compiled kernels, submission and waiting, with typed errors."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingle.errors import DeviceLost, DoesNotFit, EngineFault, EngineMissing, InvalidRequest
from ingle.training.vulkan.kernel import Kernel

PAGE = 1 << 16
"""Bytes of a buffer of uniforms."""
SENT = 1 << 28
"""Bytes that are uploaded before the device is waited for."""
_RAISED = (
    "max-compute-workgroup-storage-size",
    "max-compute-invocations-per-workgroup",
    "max-compute-workgroup-size-x",
    "max-storage-buffers-per-shader-stage",
    "min-uniform-buffer-offset-alignment",
    "min-storage-buffer-offset-alignment",
)
"""Limits that are asked for as the adapter has them."""


class GraphicsAdapter(NamedTuple):
    """A device that is there."""

    name: str
    kind: str
    """``DiscreteGPU``, ``IntegratedGPU``, ``CPU``, ..."""
    driver: str
    max_buffer: int
    """Bytes of the largest buffer that a shader can use."""
    halves: bool
    """It computes in 16 bits."""
    vendor: int
    device: int
    """Numbers of maker and product, as `heaps.Heap` has them."""
    handle: Any

    @property
    def software(self) -> bool:
        """It is the processor in disguise."""
        return self.kind == "CPU"


class UniformSlot(NamedTuple):
    """A place in a buffer of uniforms."""

    buffer: Any
    offset: int
    size: int


class CompiledKernel(NamedTuple):
    """A kernel that is ready to run."""

    pipeline: Any
    layout: Any


class DeviceStatistics:
    """What a device was asked to do."""

    def __init__(self) -> None:
        self.dispatches = 0
        self.submits = 0
        self.largest = 0
        """Bytes of the largest buffer."""
        self.live = 0
        self.peak = 0
        """Most bytes of buffers at once."""


def adapters() -> list[GraphicsAdapter]:
    """Every Vulkan device, real ones first.

    Raises:
        EngineMissing: the library is not installed.
    """
    try:
        import wgpu
    except ImportError:
        raise EngineMissing(
            "training on Vulkan needs the wgpu library", hint="pip install 'ingle[vulkan]'"
        ) from None
    _import_triton_first()
    found = []
    for handle in wgpu.gpu.enumerate_adapters_sync():
        info = handle.info
        if info["backend_type"] != "Vulkan":
            continue
        limits = handle.limits
        found.append(
            GraphicsAdapter(
                name=str(info["device"]),
                kind=str(info["adapter_type"]),
                driver=str(info["description"]),
                max_buffer=min(
                    limits["max-storage-buffer-binding-size"], limits["max-buffer-size"]
                ),
                halves="shader-f16" in handle.features,
                vendor=int(info["vendor_id"]),
                device=int(info["device_id"]),
                handle=handle,
            )
        )
    order = {"DiscreteGPU": 0, "IntegratedGPU": 1, "VirtualGPU": 2}
    return sorted(found, key=lambda adapter: order.get(adapter.kind, 3))


def choose(number: int = 0) -> GraphicsAdapter:
    """The device of that number in `adapters`.

    Raises:
        InvalidRequest: there are fewer.
        EngineMissing: as `adapters`.
    """
    found = adapters()
    if number >= len(found):
        raise InvalidRequest(
            f"device: there is no vulkan:{number} here; {len(found)} Vulkan devices were found",
            hint="ingle train --device list",
            field="device",
        )
    return found[number]


class VulkanDevice:
    """One device, opened.

    Args:
        max_buffer: bytes of the largest buffer that may be made; 0: what the device allows.
        exact: compute in 32 bits throughout; else matrices are multiplied in 16 bits, where
            the device can.

    Raises:
        EngineFault: the driver does not give it.
    """

    def __init__(
        self, adapter: GraphicsAdapter, *, max_buffer: int = 0, exact: bool = False
    ) -> None:
        self.adapter = adapter
        self.max_buffer = min(max_buffer or adapter.max_buffer, adapter.max_buffer)
        self.halves = adapter.halves and not exact
        self.statistics = DeviceStatistics()
        limits = {name: adapter.handle.limits[name] for name in _RAISED}
        limits["max-storage-buffer-binding-size"] = max(self.max_buffer, PAGE)
        limits["max-buffer-size"] = max(self.max_buffer, PAGE)
        features = ["shader-f16"] if self.halves else []
        with translated():
            self._device = adapter.handle.request_device_sync(
                required_limits=limits, required_features=features
            )
        self.queue = self._device.queue
        self._align = int(limits["min-uniform-buffer-offset-alignment"])
        self._compiled: dict[str, CompiledKernel] = {}
        self._slots: dict[bytes, UniformSlot] = {}
        self._page: Any = None
        self._filled = PAGE
        self._unsent: list[tuple[Any, int, bytes]] = []
        self._sent = 0
        self._signal = self.buffer(4)

    def buffer(self, size: int) -> Any:
        """A new buffer of at least that many bytes, all zero.

        Raises:
            DoesNotFit: over the limit, or the device has no memory left.
        """
        import wgpu

        size = max(16, -(-size // 16) * 16)
        if size > max(self.max_buffer, PAGE):
            raise DoesNotFit(
                f"a buffer of {size} bytes is over the limit of {self.max_buffer} bytes "
                f"of {self.adapter.name}",
                hint="train with a smaller --lora-rank or a shorter --max-length",
                needed_bytes=size,
                available_bytes=self.max_buffer,
                device=self.adapter.name,
            )
        usage = wgpu.BufferUsage
        try:
            with translated():
                made = self._device.create_buffer(
                    size=size, usage=usage.STORAGE | usage.COPY_DST | usage.COPY_SRC
                )
        except DoesNotFit as error:
            error.details |= {"device": self.adapter.name, "needed_bytes": size}
            raise
        found = self.statistics
        found.largest = max(found.largest, size)
        found.live += size
        found.peak = max(found.peak, found.live)
        return made

    def free(self, buffer: Any) -> None:
        """Give a buffer's memory back."""
        self.statistics.live -= buffer.size
        buffer.destroy()

    def upload(self, values: NDArray[Any]) -> Any:
        """A new buffer with these numbers."""
        made = self.buffer(values.nbytes)
        self.write(made, values)
        self._sent += values.nbytes
        if self._sent > SENT:  # what is written waits in memory of the host's until then
            self._sent = 0
            self.wait()
        return made

    def write(self, buffer: Any, values: NDArray[Any], offset: int = 0) -> None:
        """Overwrite a part of a buffer. Offset and size are multiples of 4 bytes."""
        if values.nbytes:
            with translated():
                self.queue.write_buffer(buffer, offset, np.ascontiguousarray(values))

    def read(self, buffer: Any, dtype: Any, count: int, offset: int = 0) -> NDArray[Any]:
        """Numbers of a buffer; waits until all that was submitted is done."""
        size = count * np.dtype(dtype).itemsize
        with translated():
            data = self.queue.read_buffer(buffer, offset, -(-size // 4) * 4)
        return np.frombuffer(data, dtype=dtype, count=count)

    def wait(self) -> None:
        """Wait until all that was submitted is done."""
        self.read(self._signal, np.uint32, 1)

    def compile(self, kernel: Kernel) -> CompiledKernel:
        """The kernel, compiled at its first use."""
        source = kernel.source()
        found = self._compiled.get(source)
        if found is None:
            found = self._compiled[source] = self._compile(kernel, source)
        return found

    def uniform(self, values: bytes) -> UniformSlot:
        """A place that holds these parameters; equal ones share a place."""
        found = self._slots.get(values)
        if found is None:
            found = self._slots[values] = self._new_slot(values)
        return found

    def bind(self, compiled: CompiledKernel, slot: UniformSlot, buffers: list[Any]) -> Any:
        """A bind group."""
        entries = [{"binding": 0, "resource": slot._asdict()}]
        entries += [
            {"binding": at, "resource": {"buffer": buffer, "offset": 0, "size": buffer.size}}
            for at, buffer in enumerate(buffers, 1)
        ]
        with translated():
            return self._device.create_bind_group(layout=compiled.layout, entries=entries)

    def play(self, dispatches: list[tuple[Any, Any, tuple[int, int, int]]]) -> None:
        """Submit (pipeline, bind group, grid) one after the other, in one command buffer."""
        self._send_uniforms()
        with translated():
            encoder = self._device.create_command_encoder()
            work = encoder.begin_compute_pass()
            before = None
            for pipeline, group, (x, y, z) in dispatches:
                if pipeline is not before:
                    work.set_pipeline(pipeline)
                    before = pipeline
                work.set_bind_group(0, group)
                work.dispatch_workgroups(x, y, z)
            work.end()
            self.queue.submit([encoder.finish()])
        self.statistics.dispatches += len(dispatches)
        self.statistics.submits += 1

    def close(self) -> None:
        """Give everything back."""
        self._slots.clear()
        self._compiled.clear()
        self._device.destroy()

    def _compile(self, kernel: Kernel, source: str) -> CompiledKernel:
        import wgpu

        stage = wgpu.ShaderStage.COMPUTE
        kinds = ["uniform"] + [
            "storage" if buffer.access == "read_write" else "read-only-storage"
            for buffer in kernel.buffers
        ]
        entries = [
            {"binding": at, "visibility": stage, "buffer": {"type": kind}}
            for at, kind in enumerate(kinds)
        ]
        with translated():
            module = self._module(kernel.name, source)
            layout = self._device.create_bind_group_layout(entries=entries)
            pipeline = self._device.create_compute_pipeline(
                layout=self._device.create_pipeline_layout(bind_group_layouts=[layout]),
                compute={"module": module, "entry_point": "main"},
            )
        return CompiledKernel(pipeline, layout)

    def _module(self, name: str, source: str) -> Any:
        """A shader without the library's own checks: no loop here is endless, and every index
        is checked where it can be beyond an array. Those checks cost a tenth of a product."""
        from wgpu.backends.wgpu_native import _api as native

        code = native.new_struct_p("WGPUShaderSourceWGSL *", code=native.to_c_string_view(source))
        code[0].chain.next = native.ffi.NULL
        code[0].chain.sType = native.lib.WGPUSType_ShaderSourceWGSL
        description = native.new_struct_p(
            "WGPUShaderModuleDescriptor *",
            nextInChain=native.ffi.cast("WGPUChainedStruct *", code),
            label=native.to_c_string_view(name),
        )
        made = native.libf.wgpuDeviceCreateShaderModuleTrusted(
            self._device._internal, description, 0
        )
        return native.GPUShaderModule(name, made, self._device)

    def _new_slot(self, values: bytes) -> UniformSlot:
        import wgpu

        room = -(-len(values) // self._align) * self._align
        if self._filled + room > PAGE:
            usage = wgpu.BufferUsage
            with translated():
                self._page = self._device.create_buffer(
                    size=PAGE, usage=usage.UNIFORM | usage.COPY_DST
                )
            self._unsent.append((self._page, 0, b""))
            self._filled = 0
        slot = UniformSlot(self._page, self._filled, len(values))
        page, at, before = self._unsent[-1] if self._unsent else (None, 0, b"")
        if page is self._page and at + len(before) == self._filled:
            self._unsent[-1] = (page, at, before + values.ljust(room, b"\0"))
        else:
            self._unsent.append((self._page, self._filled, values.ljust(room, b"\0")))
        self._filled += room
        return slot

    def _send_uniforms(self) -> None:
        for page, at, values in self._unsent:
            if values:
                with translated():
                    self.queue.write_buffer(page, at, values)
        self._unsent.clear()


def _import_triton_first() -> None:
    """A driver in software brings an LLVM of its own (Mesa's llvmpipe). Triton, which comes with
    torch for CUDA, has one, too, and crashes the process if it is loaded after the driver's."""
    if "torch" in sys.modules and importlib.util.find_spec("triton") is not None:
        importlib.import_module("triton")


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """The library's errors as ours."""
    import wgpu

    try:
        yield
    except wgpu.GPUOutOfMemoryError as error:
        raise DoesNotFit(
            f"the graphics device is out of memory: {_first(error)}",
            hint="train with a shorter --max-length, or --micro-batch-size 1",
        ) from None
    except (wgpu.GPUError, RuntimeError) as error:
        if "lost" in str(error).lower():
            raise DeviceLost(
                f"the graphics device is lost: {_first(error)}",
                hint="the run is saved up to its last state; ingle train --resume NAME",
            ) from None
        raise EngineFault(f"the graphics device reported an error: {error}") from None


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
