"""A server process before a scripted node: ``python -m tests.server.scripted_server [PORT]``.

Prints its address on the first line of stdout.
"""

from __future__ import annotations

import sys

import anyio

from ingle.server.server import serve

from .scripted_node import ScriptedNode


async def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    await serve(
        ScriptedNode(),
        port=port,
        grace_s=0.2,
        on_ready=lambda address: print(address.url, flush=True),
    )


if __name__ == "__main__":
    anyio.run(main)
