"""Servers in threads, before scripted nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .running import Running, running


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as found:
        yield found


@pytest.fixture
def fresh() -> Iterator[Running]:
    with running() as found:
        yield found
