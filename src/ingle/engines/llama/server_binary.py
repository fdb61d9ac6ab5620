"""A ``llama-server`` in the place of the built-in engine.

A native build prefills faster than the portable wheel, and GPU builds often
come this way. It is a child of the worker, inside the same sandbox, listens on
a unix socket in a private directory and wants a key that only we know.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingle.engines import death
from ingle.engines.engine import LoadSpec, cores
from ingle.engines.llama import placement_settings, server_program, speculation
from ingle.engines.llama.batch_size import pooled
from ingle.engines.llama.http import UnixHTTP
from ingle.engines.llama.options import LlamaOptions
from ingle.engines.llama.server_program import BY_ROLE, REQUIRED, ServerProgram
from ingle.errors import EngineFault, ModelLoadFailed
from ingle.models.format import PROJECTOR

_WITHOUT_GRAMMARS = (b"-DLLAMA_LLGUIDANCE=ON", b"llguidance is not enabled")
"""In what a build without LLGuidance says when it is given its grammar, and in no other."""
READY_POLL_S = 0.02
DEATH_S = 0.5
"""How long a broken connection may be the first sign of a death."""


class ServerBinaryBackend:
    """See `ingle.engines.llama.session.Backend`."""

    def __init__(self, spec: LoadSpec, options: LlamaOptions) -> None:
        self._binary = options.server_binary
        self.program = server_program.program(self._binary)
        command = arguments(spec, options, self.program)
        self._folder = tempfile.TemporaryDirectory(prefix="ingle-")
        socket = Path(self._folder.name) / "llama.sock"
        key = secrets.token_urlsafe(24)
        self._process = subprocess.Popen(
            [*command, "--host", str(socket)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "LLAMA_API_KEY": key},
        )
        self._closing = False
        self._await_socket(spec, socket)
        self._http = UnixHTTP(socket, key)
        self._await_ready(spec)
        threading.Thread(target=self._end_with_it, name="llama-server", daemon=True).start()

    def stream(self, path: str, body: bytes, on_chunk: Any) -> None:
        with self._ending_with_it():
            self._http.stream(path, body, on_chunk)

    @functools.cached_property
    def holds_grammars(self) -> bool:
        """Older ones without them end themselves when they are given one."""
        folder = Path(self._binary).resolve().parent
        parts = [Path(self._binary), *folder.glob("lib*.so*"), *folder.glob("*.dylib")]
        content = (part.read_bytes() for part in parts if part.is_file())
        return not any(mark in data for data in content for mark in _WITHOUT_GRAMMARS)

    def ask(self, path: str, body: dict[str, Any] | None) -> Any:
        with self._ending_with_it():
            return self._http.ask(path, body)

    def close(self) -> None:
        self._closing = True
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    @contextlib.contextmanager
    def _ending_with_it(self) -> Iterator[None]:
        """A request that breaks off since the server died ends the worker before its answer."""
        try:
            yield
        except (EngineFault, OSError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(DEATH_S)
                self._leave()
            raise

    def _end_with_it(self) -> None:
        """A worker without its server is of no use: the node starts both again."""
        self._process.wait()
        if not self._closing:
            self._leave()

    def _leave(self) -> None:
        how = death.how(self._process.returncode)
        sys.stderr.write(f"error: llama-server ended ({how})\n")
        sys.stderr.flush()
        os._exit(1)

    def _await_socket(self, spec: LoadSpec, socket: Path) -> None:
        while not socket.exists():
            self._check_loading(spec)
            time.sleep(READY_POLL_S)

    def _await_ready(self, spec: LoadSpec) -> None:
        while True:
            try:
                if self._http.ask("/health", None).get("status") == "ok":
                    return
            except (OSError, EngineFault):  # the socket is there before the server listens
                pass
            self._check_loading(spec)
            time.sleep(READY_POLL_S)

    def _check_loading(self, spec: LoadSpec) -> None:
        if self._process.poll() is not None:
            raise ModelLoadFailed(
                f"llama-server ended while loading {spec.model} "
                f"({death.how(self._process.returncode)})",
                hint="ingle logs --workers, or: ingle engine use llama",
                model=spec.model,
            )


def arguments(spec: LoadSpec, options: LlamaOptions, program: ServerProgram) -> list[str]:
    """llama-server's command line for a spec, without where it listens.

    Raises:
        EngineMissing: it lacks a flag that the spec needs.
    """
    program.require([*REQUIRED, *BY_ROLE.get(spec.role, ())])
    threads = spec.threads or cores()
    command = [program.path, "--model", spec.weights[0]]
    command += ["--ctx-size", str(options.context * spec.slots), "--parallel", str(spec.slots)]
    command += ["--threads", str(threads), "--jinja", "--no-prefill-assistant"]
    for optional in (("--cache-ram", "0"), ("--no-webui",), ("--slots",), ("--props",)):
        command += program.optional(*optional)
    command += program.optional("--no-warmup")
    command += program.optional("--no-context-shift")
    placed = placement_settings.arguments(options)
    program.require([word for word in placed if word.startswith("--")])
    command += placed
    if options.template:
        program.require(["--chat-template"])
        command += ["--chat-template", options.template]
    if projector := spec.files.get(PROJECTOR):
        program.require(["--mmproj"])
        command += ["--mmproj", projector[0]]
    if spec.adapters:
        program.require(["--lora-scaled"])
    for adapter in spec.adapters:
        command += ["--lora-scaled", f"{adapter.path}:0.0"]
    guessed = speculation.arguments(spec, options)
    program.require([word for word in guessed if word.startswith("--")])
    command += guessed
    if spec.role in ("embed", "rerank"):
        # A text is pooled right only if it is in one physical batch, whatever is beside it.
        size = str(pooled(options.context, spec.slots))
        command += ["--embedding" if spec.role == "embed" else "--reranking", "--kv-unified"]
        command += ["--batch-size", size, "--ubatch-size", size]
    return command
