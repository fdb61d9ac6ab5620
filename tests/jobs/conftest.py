"""A plug-in with jobs of its own, installed for one test."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ingle.client.home import AsyncHome, open_async
from ingle.config import Settings
from ingle.operations import registry

PLUGIN = Path(__file__).parent / "plugin"
ENTRY_POINTS = "[ingle.capabilities]\ncount = ingle_count:CAPABILITY\nnap = ingle_count:NAPS\n"


def install(folder: Path, entry_points: str = ENTRY_POINTS) -> Path:
    """As pip does: what tells of the plug-in, in a folder for the path."""
    told = folder / "ingle_count-1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: ingle-count\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(entry_points)
    return folder


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The plug-in can be found, here and by processes that get our environment."""
    folder = install(tmp_path / "installed")
    for path in (folder, PLUGIN):
        monkeypatch.syspath_prepend(str(path))
    monkeypatch.setenv("PYTHONPATH", ":".join(path for path in sys.path if path))
    _look_again()
    yield folder
    monkeypatch.undo()
    _look_again()


def _look_again() -> None:
    registry.forget()


@pytest.fixture
async def home(settings: Settings, counting: Path) -> AsyncIterator[AsyncHome]:
    async with open_async(settings) as opened:
        yield opened
