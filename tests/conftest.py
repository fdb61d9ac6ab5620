"""What every test may use: settings in a folder of its own, and the embedded models."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from ingle.config import Settings
from ingle.engines.engine import LoadSpec
from ingle.models.embedded import embedded_files

# A shell has its background jobs ignore it, and what they start, too: none could press Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The echo engine as a package that is installed, here and in every process that tests start.
PLUG_INS = Path(__file__).parent / "plugins"
sys.path.insert(0, str(PLUG_INS / "echo"))
_found = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
if str(PLUG_INS / "echo") not in _found:  # a test process started by another inherits it
    os.environ["PYTHONPATH"] = os.pathsep.join([str(PLUG_INS / "echo"), *_found])

# No example has a time limit: how long one takes says more of the machine than of the code. Every
# run tries the same examples; `--hypothesis-profile=search` looks for new ones.
hypothesis_settings.register_profile("tests", deadline=None, derandomize=True)
hypothesis_settings.register_profile(
    "search", hypothesis_settings.get_profile("default"), deadline=None, max_examples=5_000
)
hypothesis_settings.load_profile("tests")

THREADS = 1
"""Of an engine: several tests run at once, and threads of one that wait for each other on cores
that others use take many times longer than one thread does."""
os.environ["INGLE_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(THREADS)
ALL_NEED_EXTRAS = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.extras\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import a file whose tests are all left out: what it imports is not installed."""
    if "not extras" not in config.getoption("markexpr") or collection_path.suffix != ".py":
        return None
    return True if ALL_NEED_EXTRAS.search(collection_path.read_text()) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape captured text that is not valid Unicode: reports are sent between processes."""
    report = yield
    report.sections = [
        (title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections
    ]
    return report


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
        state_dir=str(tmp_path / "state"),
        models_dir=str(tmp_path / "models"),
        context=1024,
        threads=THREADS,
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
        threads=THREADS,
        options={"context": 1024},
    )
