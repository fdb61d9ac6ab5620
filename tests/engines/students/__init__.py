"""Tiny translation models in the format of Firefox's, made by ``python -m recipes.marian``."""

from __future__ import annotations

from pathlib import Path

from ingle.engines.engine import LoadSpec
from ingle.models.formats import find

STUDENTS = Path(__file__).parent


def student(pair: str) -> LoadSpec:
    """A model, as a worker is told of it."""
    files: dict[str, list[str]] = {}
    for role, path in find(STUDENTS / pair).files:
        files.setdefault(role, []).append(str(path))
    return LoadSpec(
        engine="bergamot",
        model=f"bergamot:{pair}",
        files=files,
        folder=str(STUDENTS / pair),
        role="translate",
        slots=2,
        options={"processes": 2},
    )
