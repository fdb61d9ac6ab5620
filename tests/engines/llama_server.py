"""Stands in for a ``llama-server`` of the user's: llama.cpp's own HTTP server on a unix socket.

Takes the arguments that `ingle.engines.llama.server_binary` gives.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--host", required=True)
    for name in ("--ctx-size", "--parallel", "--threads", "--cache-ram"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--ubatch-size", type=int, default=512)
    parser.add_argument("--kv-unified", action="store_true")
    for name in ("--jinja", "--no-webui", "--slots", "--props", "--no-warmup", "--embedding",
                 "--no-prefill-assistant", "--no-context-shift"):  # fmt: skip
        parser.add_argument(name, action="store_true")
    given = parser.parse_args()

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
    params.warmup = False
    params.fit_params = False
    params.verbosity = 1
    server = xllamacpp.Server(params)
    signal.sigwait({signal.SIGTERM})
    del server
    sys.exit(0)


if __name__ == "__main__":
    main()
