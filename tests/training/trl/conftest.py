"""A small base with a chat template, and a node whose TRL is that of the tests' own Python."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ingle.client.home import AsyncHome, open_async
from ingle.config import Settings
from ingle.models.store import Store
from tests.training.models import write_base


@pytest.fixture
def trl_settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, trl_python=sys.executable)


@pytest.fixture
async def home(tmp_path: Path, trl_settings: Settings) -> AsyncIterator[AsyncHome]:
    base = write_base(tmp_path / "tiny.gguf", layers=2, width=128, wide=256, complete=True)
    Store(trl_settings.models_path).add_path(base, "tiny")
    async with open_async(trl_settings) as opened:
        yield opened


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """16 documents of 7 tokens: 8 rows of 16, two steps of 4 rows."""
    rows = [{"prompt": chr(97 + n) * 3, "completion": chr(98 + n) * 3} for n in range(16)]
    return write(tmp_path / "letters.jsonl", rows)


@pytest.fixture
def checks(tmp_path: Path) -> Path:
    return write(tmp_path / "checks.jsonl", [{"prompt": "xxx", "completion": "yyy"}])


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
