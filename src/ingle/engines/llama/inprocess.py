"""llama.cpp's server inside this worker process, through xllamacpp.

Its constructor holds the GIL until the model is loaded; its requests do not.
Generation, embeddings and reranking are called directly; tokenising, templates
and the like are only offered over HTTP, for which it listens on a private unix
socket (and so never opens its default TCP port).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import xllamacpp

from ingle.engines.engine import LoadSpec, cores
from ingle.engines.llama import placement_settings, prompt_state, speculation
from ingle.engines.llama.batch_size import BATCH, pooled
from ingle.engines.llama.http import UnixHTTP
from ingle.engines.llama.listed_devices import device_kind
from ingle.engines.llama.options import LlamaOptions
from ingle.errors import BadModelFile, EngineFault, ModelLoadFailed
from ingle.models.format import PROJECTOR


class InProcessBackend:
    """See `ingle.engines.llama.session.Backend`."""

    def __init__(self, spec: LoadSpec, options: LlamaOptions) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ingle-")  # mode 0700
        socket = Path(self._folder.name) / "llama.sock"
        params = parameters(spec, options)
        params.hostnames = [str(socket)]
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            self._folder.cleanup()
            with_template = " with the chat template that it was given" if options.template else ""
            raise ModelLoadFailed(
                f"llama.cpp could not load {spec.model}{with_template}",
                hint=f"ingle show {spec.model}",
                model=spec.model,
            ) from error
        self._http = UnixHTTP(socket)

    def stream(self, path: str, body: bytes, on_chunk: Any) -> None:
        if path == "/v1/chat/completions":
            self._server.handle_chat_completions(body, on_chunk)
        elif path == "/v1/completions":
            self._server.handle_completions(body, on_chunk)
        else:
            raise EngineFault(f"streaming is not supported at {path}")

    holds_grammars = True

    def ask(self, path: str, body: dict[str, Any] | None) -> Any:
        if path == "/v1/embeddings":
            return self._server.handle_embeddings(body)
        if path == "/v1/rerank":
            return self._server.handle_rerank(body)
        return self._http.ask(path, body)

    def close(self) -> None:
        self._folder.cleanup()


def parameters(spec: LoadSpec, options: LlamaOptions) -> xllamacpp.CommonParams:
    """The engine's settings for a spec."""
    if not spec.weights:
        raise BadModelFile(f"{spec.model} has no weight files", path="")
    threads = spec.threads or cores()
    params = xllamacpp.CommonParams()
    params.model.path = spec.weights[0]
    params.n_ctx = options.context * spec.slots
    params.n_parallel = spec.slots
    params.ctx_shift = False  # what does not fit is told; nothing is forgotten in silence
    params.n_batch = params.n_ubatch = BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.use_jinja = True
    params.prefill_assistant = False  # each request says whether its last message is continued
    if options.template:
        params.chat_template = options.template
    params.warmup = False
    params.verbosity = 1  # errors only; they are read from stderr
    names = [device["name"] for device in xllamacpp.get_device_info()]
    names = [name for name in names if device_kind(name) != "cpu"]
    params.fit_params = bool(names)
    placement_settings.set_parameters(params, options, names)
    # The RAM prompt cache hands KV entries computed under one adapter to
    # requests under another, and its size is outside our memory budget.
    params.cache_ram_mib = 0
    params.endpoint_slots = True
    if prompt_state.possible(spec):
        params.slot_save_path = prompt_state.FOLDER
    params.endpoint_props = True
    if projector := spec.files.get(PROJECTOR):
        params.mmproj.path = projector[0]
    if spec.adapters:
        params.lora_adapters = [
            xllamacpp.CommonAdapterLoraInfo(adapter.path, 0.0) for adapter in spec.adapters
        ]
    if spec.role != "generate":
        params.embedding = True
        params.n_batch = params.n_ubatch = pooled(options.context, spec.slots)
        # With a cache for each sequence, texts of different lengths are cut at the shortest, and
        # the mean of a longer one is taken of its last part alone.
        params.kv_unified = True
    speculation.parameters(params, spec, options)
    if spec.role == "rerank":
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
    return params
