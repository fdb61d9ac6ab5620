"""The models that come with the package: small, always there, no download."""

from __future__ import annotations

import functools
from pathlib import Path

FOLDER = Path(__file__).parent / "embedded"


def embedded_files() -> dict[str, Path]:
    """Name to file. Empty in a checkout in which they have not been built yet."""
    try:
        changed = FOLDER.stat().st_mtime_ns
    except FileNotFoundError:
        return {}
    return _listed(FOLDER, changed)


@functools.lru_cache(maxsize=1)
def _listed(folder: Path, changed: int) -> dict[str, Path]:
    """Listed once for as long as the folder stays as it is: every request on a model asks."""
    del changed
    found = sorted(folder.glob("*.gguf"), key=lambda path: path.stem)
    return {path.stem: path for path in found}
