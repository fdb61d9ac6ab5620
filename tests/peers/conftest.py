"""A street of simulated devices, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ingle.testing import virtual_time
from tests.peers.devices import Street

Story = Callable[[Street], Awaitable[None]]


@pytest.fixture
def tell(tmp_path: Path) -> Callable[[Story], None]:
    """Run a story on a street of its own."""

    def run(story: Story) -> None:
        async def whole() -> None:
            street = Street(tmp_path)
            try:
                await story(street)
            finally:
                await street.close()

        virtual_time.run(whole())

    return run
