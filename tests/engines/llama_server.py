"""Stands in for a ``llama-server``: llama.cpp's own HTTP server on a unix socket.

Takes the arguments that `ingle.engines.llama.server_binary` gives, and answers what is asked of a
program before it is started. A file ``stand_in.json`` beside it says how it differs (see
`tests.engines.stand_ins`). A model that is put on a device is computed on the CPU all the same; a
device that it does not have ends it, as does a model of which more layers are to be there than
``holds`` says.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> None:
    beside = Path(__file__).with_name("stand_in.json")
    differs: dict[str, Any] = json.loads(beside.read_text()) if beside.exists() else {}
    parser = flags()
    if "--version" in sys.argv:
        print(f"version: {differs.get('version', '9001 (abc1234)')}\nbuilt for tests", flush=True)
    elif "--help" in sys.argv:
        lacking = differs.get("lacks", [])
        lines = parser.format_help().splitlines()
        print("\n".join(line for line in lines if not any(flag in line for flag in lacking)))
    elif "--list-devices" in sys.argv:
        print("Available devices:")
        print("\n".join(f"  {device}" for device in differs.get("devices", ["(none)"])))
    else:
        given = parser.parse_args()
        check_devices(given, differs)
        if number := differs.get("dies_loading", 0):
            os.kill(os.getpid(), number)
        if factor := differs.get("norm_factor", ""):
            given.model = with_other_norms(Path(given.model), float(factor))
        serve(given)


def check_devices(given: argparse.Namespace, differs: dict[str, Any]) -> None:
    listed = [line.strip().partition(":")[0] for line in differs.get("devices", [])]
    for name in given.device.split(",") if given.device not in ("", "none") else []:
        if name not in listed:
            sys.exit(f'error while handling argument "--device": invalid device: {name}')
    if given.n_gpu_layers > differs.get("holds", given.n_gpu_layers):
        sys.exit(
            "0.00.100.000 E alloc_buffer: allocating 4096.00 MiB: cudaMalloc failed: out of memory"
        )


def flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "llama-server", usage="llama-server [options]", formatter_class=one_line_each
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--host", required=True)
    for name in ("--ctx-size", "--parallel", "--threads"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--cache-ram", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--ubatch-size", type=int, default=512)
    parser.add_argument("--kv-unified", action="store_true")
    parser.add_argument("--lora-scaled", action="append", default=[])
    parser.add_argument("--chat-template", default="")
    for name in ("--fit", "--device", "--split-mode", "--tensor-split", "--flash-attn"):
        parser.add_argument(name, default="")
    parser.add_argument("--n-gpu-layers", type=int, default=-1)
    parser.add_argument("--n-cpu-moe", type=int, default=0)
    parser.add_argument("--no-mmproj-offload", action="store_true")
    parser.add_argument("--log-verbosity", type=int, default=1)
    for name in ("--cache-type-k", "--cache-type-v"):
        parser.add_argument(name, default="f16")
    for name in (
        *("--jinja", "--no-webui", "--slots", "--props", "--no-warmup", "--embedding"),
        *(
            "--reranking",
            "--no-prefill-assistant",
            "--no-context-shift",
            "--list-devices",
            "--version",
        ),
    ):
        parser.add_argument(name, action="store_true")
    return parser


def one_line_each(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, width=200)


def with_other_norms(model: Path, factor: float) -> str:
    """A copy of a model as broken kernels would see it: its last norm is multiplied."""
    import numpy as np

    from ingle.models.gguf import read_header

    header = read_header(model)
    norm = next(tensor for tensor in header.tensors if tensor.name == "output_norm.weight")
    begin = header.data_offset + norm.offset
    data = bytearray(model.read_bytes())
    weights = np.frombuffer(data, np.float32, norm.elements, begin) * np.float32(factor)
    data[begin : begin + norm.size] = weights.astype(np.float32).tobytes()
    copy = Path(tempfile.mkdtemp()) / "model.gguf"
    copy.write_bytes(data)
    return str(copy)


def serve(given: argparse.Namespace) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = given.model
    params.hostnames = [given.host]
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
    params.lora_adapters = [
        xllamacpp.CommonAdapterLoraInfo(path, float(scale))
        for path, _, scale in (lora.rpartition(":") for lora in given.lora_scaled)
    ]
    if given.chat_template:
        params.chat_template = given.chat_template
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
