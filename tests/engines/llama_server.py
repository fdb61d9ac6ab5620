"""Stands in for a ``llama-server`` of the user's: llama.cpp's own HTTP server on a unix socket.

Takes the arguments that `ingle.engines.llama.server_binary` gives. The devices that it lists are
the lines of a file ``devices`` beside it; a model that is put on one is computed on the CPU all the
same. One that is not among them ends it, as does a model of which more layers are to be there than
a file ``holds`` beside it says.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path


def devices() -> str:
    listed = Path(sys.argv[0]).with_name("devices")
    return listed.read_text() if listed.exists() else ""


def check(wanted: str, layers: int) -> None:
    for name in wanted.split(",") if wanted not in ("", "none") else []:
        if f"  {name}: " not in devices():
            sys.exit(f'error while handling argument "--device": invalid device: {name}')
    holds = Path(sys.argv[0]).with_name("holds")
    if holds.exists() and layers > int(holds.read_text()):
        sys.exit("0.00.100.000 E alloc_buffer: allocating 4096.00 MiB: cudaMalloc failed: "
                 "out of memory")  # fmt: skip


def main() -> None:
    if sys.argv[1:] == ["--list-devices"]:
        print("Available devices:")
        print(devices() or "  (none)")
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--host", required=True)
    for name in ("--ctx-size", "--parallel", "--threads", "--cache-ram"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--ubatch-size", type=int, default=512)
    parser.add_argument("--kv-unified", action="store_true")
    for name in ("--jinja", "--no-webui", "--slots", "--props", "--no-warmup", "--embedding",
                 "--no-prefill-assistant"):  # fmt: skip
        parser.add_argument(name, action="store_true")
    for name in ("--fit", "--device", "--split-mode", "--tensor-split", "--flash-attn"):
        parser.add_argument(name, default="")
    parser.add_argument("--n-gpu-layers", type=int, default=-1)
    parser.add_argument("--n-cpu-moe", type=int, default=0)
    parser.add_argument("--no-mmproj-offload", action="store_true")
    parser.add_argument("--log-verbosity", type=int, default=1)
    for name in ("--cache-type-k", "--cache-type-v"):
        parser.add_argument(name, default="f16")
    given = parser.parse_args()
    check(given.device, given.n_gpu_layers)

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = given.model
    params.hostnames = [given.host]
    if "LLAMA_API_KEY" in os.environ:
        params.api_keys = [os.environ["LLAMA_API_KEY"]]
    params.n_ctx = given.ctx_size
    params.n_parallel = given.parallel
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given.threads
    params.cache_ram_mib = given.cache_ram
    params.use_jinja = given.jinja
    params.prefill_assistant = not given.no_prefill_assistant
    params.endpoint_slots = given.slots
    params.endpoint_props = given.props
    params.embedding = given.embedding
    params.n_batch = params.n_ubatch = given.ubatch_size
    params.kv_unified = given.kv_unified
    params.warmup = False
    params.fit_params = False
    params.verbosity = given.log_verbosity
    params.cache_type_k = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{given.cache_type_k.upper()}")
    params.cache_type_v = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{given.cache_type_v.upper()}")
    server = xllamacpp.Server(params)
    signal.sigwait({signal.SIGTERM})
    del server
    sys.exit(0)


if __name__ == "__main__":
    main()
