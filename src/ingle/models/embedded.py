"""The models that come with the package: small, always there, no download."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "embedded"


def embedded_files() -> dict[str, Path]:
    """Name to file. Empty in a checkout in which they have not been built yet."""
    found = sorted(FOLDER.glob("*.gguf"), key=lambda path: path.stem)
    return {path.stem: path for path in found}
