"""A document from stdin, put into the node."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ingle.cli.command import flags, run
from ingle.errors import InvalidRequest
from ingle.operations.blob import Blob

MOST = 64 << 20
"""Bytes: what has more is not read as one document either."""


def put_stdin(name: str) -> Blob:
    """The blob of what comes from stdin.

    Raises:
        InvalidRequest: it is empty, or has no end.
    """
    data = sys.stdin.buffer.read(MOST + 1)
    if not data or len(data) > MOST:
        raise InvalidRequest(f"stdin has nothing, or more than {MOST >> 20} MiB", field="texts")
    with tempfile.TemporaryDirectory(prefix="ingle-") as folder:
        path = Path(folder) / "stdin"
        path.write_bytes(data)

        async def put() -> Blob:
            from ingle.client.home import open_async

            async with open_async(otherwise="background", **flags()) as home:
                return await home.put_blob(path)

        blob = run(put)
    return Blob(sha256=blob.sha256, size=blob.size, name=name)
