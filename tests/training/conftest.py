"""What tests of whole runs share: examples, and a node that has a small base."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingle.client.home import AsyncHome, open_async
from ingle.config import Settings
from ingle.models.store import Store


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "letters.jsonl"
    rows = [{"prompt": chr(97 + n) * 3, "completion": chr(98 + n) * 3} for n in range(24)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
async def home(tmp_path: Path, settings: Settings) -> AsyncIterator[AsyncHome]:
    from tests.training.models import write_base

    Store(settings.models_path).add_path(write_base(tmp_path / "tiny.gguf", kind="Q8_0"), "tiny")
    async with open_async(settings) as opened:
        yield opened
