"""Speculative decoding against plain decoding, in pairs, with a true model.

``python -m bench.speculation MODEL.gguf [--pairs N] [--tokens N] [--ngram N:M]``: for each task
(code that is edited, a document that is quoted, free text, a question) the same answers from two
servers of one process, in turn. A ratio is the median of the pairs' tokens/s, or of their CPU time
a token, which others on the same cores disturb less; above 1 is faster. Answers must be equal.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]


class Answer(NamedTuple):
    """What one answer took."""

    text: str
    wall_ms: float
    cpu_ms: float
    """Each for one token."""
    drafted: int
    accepted: int


def tasks() -> dict[str, str]:
    """Prompts by the kind of work."""
    code = (ROOT / "src/ingle/engines/llama/slots.py").read_text()
    page = (ROOT / "docs/adr/0011-guests-and-caches.md").read_text()
    return {
        "edit": f"Rename the class Slots to SlotTable and print the whole file.\n\n{code}",
        "quote": f"Quote this document word for word, all of it.\n\n{page}",
        "free": "Write a story about a lighthouse keeper who finds a bottle in the sea.",
        "question": "Why is the sky blue, and why are sunsets red? Explain in detail.",
    }


def server(model: str, speculation: str, sizes: str) -> Any:
    """The built-in engine as a worker has it."""
    import xllamacpp

    from ingle.engines.engine import LoadSpec
    from ingle.engines.llama.inprocess import parameters
    from ingle.engines.llama.options import LlamaOptions

    spec = LoadSpec(engine="llama", model=model, files={"weights": [model]})
    options = LlamaOptions(context=4096, speculation=speculation)  # type: ignore[arg-type]
    params = parameters(spec, options)
    if sizes and speculation:
        given = params.speculative.ngram_simple
        given.size_n, given.size_m = map(int, sizes.split(":"))
    params.hostnames = [str(Path(tempfile.mkdtemp()) / "llama.sock")]
    return xllamacpp.Server(params)


def answer(engine: Any, prompt: str, tokens: int) -> Answer:
    """One answer at temperature 0, its prompt in the cache."""
    texts: list[str] = []
    timings: dict[str, Any] = {}

    def on_chunk(data: bytes) -> bool:
        chunk = json.loads(data)
        texts.extend(choice["delta"].get("content") or "" for choice in chunk["choices"])
        timings.update(chunk.get("timings") or {})
        return False

    body = {
        "messages": [{"role": "user", "content": prompt}], "max_tokens": tokens,
        "temperature": 0.0, "stream": True, "cache_prompt": True,
    }  # fmt: skip
    began = time.process_time()
    engine.handle_chat_completions(json.dumps(body).encode(), on_chunk)
    used, count = time.process_time() - began, timings["predicted_n"]
    return Answer(
        "".join(texts),
        timings["predicted_ms"] / count,
        1000 * used / count,
        timings.get("draft_n", 0),
        timings.get("draft_n_accepted", 0),
    )


def main() -> None:
    """Print a line for each task."""
    asked = argparse.ArgumentParser()
    asked.add_argument("model")
    asked.add_argument("--pairs", type=int, default=5)
    asked.add_argument("--tokens", type=int, default=160)
    asked.add_argument("--ngram", default="", help="N:M in place of the settings")
    given = asked.parse_args()
    plain, ahead = (server(given.model, mode, given.ngram) for mode in ("", "ngram"))
    for name, prompt in tasks().items():
        for engine in (plain, ahead):
            answer(engine, prompt, 1)
        pairs = []
        for number in range(given.pairs):
            order = (plain, ahead) if number % 2 else (ahead, plain)
            found = {id(engine): answer(engine, prompt, given.tokens) for engine in order}
            pairs.append((found[id(plain)], found[id(ahead)]))
        wall = statistics.median(a.wall_ms / b.wall_ms for a, b in pairs)
        cpu = statistics.median(a.cpu_ms / b.cpu_ms for a, b in pairs)
        same = all(a.text == b.text for a, b in pairs)
        last = pairs[-1][1]
        print(
            f"{name:9} wall {wall:.2f}  CPU {cpu:.2f}  "
            f"accepted {last.accepted} of {last.drafted}  {'equal' if same else 'NOT EQUAL'}",
            flush=True,
        )
    os._exit(0)


if __name__ == "__main__":
    main()
