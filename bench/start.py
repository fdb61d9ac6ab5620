"""What starting costs: the command line, the import, the node, the install."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from importlib.metadata import distribution
from pathlib import Path

from bench.faces import background
from bench.speed import Figure
from ingle.capabilities.node.operation import NodeStatus, StatusReport
from ingle.config import Settings
from ingle.node.node import ask

REPEAT = 5
MIB = 2**20


async def start(folder: Path) -> list[Figure]:
    """All figures."""
    help_ms = 1000 * _cpu([sys.executable, "-m", "ingle.cli.main", "--help"])
    import_ms = 1000 * _cpu([sys.executable, "-c", "import ingle"])
    ready, rss = [], []
    for number in range(3):
        settings = Settings(
            state_dir=str(folder / f"start{number}"), models_dir=str(folder / "empty")
        )
        began = time.perf_counter()
        async with background(settings) as node:
            ready.append(time.perf_counter() - began)
            await asyncio.sleep(0.5)
            rss.append((await ask(node, NodeStatus(), StatusReport)).rss / MIB)
    header_ms = 1000 * _header(folder / "vocabulary.gguf")
    install = sum(_size(name) for name in _closure("ingle")) / MIB
    return [
        Figure("ingle --help, CPU ms", help_ms, "< 200", help_ms < 200),
        Figure("import ingle, CPU ms", import_ms, "< 60", import_ms < 60),
        Figure("node ready, s", min(ready), "< 1", min(ready) < 1),
        Figure("idle node, MiB resident", max(rss), "< 114 (120 MB)", max(rss) < 114),
        Figure("header of 151,936 tokens, CPU ms", header_ms, "< 250", header_ms < 250),
        Figure("core install, MiB", install, "<= 330", install <= 330),
    ]


def _cpu(command: list[str]) -> float:
    """Seconds of CPU, the least of some runs."""
    best = float("inf")
    for _ in range(REPEAT):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def _header(path: Path) -> float:
    """Seconds of CPU for the facts of a model with a large vocabulary, the least of some runs."""
    import gguf

    from ingle.models.facts import facts_of

    words = [f"token{number}" for number in range(151_936)]
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_token_list(words)
    writer.add_token_merges(words)
    writer.add_token_types([1] * len(words))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    best = float("inf")
    for _ in range(REPEAT):
        began = time.process_time()
        facts = facts_of([path])
        best = min(best, time.process_time() - began)
    assert facts.vocabulary == len(words)
    return best


def _closure(name: str) -> set[str]:
    """A distribution and all it needs, without extras."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    todo = [name]
    while todo:
        current = todo.pop().lower()
        if current in found:
            continue
        found.add(current)
        for text in distribution(current).requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return found


def _size(name: str) -> int:
    if name == "ingle":  # installed in place here; a wheel holds the same files
        root = Path(__file__).parent.parent / "src"
        return sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
    files = distribution(name).files or []
    paths = (Path(os.fspath(file.locate())) for file in files)
    return sum(path.stat().st_size for path in paths if path.is_file())
