"""Pulls for tests. As a program, it pulls from a source on disk until it is done or killed."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from ingle.capabilities.store.operation import Pulled
from ingle.config import Settings
from ingle.errors import DiskFull
from ingle.models import Store
from ingle.operations import Event, Progress
from ingle.peers.swarm import Sharing
from ingle.peers.swarm.download import DownloadLimits
from ingle.peers.swarm.webseed import RetryLimits

from .serving import Source, digest_of

IMPATIENT = DownloadLimits(
    metainfo_s=5.0,
    others_s=0.5,
    stall_s=6.0,
    save_s=0.1,
    patience=RetryLimits(stall_s=3.0, failures=2, backoff_s=0.05, first_request_s=0.5),
)


async def pulled(
    sharing: Sharing, digest: str, size: int, *sources: Source, **more: object
) -> list[Event]:
    """Pull to the end; all that was told."""
    return [e async for e in sharing.pull("m", digest, size, sources, **more)]  # type: ignore[arg-type]


async def _main(root: Path, file: Path, torrent: Path, rate: float, most: int) -> None:
    data = file.read_bytes()
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    source = Source("desk", data, torrent.read_bytes(), rate=rate)
    (root / "state").mkdir(parents=True, exist_ok=True)
    sharing = Sharing(Store(root / "models"), Settings(), root / "state", IMPATIENT)
    first = True
    async for event in sharing.pull("m", digest_of(data), len(data), [source]):
        if isinstance(event, Progress) and event.stage == "downloading":
            if first:
                print(f"start {event.completed}")
                first = False
            print(f"at {event.completed} {source.sent}", flush=True)
        elif isinstance(event, Pulled):
            print(f"done {source.sent}", flush=True)
    await sharing.close()


if __name__ == "__main__":
    root, file, torrent, rate, most = sys.argv[1:]
    try:
        asyncio.run(_main(Path(root), Path(file), Path(torrent), float(rate), int(most)))
    except DiskFull as error:
        print(f"full {error.message}")
