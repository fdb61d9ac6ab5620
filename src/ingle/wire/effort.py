"""Efforts of reasoning, which several dialects name alike, as tokens of reasoning at most."""

from __future__ import annotations

EFFORT_BUDGETS = {
    "minimal": 256,
    "low": 1024,
    "medium": 4096,
    "high": None,
    "xhigh": None,
    "max": None,
}
"""``none``, where a dialect has it, turns reasoning off."""
