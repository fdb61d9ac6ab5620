"""Two machines on a network without a route out find each other for a file, by multicast alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.lan import Lan, possible

from .conftest import Whole

pytestmark = pytest.mark.skipif(not possible(), reason="network namespaces cannot be made here")

SHARE = """
import asyncio, sys
from pathlib import Path
from ingle.capabilities.share.operation import Audience, ShareModel
from ingle.config import Settings
from ingle.models import Store
from ingle.peers.swarm import Sharing

async def main(root, file):
    store = Store(root / "models")
    store.add_path(file, "m")
    sharing = Sharing(store, Settings(), root)
    async for _ in sharing.perform(ShareModel(model="m", audience=Audience(sys.argv[3]))):
        pass
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
"""

GET = """
import asyncio, sys
from pathlib import Path
from ingle.capabilities.share.operation import Audience
from ingle.config import Settings
from ingle.models import Store
from ingle.operations import Progress
from ingle.peers.swarm import Sharing
from tests.peers.swarm.pulling import IMPATIENT
from tests.peers.swarm.serving import Source

async def main(root, torrent, digest):
    sharing = Sharing(Store(root / "models"), Settings(), root, IMPATIENT)
    describing = Source("describing", b"", torrent.read_bytes(), dies_after=0)
    async for event in sharing.pull("m", digest, 0, [describing], audience=Audience.LAN):
        if isinstance(event, Progress):
            print(event.stage, event.source, flush=True)
    await sharing.close()

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
"""


@pytest.fixture
def lan() -> Iterator[Lan]:
    lan = Lan()
    yield lan
    lan.close()


def start(space: str, program: str, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["ip", "netns", "exec", space, sys.executable, "-c", program, *map(str, words)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("audience", ["lan", "peers"])
def test_what_is_for_the_lan_is_found_there_and_nothing_else(
    lan: Lan, model: Whole, tmp_path: Path, audience: str
) -> None:
    desk, laptop = lan.host(tmp_path, "desk"), lan.host(tmp_path, "laptop")
    torrent = tmp_path / "torrent"
    torrent.write_bytes(model.torrent)
    with start(desk.space, SHARE, desk.home, model.path, audience) as sharing:
        try:
            assert sharing.stdout is not None
            assert sharing.stdout.readline() == "ready\n"
            getting = start(laptop.space, GET, laptop.home, torrent, model.digest)
            out, _ = getting.communicate(timeout=40)
        finally:
            sharing.kill()
    blob = laptop.home / "models" / "blobs" / f"sha256-{model.digest[7:]}"
    assert blob.exists() == (audience == "lan"), out
    if audience == "lan":
        assert blob.read_bytes() == model.data
        assert re.search(r"done", out)
