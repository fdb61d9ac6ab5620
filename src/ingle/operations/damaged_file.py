"""`DamagedFile`: a file of a model that has changed since it was taken in."""

from __future__ import annotations

import msgspec


class DamagedFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that is not what it was when it was taken in."""

    path: str
    reason: str
    """In words that follow its name."""
    models: list[str] = []
    """Whose it is; adapters have a ``+`` before their name."""
    digests: list[str] = []
    """Of these models."""
    command: str = ""
    """What gets it again."""
    set_aside: str = ""
    """Where it is now; empty: it was left where it lies, and its models are refused."""
    unloaded: list[str] = []
    """Models that were loaded from it and have been unloaded."""
