"""Identifiers of answers."""

from __future__ import annotations

import secrets


def new(prefix: str) -> str:
    """``prefix-`` and 96 random bits; hexadecimal, so it is safe in paths."""
    return f"{prefix}-{secrets.token_hex(12)}"
