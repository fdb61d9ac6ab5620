"""A street of simulated devices, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ingle.testing import virtual_time
from tests.peers.devices import Street

Story = Callable[[Street], Awaitable[None]]


def told(folder: Path, story: Story) -> None:
    """Run a story on a street of its own."""

    async def whole() -> None:
        street = Street(folder)
        try:
            await story(street)
        finally:
            await street.close()

    virtual_time.run(whole())


@pytest.fixture
def tell(tmp_path: Path) -> Callable[[Story], None]:
    """`told`, in a folder of this test."""
    return lambda story: told(tmp_path, story)
