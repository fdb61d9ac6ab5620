"""`Channel`: lines of JSON to the process of ingle's that started this one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ingle.errors import IngleError

LONGEST = 4000
"""Bytes of a line: shorter than what a pipe takes whole, since many processes write to one."""


class Channel:
    """The writing end of a named pipe.

    Args:
        path: of the pipe; someone reads it already.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY)

    def tell(self, kind: str, **fields: Any) -> None:
        """Send one line."""
        line = json.dumps({"kind": kind, **fields}).encode()
        if len(line) >= LONGEST:
            raise ValueError(f"a line of {len(line)} bytes is too long to be sent whole")
        os.write(self._fd, line + b"\n")

    def fail(self, error: IngleError) -> None:
        """Say what ended it."""
        data = error.to_data()
        self.tell("error", error={**data, "message": data["message"][: LONGEST // 4]})
