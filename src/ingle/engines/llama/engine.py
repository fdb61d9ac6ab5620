"""The llama engine's entry: version, devices, opening a model."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, ClassVar

from ingle.engines.engine import LoadSpec, Session
from ingle.engines.llama.session import Backend, LlamaSession
from ingle.operations import DeviceInfo


class LlamaEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "llama"
    network: ClassVar[bool] = False

    def version(self) -> str:
        return version("xllamacpp")

    def devices(self) -> list[DeviceInfo]:
        import xllamacpp

        from ingle.engines.llama.inprocess import device_kind

        return [
            DeviceInfo(
                name=device["name"],
                kind=device_kind(device["name"]),
                description=device["description"],
                memory_total=device["memory_total"],
                memory_free=device["memory_free"],
            )
            for device in xllamacpp.get_device_info()
        ]

    def open(self, spec: LoadSpec) -> Session:
        if spec.role == "score":
            from ingle.engines.llama.scoring import ScoringSession

            return ScoringSession(spec, int(spec.options.get("vocabulary", 0)))
        backend: Backend
        if spec.options.get("server_binary"):
            from ingle.engines.llama.server_binary import ServerBinaryBackend

            backend = ServerBinaryBackend(spec)
        else:
            from ingle.engines.llama.inprocess import InProcessBackend

            backend = InProcessBackend(spec)
        facts: dict[str, Any] = {"context": spec.context, "slots": spec.slots}
        return LlamaSession(spec, backend, facts)
