"""The models that come with the package: small, always there, no download."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "embedded"


PATTERNS = ("*.gguf", "*.espeak.json")
"""Names of their files, what comes before the first dot being the model's."""


def embedded_files() -> dict[str, Path]:
    """Name to file. Those of GGUF are not in a checkout in which they have not been built yet."""
    found = [path for pattern in PATTERNS for path in FOLDER.glob(pattern)]
    return dict(sorted((path.name.partition(".")[0], path) for path in found))
