"""`Finding`: one thing that ``ingle doctor`` looked at."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One thing that was looked at. A capability's ``doctor`` function yields these, too."""

    name: str
    state: Literal["ok", "warn", "fail"]
    text: str
    fix: str = ""
    """The command or act that helps."""
