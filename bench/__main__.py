"""``python -m bench [GROUP ...]``: measure the groups, or all, and say what holds."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from bench.peers import peers
from bench.promptness import promptness
from bench.speed import Figure, Size, speed
from bench.start import start
from bench.strangers import strangers
from bench.swarm import swarm
from bench.weights import write
from ingle.models.embedded import embedded_files

GROUPS = ("start", "promptness", "ember", "large", "peers", "swarm", "strangers")
SMALL = Size(decode=200, prefill=512, pairs=7, least=0.92)
LARGE = Size(decode=48, prefill=256, pairs=5, least=0.97)


async def measure(wanted: list[str]) -> list[Figure]:
    """The figures of the wanted groups."""
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="ingle-bench-") as name:
        folder = Path(name)
        if "start" in wanted:
            found += await start(folder)
        if "promptness" in wanted:
            found += await promptness(folder)
        if "ember" in wanted:
            found += await speed(
                embedded_files()["ember"].resolve(), "ember", SMALL, folder / "ember"
            )
        if "large" in wanted:
            path = write(Path(tempfile.gettempdir()) / "ingle-bench-0.6b-q8_0.gguf")
            found += await speed(path, "0.6B", LARGE, folder / "large")
        if "peers" in wanted:
            ember = embedded_files()["ember"].resolve()
            found += await peers(ember, "ember", folder / "peers", 200, 7, 0.92)
            path = write(Path(tempfile.gettempdir()) / "ingle-bench-0.6b-q8_0.gguf")
            found += await peers(path, "0.6B", folder / "peers-large", 48, 5, 0.98)
        if "swarm" in wanted:
            found += await swarm(folder)
        if "strangers" in wanted:
            found += await strangers(folder)
    return found


def main() -> None:
    """Print a table, or JSON with ``--json``; exit status 1 if something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").strip())
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of: {', '.join(GROUPS)}")
    parser.add_argument("--json", action="store_true", help="as JSON")
    given = parser.parse_args()
    wanted: list[str] = given.groups
    if unknown := set(wanted) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    figures = asyncio.run(measure(wanted or list(GROUPS)))
    if given.json:
        print(json.dumps([figure._asdict() for figure in figures], indent=1))
    else:
        print(time.strftime("%Y-%m-%d"), "python -m bench", *wanted)
        for figure in figures:
            mark = "ok  " if figure.holds else "MISS"
            print(f"{mark} {figure.name:45} {figure.value:8.3f}  {figure.hold:16} {figure.note}")
    sys.exit(0 if all(figure.holds for figure in figures) else 1)


if __name__ == "__main__":
    main()
