"""One background node for each module of command-line tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .place import Place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place whose node starts with the first command and is stopped in the end."""
    place = Place(tmp_path_factory.mktemp("home"))
    yield place
    place.close()
