"""The engine diffusers' entry: version, opening a pipeline.

What is heavy is imported when a pipeline is opened: who asks for the version waits for no torch.
"""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from typing import ClassVar

from ingle.engines.engine import LoadSpec, Session
from ingle.operations import DeviceInfo

NEEDED = ("PIL", "diffusers", "safetensors", "torch", "transformers")


class DiffusersEngine:
    """See `ingle.engines.engine.Engine`.

    Raises:
        ModuleNotFoundError: what it needs is not installed.
    """

    name: ClassVar[str] = "diffusers"

    def __init__(self) -> None:
        for module in NEEDED:
            if find_spec(module) is None:
                raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    def version(self) -> str:
        return version("diffusers")

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> Session:
        from ingle.engines.diffusers.opened_pipeline import opened_pipeline
        from ingle.engines.drawing.drawing_session import DrawingSession

        painter, device = opened_pipeline(spec)
        told = {"device": device, "samplers": list(painter.samplers), "side": painter.canvas.side}
        return DrawingSession(spec, painter, told)
