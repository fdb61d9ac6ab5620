"""What is piped in, and whether a person sits there instead."""

from __future__ import annotations

import sys

from ingle.errors import InvalidRequest

MOST = 16 * 2**20
"""Bytes of text that are read; no model here has a context of that size."""


def is_interactive() -> bool:
    """Standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def piped() -> str:
    """All the text that was piped in; empty if nothing was, or if input is closed.

    Raises:
        InvalidRequest: not UTF-8, or far too much.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    data = sys.stdin.buffer.read(MOST + 1)
    if len(data) > MOST:
        raise InvalidRequest(
            f"more than {MOST // 2**20} MiB on stdin", hint="pipe a smaller file", field="stdin"
        )
    try:
        return data.decode().strip()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"stdin is not valid UTF-8: {error}",
            hint="convert it, for example: iconv -f latin1 -t utf-8",
            field="stdin",
        ) from None
