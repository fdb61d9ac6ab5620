"""The llama engine's entry: version, devices, opening a model."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, ClassVar

from ingle.engines.engine import LoadSpec, Session
from ingle.engines.llama import prompt_state
from ingle.engines.llama.options import LlamaOptions
from ingle.engines.llama.session import Backend, LlamaSession
from ingle.operations import DeviceInfo


class LlamaEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "llama"

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
        options = LlamaOptions.of(spec)
        if spec.role == "score":
            from ingle.engines.llama.scoring import ScoringSession

            return ScoringSession(spec, options)
        backend: Backend
        if options.server_binary:
            from ingle.engines.llama.server_binary import ServerBinaryBackend

            backend = ServerBinaryBackend(spec, options)
        else:
            from ingle.engines.llama.inprocess import InProcessBackend

            backend = InProcessBackend(spec, options)
        facts: dict[str, Any] = {"context": options.context, "slots": spec.slots}
        if not options.server_binary and prompt_state.possible(spec):
            facts["keeps_prompts"] = True
        return LlamaSession(spec, options.prefixes, backend, facts)
