"""As a program: load a model with the engine's settings, work it hard, and tell the peak memory.

Arguments: path, tokens per slot, slots, micro-batch, and ``embed`` for vectors.
Prints two numbers of bytes: after the engine's import, and the peak.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path


def peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def main() -> None:
    os.environ["OMP_WAIT_POLICY"] = "passive"
    import xllamacpp

    path, context, slots, ubatch = sys.argv[1], *map(int, sys.argv[2:5])
    embed = sys.argv[5:] == ["embed"]
    before = peak()
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx, params.n_parallel = context * slots, slots
    params.n_batch = params.n_ubatch = ubatch
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.warmup = params.fit_params = False
    params.cache_ram_mib = 0
    params.verbosity = 0
    params.embedding = embed
    server = xllamacpp.Server(params)
    # Two micro-batches touch all that a longer prompt would (but for the mask, which is small).
    tokens = [number % 250 for number in range(min(context - 16, 2 * ubatch))]

    def work(slot: int) -> None:
        prompt = [slot, *tokens]
        if embed:
            server.handle_embeddings({"input": [prompt]})
        else:
            server.handle_completions({"prompt": prompt, "n_predict": 4, "temperature": 0})

    threads = [threading.Thread(target=work, args=(slot,)) for slot in range(slots)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(before, peak(), flush=True)
    os._exit(0)


main()
