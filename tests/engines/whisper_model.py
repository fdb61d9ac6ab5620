"""A Whisper of whisper.cpp that is quick, small and hears nothing: its weights are random.

It has the vocabulary of the English models, whose tokens stand at fixed places in whisper.cpp.
"""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path

from recipes.whisper.convert import write
from recipes.whisper.source import Source

from tests.models.whisper_files import write_folder

ENGLISH = 51_864


@functools.cache
def _bytes() -> bytes:
    folder = Path(tempfile.mkdtemp())
    try:
        write_folder(folder / "ct2", vocabulary=ENGLISH)
        write(Source(folder / "ct2"), folder / "model.bin", "f16")
        return (folder / "model.bin").read_bytes()
    finally:
        shutil.rmtree(folder)


def random_whisper(folder: Path, name: str = "ggml-random.bin") -> Path:
    """Write the file."""
    path = folder / name
    path.write_bytes(_bytes())
    return path
