"""The process that compiles grammars on trial: one at a time, until its input ends.

Started as ``python -m ingle.engines.llama.grammar.compiler BYTES``. Some schemas of a few kilobytes
take gigabytes, or for ever, and nothing inside of the compiler can be told to stop: so it is a
process that can be ended, and has an end of its memory.

Both ways a message is its length, then its bytes: a grammar, and why it does not compile.
"""

from __future__ import annotations

import re
import resource
import struct
import sys
from pathlib import Path
from typing import BinaryIO

from ingle.engines.llama.grammar.llguidance import LLGuidance

LENGTH = struct.Struct(">I")
_DATA = re.compile(r"VmData:\s+(\d+) kB")


def main() -> None:
    """Entry point. The argument: bytes that it may take beyond those that it starts with."""
    library = LLGuidance()
    _limit_memory(int(sys.argv[1]))
    asked, told = sys.stdin.buffer, sys.stdout.buffer
    while (grammar := _received(asked)) is not None:
        message = library.error(grammar)
        told.write(LENGTH.pack(len(message)) + message)
        told.flush()


def _limit_memory(further: int) -> None:
    """Where the system tells what there is already; elsewhere its time is the only limit."""
    status = Path("/proc/self/status")
    found = _DATA.search(status.read_text()) if status.exists() else None
    if found is not None:
        most = int(found[1]) * 1024 + further
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _received(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    return source.read(*LENGTH.unpack(head)) if len(head) == LENGTH.size else None


if __name__ == "__main__":
    main()
