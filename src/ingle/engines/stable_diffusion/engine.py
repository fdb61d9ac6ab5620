"""The engine's entry: version, opening a checkpoint."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from ingle.engines.engine import LoadSpec, Session, cores
from ingle.models.format import WEIGHTS
from ingle.models.formats.checkpoint_format import CHECKPOINT
from ingle.models.formats.gguf_format import GGUF, is_gguf
from ingle.operations import DeviceInfo

NEEDED = ("PIL", "stable_diffusion_cpp")


class StableDiffusionEngine:
    """See `ingle.engines.engine.Engine`.

    Raises:
        ModuleNotFoundError: what it needs is not installed.
    """

    name: ClassVar[str] = "stable-diffusion"

    def __init__(self) -> None:
        for module in NEEDED:
            if find_spec(module) is None:
                raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    def version(self) -> str:
        return version("stable-diffusion-cpp-python")

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> Session:
        # stable-diffusion.cpp ends the process on files that are cut off or are something else.
        files = [(WEIGHTS, Path(path)) for path in spec.weights]
        facts = (GGUF if is_gguf(files[0][1]) else CHECKPOINT).read(files)
        from ingle.engines.drawing.drawing_session import DrawingSession
        from ingle.engines.stable_diffusion.checkpoint_painter import CheckpointPainter

        painter = CheckpointPainter(spec, facts, spec.threads or cores())
        told = {"device": "CPU", "samplers": list(painter.samplers), "side": painter.canvas.side}
        return DrawingSession(spec, painter, told)
