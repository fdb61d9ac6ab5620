"""What a slot has read of a prompt, as bytes: llama.cpp's slot save and restore, without a file.

llama.cpp writes and reads files by name. The name here is that of a descriptor of ours whose bytes
lie in memory alone (``memfd_create``), so that no word of a prompt is on a disk and none outlives
the process, however it ends. Where the system has no such thing, nothing is saved.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ingle.engines.engine import LoadSpec
from ingle.errors import EngineFault
from ingle.models.format import DRAFT, PROJECTOR
from ingle.operations.operation import Piece

FOLDER = "/proc/self/fd/"
CHUNK = 512 << 10


def possible(spec: LoadSpec) -> bool:
    """Slots of a load can be saved, and what is restored is right for every request.

    llama.cpp saves no prompt with images, does not say under which adapters one was read, and saves
    nothing of what a draft model, or the model's own heads for further tokens, have read.
    """
    in_memory = hasattr(os, "memfd_create") and Path(FOLDER).is_dir()
    alone = not spec.adapters and not {PROJECTOR, DRAFT} & set(spec.files)
    alone = alone and spec.options.get("speculation") != "mtp"
    return in_memory and alone and spec.role == "generate"


def saved(backend: Any, slot: int) -> Iterator[bytes]:
    """The bytes of a slot, in chunks.

    Raises:
        EngineFault: the engine did not save it.
    """
    descriptor = os.memfd_create("prompt")
    try:
        _act(backend, slot, "save", descriptor)
        os.lseek(descriptor, 0, os.SEEK_SET)
        while data := os.read(descriptor, CHUNK):
            yield data
    finally:
        os.close(descriptor)


def restored(backend: Any, slot: int, pieces: Iterable[Piece]) -> int:
    """Put bytes of `saved` into a slot; returns how many tokens it holds.

    Raises:
        EngineFault: the engine refused them; the slot is empty.
    """
    descriptor = os.memfd_create("prompt")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            for piece in pieces:
                file.write(getattr(piece, "data", b""))
        return _act(backend, slot, "restore", descriptor)
    finally:
        os.close(descriptor)


def _act(backend: Any, slot: int, action: str, descriptor: int) -> int:
    name = {"filename": str(descriptor)}
    answer = backend.ask(f"/slots/{slot}?action={action}", name)
    if "error" in answer:
        raise EngineFault(
            f"the engine could not {action} what it has read: {answer['error'].get('message')}",
            hint="ingle logs",
        )
    return int(answer.get("n_restored" if action == "restore" else "n_saved", 0))
