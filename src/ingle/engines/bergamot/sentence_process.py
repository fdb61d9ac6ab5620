"""One fxtranslate with a model, in a process of its own: lines in on stdin, lines out on stdout.

fxtranslate holds the interpreter's lock while it translates and belongs to the thread that made it,
so that a worker with one in it would neither use two cores nor hear of a cancel meanwhile. And
where it panics, this process ends, and not the worker.

Each message is its length in four bytes and then MessagePack: first the paths of the files,
answered by `Opened`; then lists of lines, each answered by a list as long or by `Failed`.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import msgspec

from ingle.translation.language_tags import WITHOUT_SPACES
from ingle.translation.line_fitting import fitted

LENGTH = struct.Struct(">I")
MOST_TOKENS = 126
"""Source tokens of a sentence, for which these models were trained; beyond that they stop early."""


class ModelPaths(msgspec.Struct):
    """What is opened."""

    model: str
    source_vocabulary: str
    target_vocabulary: str
    shortlist: str = ""
    target: str = ""
    """The language that is written."""
    most_tokens: int = MOST_TOKENS
    """That are translated at once."""


class Opened(msgspec.Struct, tag="opened"):
    """The model is open."""

    backend: str


class Failed(msgspec.Struct, tag="failed"):
    """What went wrong, in the engine's words."""

    reason: str


class Lines(msgspec.Struct, tag="lines"):
    """Lines, or their translations."""

    lines: list[str]


Answer = Opened | Failed | Lines


def read_message(stream: IO[bytes]) -> bytes:
    """The next message; empty when the other side has closed."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return b""
    return stream.read(LENGTH.unpack(head)[0])


def write_message(stream: IO[bytes], message: msgspec.Struct) -> None:
    """Send a message."""
    data = msgspec.msgpack.encode(message)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def opened(paths: ModelPaths) -> tuple[Callable[[str], str], str]:
    """A function that translates a line of any length, and the name of the engine's backend.

    Raises:
        whatever fxtranslate and SentencePiece raise.
    """
    import fxtranslate
    import sentencepiece

    source = Path(paths.source_vocabulary).read_bytes()
    same = paths.source_vocabulary == paths.target_vocabulary
    engine: Any = fxtranslate.Translator(
        Path(paths.model).read_bytes(),
        source,
        source if same else Path(paths.target_vocabulary).read_bytes(),
        Path(paths.shortlist).read_bytes() if paths.shortlist else None,
    )
    pieces: Any = sentencepiece.SentencePieceProcessor(model_proto=source)
    between = "" if paths.target.partition("-")[0] in WITHOUT_SPACES else " "

    def translate(line: str) -> str:
        line = line.replace("\0", "")
        if not line.strip():
            return ""
        written = ""
        for part in fitted(line, lambda text: len(pieces.encode(text)), paths.most_tokens):
            written += engine.translate(part.text).strip() + (between if part.space else "")
        return written

    return translate, str(engine.backend())


def serve(incoming: IO[bytes], outgoing: IO[bytes]) -> None:
    """Answer messages until the other side closes."""
    try:
        paths = msgspec.msgpack.decode(read_message(incoming), type=ModelPaths)
        translate, backend = opened(paths)
    except BaseException as error:  # a panic of Rust's is no Exception
        write_message(outgoing, Failed(f"{type(error).__name__}: {error}"))
        return
    write_message(outgoing, Opened(backend))
    while data := read_message(incoming):
        asked = msgspec.msgpack.decode(data, type=Lines)
        try:
            write_message(outgoing, Lines([translate(line) for line in asked.lines]))
        except BaseException as error:
            write_message(outgoing, Failed(f"{type(error).__name__}: {error}"))
            return


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
