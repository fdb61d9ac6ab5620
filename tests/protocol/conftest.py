"""Raw ends of connections, and a made-up capability that is installed while a test runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from ingle.operations import registry

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module ``made_up``, found by its entry points here and in every worker."""
    packages = installed(tmp_path)
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.syspath_prepend(str(PLUGIN))
    forget()
    yield importlib.import_module("made_up")
    sys.modules.pop("made_up", None)
    monkeypatch.undo()
    forget()


def installed(folder: Path) -> Path:
    """A folder that says what ``made_up`` is; it and `PLUGIN` have to be on the path."""
    packages = folder / "packages"
    described = packages / "made_up-1.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(
        "[ingle.capabilities]\nmade_up = made_up:CAPABILITY\n"
        "[ingle.engines]\nlistener = made_up:LISTENER\n"
    )
    return packages


def forget() -> None:
    """The set of capabilities has changed."""
    registry.forget()
