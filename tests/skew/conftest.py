"""Versions side by side, and homes in which they meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.place import Place
from tests.skew.trees import Program, Trees

Meet = Callable[..., Place]
"""The command line of a version in this test's home; of others with ``home``."""


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Trees:
    return Trees(tmp_path_factory.mktemp("trees"))


@pytest.fixture
def at(trees: Trees, tmp_path: Path) -> Iterator[Meet]:
    places: list[tuple[str, Place]] = []

    def place(version: str, home: str = "home", *plugins: Path, **variables: str) -> Place:
        made = trees.place(tmp_path / home, version, *plugins, **variables)
        places.append((version, made))
        return made

    yield place
    # The newest first: an older one may not end a node of a newer one.
    for _, each in sorted(places, key=lambda found: found[0], reverse=True):
        each.close()


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    """Programs with a long answer under way."""
    programs: list[Program] = []

    def start(place: Place, on: str = "") -> Program:
        programs.append(Program(place, on))
        return programs[-1]

    yield start
    for each in programs:
        each.close()
