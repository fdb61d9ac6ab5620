from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingle.models import Store
from ingle.models import embedded as embedded_module
from tests.disks import mounted

from .hub import FileServer, Hub, ModelScopeServer
from .weights import Shape, write_model


@pytest.fixture(autouse=True)
def embedded(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for the package's own models, so that these tests do not hang on their training."""
    folder = tmp_path_factory.mktemp("embedded")
    monkeypatch.setattr(embedded_module, "FOLDER", folder)
    return folder


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("weights") / "tiny.gguf")


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model of some megabytes."""
    path = tmp_path_factory.mktemp("large") / "large.gguf"
    data = write_model(path, Shape(layers=4, embedding=256, feed_forward=768)).read_bytes()
    assert 5 << 20 < len(data) < 12 << 20
    return data


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "32m") as folder:
        yield folder


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        yield running


@pytest.fixture
def modelscope(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelScopeServer]:
    with ModelScopeServer() as running:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.url)
        assert isinstance(running, ModelScopeServer)
        yield running


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with FileServer("localhost") as cdn, Hub(cdn) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        assert isinstance(running, Hub)
        yield running
