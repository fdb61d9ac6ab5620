"""The llama engine's entry: version, devices, opening a model."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any, ClassVar

import msgspec

from ingle.engines.engine import LoadSpec, Session
from ingle.engines.llama import prompt_state, server_program
from ingle.engines.llama.listed_devices import device_kind
from ingle.engines.llama.options import LlamaOptions
from ingle.engines.llama.session import Backend, LlamaSession
from ingle.errors import EngineMissing
from ingle.operations import DeviceInfo


class LlamaEngine:
    """See `ingle.engines.engine.Engine`. Of one build: the built-in one until another is chosen."""

    name: ClassVar[str] = "llama"

    def __init__(self) -> None:
        self._binary = ""
        self._version = ""

    def choose_build(self, options: dict[str, Any]) -> None:
        """Be the build that the options name (``server_binary``, ``packages``).

        Called before anything else is: a process has one build of xllamacpp.
        """
        chosen = msgspec.convert(options, LlamaOptions)
        self._binary = chosen.server_binary
        if chosen.packages and chosen.packages not in sys.path:
            sys.path.insert(0, chosen.packages)

    def lacking(self) -> list[str]:
        return server_program.program(self._binary).lacking if self._binary else []

    def version(self) -> str:
        if self._binary:
            self._version = self._version or server_program.program(self._binary).version
            return self._version
        return version("xllamacpp")

    def devices(self) -> list[DeviceInfo]:
        if self._binary:
            return server_program.devices(self._binary)
        try:
            import xllamacpp
        except ImportError as error:
            raise EngineMissing(
                f"xllamacpp cannot be imported: {error}", hint="pip install --upgrade ingle"
            ) from error
        return [
            DeviceInfo(
                name=device["name"],
                kind=device_kind(device["name"]),
                description=device["description"],
                memory_total=device["memory_total"],
                memory_free=device["memory_free"],
                engine=self.name,
                integrated=device["type"].name.endswith("_IGPU"),
                pci=device["device_id"],
            )
            for device in xllamacpp.get_device_info()
        ]

    def open(self, spec: LoadSpec) -> Session:
        options = LlamaOptions.of(spec)
        self.choose_build(spec.options)
        if spec.role == "score":
            from ingle.engines.llama.scoring import ScoringSession

            return ScoringSession(spec, options)
        backend: Backend
        if options.server_binary:
            from ingle.engines.llama.server_binary import ServerBinaryBackend

            backend = server = ServerBinaryBackend(spec, options)
            self._version = server.program.version
        else:
            from ingle.engines.llama.inprocess import InProcessBackend

            backend = InProcessBackend(spec, options)
        facts: dict[str, Any] = {"context": options.context, "slots": spec.slots}
        if not options.server_binary and prompt_state.possible(spec):
            facts["keeps_prompts"] = True
        return LlamaSession(spec, options.prefixes, backend, facts)
