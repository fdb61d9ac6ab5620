"""Write down what every operation, event and piece of this version looks like on the wire.

``python -m tests.protocol.record`` writes ``recorded/VERSION.jsonl``, one frame a line: each type
once with its required fields alone, and once with all that can be set together. Do it when a
version is released. A file that was released is never written again: later versions must read it
(`test_recorded.py`).
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from ingle.errors import Busy, IngleError
from ingle.operations import registry
from ingle.operations.events import ModelResult
from ingle.protocol import capability_versions, frames
from ingle.protocol.frames import (
    Cancel,
    Credit,
    End,
    EndOfPieces,
    EventFrame,
    Fail,
    Frame,
    Hello,
    Open,
    PieceCredit,
    PieceFrame,
    Ping,
    Pong,
    failure,
)

FRAMES = {
    "hello": Hello, "open": Open, "item": EventFrame, "end": End, "fail": Fail, "cancel": Cancel,
    "credit": Credit, "put": PieceFrame, "close": EndOfPieces, "room": PieceCredit, "ping": Ping,
    "pong": Pong,
}  # fmt: skip
"""Frames by the names under which records have them, which never change."""
NAMES = {kind: name for name, kind in FRAMES.items()}
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TEXTS = ("text", "5a" * 32, "de", "")
"""Texts to choose from: each pattern that a field's type names is one of one of them."""
TRIES = 200
DEEP = 3
"""Structs inside structs down to this one have all fields."""


def main() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    target = HERE / "recorded" / f"{version}.jsonl"
    rows = [
        {"what": what, "name": name, "frame": base64.b64encode(frames.encode(frame)).decode()}
        for what, name, frame in recorded(version)
    ]
    target.write_text("".join(json.dumps(row) + "\n" for row in rows))
    sys.stderr.write(f"{len(rows)} frames are in {target}\n")


def recorded(version: str) -> Iterator[tuple[str, str, Frame]]:
    """Every frame to write down, with what is in it."""
    for kind in types("operations"):
        for value in examples(kind):
            yield "operation", tag(kind), Open(7, raw(value))
    for kind in types("events"):
        for value in examples(kind):
            yield "event", tag(kind), EventFrame(7, raw(value))
    for kind in types("inputs"):
        for value in examples(kind):
            yield "piece", tag(kind), PieceFrame(7, raw(value))
    facts = {"version": version, "oldest": frames.OLDEST, "speaks": capability_versions.ours()}
    error = Busy("the queue is full", hint="wait", limit=4)
    others = [
        Hello(frames.VERSION, facts), End(7), failure(7, error), Cancel(7), Credit(7, 256),
        EndOfPieces(7), PieceCredit(7, 16), Ping(3), Pong(3),
    ]  # fmt: skip
    for frame in others:
        yield "frame", NAMES[type(frame)], frame


def types(of: str) -> list[type[msgspec.Struct]]:
    """All types of the package's own capabilities of a sort, each once, by their tags."""
    found: dict[str, type[msgspec.Struct]] = {}
    for capability in registry.built_in().values():
        kinds = capability.types.values() if of == "events" else getattr(capability, of)
        found.update({tag(kind): kind for kind in kinds if kind is not ModelResult})
    return [found[name] for name in sorted(found)]


def tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


def raw(value: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(frames.packed(value))


def examples(kind: type[msgspec.Struct]) -> list[msgspec.Struct]:
    """A value with what it needs, and one with all that can be set together."""
    least, most = struct(kind, full=0), struct(kind, full=DEEP)
    return [kind(**most), kind(**least)] if most != least else [kind(**least)]


def struct(kind: type[msgspec.Struct], *, full: int) -> dict[str, Any]:
    """Fields for a struct that it takes.

    Args:
        full: how deep all fields are set; 0: none that is not needed.
    """
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    needed = [field for field in described.fields if field.required]
    optional = [field for field in described.fields if not field.required]
    choices = [list(values(field.type, full=full)) for field in needed]
    for chosen in itertools.islice(itertools.product(*choices), TRIES):
        fields = dict(zip([field.name for field in needed], chosen, strict=True))
        if takes(kind, fields):
            break
    else:
        # What it also needs may be one of several optional fields.
        fields = {field.name: options[0] for field, options in zip(needed, choices, strict=True)}
    if full or not takes(kind, fields):
        for field in optional:
            for value in values(field.type, full=full):
                if takes(kind, {**fields, field.name: value}):
                    fields[field.name] = value
                    break
            if not full and takes(kind, fields):
                break
    assert takes(kind, fields), f"no example of {kind.__name__}: teach {Path(__file__).name} one"
    return fields


def takes(kind: type[msgspec.Struct], fields: dict[str, Any]) -> bool:
    """Would a node take it off the wire?"""
    try:
        value = kind(**fields)
        msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=kind)
    except (IngleError, TypeError, msgspec.ValidationError):
        return False
    return True


def values(kind: inspect.Type, *, full: int) -> Iterator[Any]:
    """Values of a type, the best example first."""
    match kind:
        case inspect.Metadata(type=inner):
            yield from values(inner, full=full)
        case inspect.UnionType(types=types):
            # None says nothing, so it comes last.
            for inner in sorted(types, key=lambda each: isinstance(each, inspect.NoneType)):
                yield from values(inner, full=full)
        case inspect.StructType(cls=cls):
            yield cls(**struct(cls, full=max(0, full - 1)))
        case inspect.BoolType():
            yield True
            yield False
        case inspect.IntType(ge=least):
            yield 2
            yield least or 0
        case inspect.FloatType():
            yield 1.5
            yield 0.5
        case inspect.StrType(pattern=pattern):
            yield from (text for text in TEXTS if pattern is None or re.search(pattern, text))
        case inspect.LiteralType(values=literal):
            yield from literal
        case inspect.EnumType(cls=cls):
            yield from cls
        case inspect.BytesType():
            yield b"\0\1\2\3" * 8
        case inspect.ListType(item_type=inner, min_length=least):
            for item in values(inner, full=full):
                yield [item] * max(least or 0, 1)
        case inspect.VarTupleType(item_type=inner):
            for item in values(inner, full=full):
                yield (item,)
        case inspect.TupleType(item_types=inner):
            yield tuple(next(values(each, full=full)) for each in inner)
        case inspect.DictType(key_type=key, value_type=inner):
            yield {next(values(key, full=full)): next(values(inner, full=full))}
            yield {"type": "object"}
        case inspect.AnyType():
            yield 1
        case inspect.NoneType():
            yield None
        case _:
            raise AssertionError(f"no example of {kind}: teach {Path(__file__).name} one")


if __name__ == "__main__":
    main()
