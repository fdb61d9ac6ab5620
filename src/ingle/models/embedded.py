"""The models that come with the package: small, always there, no download."""

from __future__ import annotations

import functools
from pathlib import Path

FOLDER = Path(__file__).parent / "embedded"


PATTERNS = ("*.gguf", "*.espeak.json", "*.langid.json")
"""Names of their files, what comes before the first dot being the model's."""


def embedded_files() -> dict[str, Path]:
    """Name to file. Those of GGUF are not in a checkout in which they have not been built yet."""
    try:
        changed = FOLDER.stat().st_mtime_ns
    except FileNotFoundError:
        return {}
    return _listed(FOLDER, changed)


@functools.lru_cache(maxsize=1)
def _listed(folder: Path, changed: int) -> dict[str, Path]:
    """Listed once for as long as the folder stays as it is: every request on a model asks."""
    del changed
    found = [path for pattern in PATTERNS for path in folder.glob(pattern)]
    return dict(sorted((path.name.partition(".")[0], path) for path in found))
