"""Compute: what the training stages cost, kept beside their weights for the model cards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .scale import Scale

FILE = "compute.json"


def note(folder: Path, stage: str, **row: Any) -> None:
    """Keep what a stage has cost; seconds and amounts of its earlier runs are added."""
    stored = read(folder)
    earlier = stored.get(stage, {})
    numbers = {k: v + earlier.get(k, 0) for k, v in row.items() if not isinstance(v, str)}
    stored[stage] = {**row, **numbers}
    (folder / FILE).write_text(json.dumps(stored, indent=1), encoding="utf-8")


def read(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / FILE
    found: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    return found


def section(folder: Path, scale: Scale) -> str:
    """A line for each stage that was noted; what was planned where none was."""
    stored = read(folder)
    if not stored:
        return (
            f"Planned: {scale.pretrain_tokens / 1e6:.2f} M tokens of pretraining and "
            f"{scale.instruct_tokens / 1e6:.2f} M of instruction."
        )
    lines = []
    for stage, row in stored.items():
        amount = (
            f"{row['tokens'] / 1e6:.2f} M tokens" if "tokens" in row else f"{row['steps']} steps"
        )
        note = f"; {row['note']}" if "note" in row else ""
        lines.append(f"- {stage}: {amount} in {row['seconds']:.0f} s on {row['devices']}{note}")
    return "\n".join(lines)
