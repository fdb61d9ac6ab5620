"""Kill nodes at any moment and count what they leave: ``python -m tests.node.kills``."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.waiting import slow

_NODE = """
import asyncio, sys
from pathlib import Path
from ingle.capabilities.tokenize.operation import Tokenize, Tokenized
from ingle.config import Settings
from ingle.engines import sandbox
from ingle.models import Store
from ingle.node.local_node import LocalNode
from ingle.node.node import ask

level, place = sys.argv[1], Path(sys.argv[2])
sandbox.level = lambda: level
print("begins", flush=True)

async def run():
    settings = Settings(state_dir=str(place / "state"), models_dir=str(place / "models"))
    node = await LocalNode.open(settings)
    adding = asyncio.create_task(
        asyncio.to_thread(node.store.add_path, Path(sys.argv[3]), "big", link=False)
    )
    while True:
        await ask(node, Tokenize(model="ember", text="a"), Tokenized)
        await node.scheduler.unload(node.scheduler.keys_of(), force=False)

asyncio.run(run())
"""
_LAST = """
import asyncio, sys
from pathlib import Path
from ingle.config import Settings
from ingle.node.local_node import LocalNode

async def run():
    place = Path(sys.argv[1])
    settings = Settings(state_dir=str(place / "state"), models_dir=str(place / "models"))
    node = await LocalNode.open(settings)
    await node.aclose()

asyncio.run(run())
"""
LONGEST_S = 1.5
"""After so long a node has loaded its model, as a rule."""


@contextlib.contextmanager
def short_place() -> Iterator[Path]:
    """A folder whose path leaves room for the addresses of sockets."""
    place = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    try:
        yield place
    finally:
        shutil.rmtree(place)


def left_after(kills: int, seed: int, level: str, large: Path, place: Path) -> list[Path]:
    """What is left of this many killed nodes once another one has started and ended."""
    seeded = random.Random(seed)
    for _ in range(kills):
        command = [sys.executable, "-c", _NODE, level, str(place), str(large)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as node:
            assert node.stdout is not None
            assert node.stdout.readline() == b"begins\n"
            slow(seeded.uniform(0, LONGEST_S))
            os.kill(node.pid, signal.SIGKILL)
    subprocess.run([sys.executable, "-c", _LAST, str(place)], check=True)
    folders = [place / "state" / "tmp", place / "state" / "inbox"]
    left = [path for folder in folders if folder.exists() for path in folder.iterdir()]
    partial = place / "models" / "partial"
    return left + [path for path in partial.iterdir() if not path.name.startswith("copy-")]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=16)
    parser.add_argument("--level", default="landlock")
    asked = parser.parse_args()
    with short_place() as place:
        large = place / "large.gguf"
        shutil.copy(_ember(), large)
        left = left_after(asked.kills, asked.seed, asked.level, large, place)
        print(f"{asked.kills} kills, level {asked.level}: {len(left)} left {left}")
    sys.exit(bool(left))


def _ember() -> Path:
    from ingle.models.embedded import embedded_files

    return embedded_files()["ember"].resolve()


if __name__ == "__main__":
    main()
