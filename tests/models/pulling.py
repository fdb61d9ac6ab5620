"""What the tests of pulls share. As a program, it pulls until it is done or killed."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path
from typing import Any

from ingle.capabilities.store.operation import ModelSummary, Pull, Pulled
from ingle.models.pull import pull
from ingle.models.store import Store
from ingle.models.transfer import TransferSettings
from ingle.operations import Progress

MIB = 1 << 20
IMPATIENT = TransferSettings(
    segment=256 << 10, stall_s=1.0, retries=3, backoff_s=0.01, journal_s=0.02
)


def pulled(
    store: Store, op: Pull, settings: TransferSettings = IMPATIENT, **how: Any
) -> ModelSummary:
    """Pull to the end."""
    return asyncio.run(_pulled(store, op, settings, **how))[0]


def progress_of(store: Store, op: Pull) -> list[Progress]:
    """Pull to the end; all that was told on the way."""
    return asyncio.run(_pulled(store, op, IMPATIENT))[1]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def assert_whole(store: Store, name: str, data: bytes) -> None:
    model = store.resolve(name)
    assert model.digest == f"sha256:{sha256(data)}"
    assert model.path.read_bytes() == data
    assert list(store.blobs.partial.iterdir()) == []
    with store.index.read() as rows:
        assert rows.pins() == {}


async def _pulled(
    store: Store, op: Pull, settings: TransferSettings, **how: Any
) -> tuple[ModelSummary, list[Progress]]:
    told = []
    async for event in pull(store, op, settings, **how):
        if isinstance(event, Pulled):
            return event.model, told
        told.append(event)
    raise AssertionError("the pull ended without an answer")


if __name__ == "__main__":
    root, url, name = sys.argv[1:]
    print(pulled(Store(Path(root)), Pull(model=name, source=url)).digest)
