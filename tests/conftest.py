"""What every test may use: settings in a folder of its own, and the embedded models."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from ingle.config import Settings
from ingle.engines.engine import LoadSpec
from ingle.models.embedded import embedded_files

# A shell has its background jobs ignore it, and what they start, too: none could press Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The echo engine as a package that is installed, here and in every process that tests start.
PLUG_INS = Path(__file__).parent / "plugins"
sys.path.insert(0, str(PLUG_INS / "echo"))
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(PLUG_INS / "echo"), *filter(None, [os.environ.get("PYTHONPATH")])]
)


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The words format and its engine, installed as plug-ins. Gives their package's folder."""
    folder = PLUG_INS / "words"
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return folder


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
    return LoadSpec(
        engine="llama",
        model="ember",
        files={"weights": [str(ember)]},
        slots=2,
        options={"context": 1024},
    )
