"""What every test may use: settings in a folder of its own, and the embedded models."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ingle.config import Settings
from ingle.engines.engine import LoadSpec
from ingle.models.embedded import embedded_files

# A shell has its background jobs ignore it, and what they start, too: none could press Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's own settings, models or state."""
    monkeypatch.setenv("INGLE_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("INGLE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("INGLE_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("INGLE_IDLE_EXIT", "60s")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        state_dir=str(tmp_path / "state"), models_dir=str(tmp_path / "models"), context=1024
    )


@pytest.fixture(scope="session")
def ember() -> Path:
    return embedded_files()["ember"].resolve()


@pytest.fixture(scope="session")
def ember_embed() -> Path:
    return embedded_files()["ember-embed"].resolve()


@pytest.fixture
def ember_spec(ember: Path) -> LoadSpec:
    return LoadSpec(engine="llama", model="ember", files=[str(ember)], context=1024, slots=2)
