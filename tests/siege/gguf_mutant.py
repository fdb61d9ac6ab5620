"""A GGUF file taken apart, changed at one or a few places, and put together again.

It knows the format by itself (ggml's ``docs/gguf.md``): the reader under attack has no part in it.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from pathlib import Path

STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a scalar, by its type."""
LARGE = (0, 1, 2, 3, 7, 255, 2**15, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62,
         2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
FLOATS = (0.0, -1.0, 1e-30, 1e30, 3.4e38, float("nan"), float("inf"), -float("inf"))
TEXTS = (
    b"", b"x", b"\xff\xfe", b"\0", b"a" * 70_000, "🦀".encode() * 300, b"%s%n", b"../../etc/passwd",
    b"llama", b"bert", b"clip", b"mamba", b"gemma3", b"adapter", b"gpt2", b"replit", b"no-vocab",
)  # fmt: skip
TEMPLATES = (
    b"", b"{{", b"{% for m in messages %}", b"{{ messages[99].content }}", b"{{ raise('x') }}",
    b"{% for i in range(10**9) %}{{ i }}{% endfor %}", b"{{ 'a' * 10**9 }}", b"{{ '' }}",
    b"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", b"{% include '/etc/passwd' %}",
    b"{{ messages.__class__.__mro__ }}", b"{{ (" * 3000 + b")}}" * 3000, b"\xff{{ x }}",
    b"{{ 1 // 0 }}", b"{% set x = x %}{{ x.y.z }}", b"{{ raise_exception('no') }}",
)  # fmt: skip
CUSTOM = (
    "general.architecture", "general.type", "general.alignment", "tokenizer.ggml.model",
    "tokenizer.ggml.pre", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.padding_token_id", "tokenizer.ggml.add_bos_token", "tokenizer.ggml.scores",
    "tokenizer.ggml.merges", "tokenizer.chat_template", "general.sampling.temp",
    "general.sampling.penalty_repeat", "general.sampling.top_k", "split.count", "split.no",
    "adapter.type", "adapter.lora.alpha", "adapter.lora.task_name", "qwen3.pooling_type",
    "qwen3.rope.scaling.type", "qwen3.rope.scaling.factor", "qwen3.rope.dimension_count",
    "qwen3.rope.dimension_sections", "qwen3.attention.sliding_window",
    "qwen3.attention.head_count_kv", "qwen3.expert_count", "qwen3.expert_used_count",
    "qwen3.attention.causal", "qwen3.logit_scale", "qwen3.vocab_size", "qwen3.ssm.conv_kernel",
)  # fmt: skip


@dataclass
class Entry:
    """An entry of the metadata: what stands after its type is kept as bytes."""

    key: bytes
    type: int
    value: bytes


@dataclass
class TensorEntry:
    """What the file says of one tensor."""

    name: bytes
    shape: list[int]
    type: int
    offset: int


@dataclass
class GgufParts:
    """A file in parts. What is written may lie about its counts."""

    entries: list[Entry]
    tensors: list[TensorEntry]
    data: bytes
    magic: bytes = b"GGUF"
    version: int = 3
    tensor_count: int | None = None
    entry_count: int | None = None
    padding: int = 32
    said: list[str] = field(default_factory=list)
    """What was changed, in words."""

    @classmethod
    def read(cls, path: Path) -> GgufParts:
        """Take a sound file apart."""
        reader = _PartReader(path.read_bytes())
        reader.take(8)
        tensor_count, entry_count = reader.number("<Q"), reader.number("<Q")
        entries = [reader.entry() for _ in range(entry_count)]
        tensors = [reader.tensor() for _ in range(tensor_count)]
        reader.take(-reader.at % 32)
        return cls(entries, tensors, reader.rest())

    def entry(self, key: bytes) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)

    def whole(self) -> bytes:
        """The file."""
        counts = (
            len(self.tensors) if self.tensor_count is None else self.tensor_count,
            len(self.entries) if self.entry_count is None else self.entry_count,
        )
        head = self.magic + struct.pack("<IQQ", self.version, *counts)
        head += b"".join(
            text(entry.key) + struct.pack("<I", entry.type) + entry.value for entry in self.entries
        )
        head += b"".join(_tensor(tensor) for tensor in self.tensors)
        return head + bytes(-len(head) % self.padding) + self.data


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def _tensor(tensor: TensorEntry) -> bytes:
    shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
    return text(tensor.name) + shape + struct.pack("<IQ", tensor.type, tensor.offset)


class _PartReader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self._data[self.at - count : self.at]

    def number(self, kind: str) -> int:
        return int(struct.unpack(kind, self.take(struct.calcsize(kind)))[0])

    def text(self) -> bytes:
        return self.take(self.number("<Q"))

    def entry(self) -> Entry:
        key, kind, start = self.text(), self.number("<I"), self.at
        self._skip(kind)
        return Entry(key, kind, self._data[start : self.at])

    def _skip(self, kind: int) -> None:
        if kind == STRING:
            self.text()
        elif kind == ARRAY:
            inner, count = self.number("<I"), self.number("<Q")
            for _ in range(count):
                self._skip(inner)
        else:
            self.take(SIZES[kind])

    def tensor(self) -> TensorEntry:
        name = self.text()
        shape = [self.number("<Q") for _ in range(self.number("<I"))]
        return TensorEntry(name, shape, self.number("<I"), self.number("<Q"))

    def rest(self) -> bytes:
        return self._data[self.at :]


def mutant(chance: random.Random, parts: GgufParts) -> bytes:
    """Change parts at random; their ``said`` tells what was changed."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        chance.choice(_CHANGES)(chance, parts)
    data = parts.whole()
    if chance.random() < 0.12:
        data = _damaged(chance, parts, data)
    return data


def _change_header(chance: random.Random, parts: GgufParts) -> None:
    name = chance.choice(("version", "tensor_count", "entry_count", "padding"))
    value = chance.choice((*LARGE, len(parts.tensors) - 1, len(parts.entries) + 1))
    if name == "version":
        value = value & 0xFFFFFFFF
    elif name == "padding":
        value = chance.choice((1, 8, 64, 4096))
    setattr(parts, name, value & (2**64 - 1))
    parts.said.append(f"{name} is {value}")


def _change_value(chance: random.Random, parts: GgufParts) -> None:
    entry = chance.choice(parts.entries)
    entry.value = _value(chance, entry.type)
    parts.said.append(f"{entry.key!r} is {entry.value[:60]!r}")


def _change_type(chance: random.Random, parts: GgufParts) -> None:
    entry = chance.choice(parts.entries)
    entry.type = chance.choice((*range(14), 255, 2**31))
    if chance.random() < 0.7:
        entry.value = _value(chance, entry.type)
    parts.said.append(f"{entry.key!r} is of type {entry.type}")


def _add_entry(chance: random.Random, parts: GgufParts) -> None:
    key = chance.choice(CUSTOM).encode()
    kind = chance.choice((4, 5, 6, 7, 8, 9, 10, 12))
    value = _value(chance, kind)
    found = parts.entry(key)
    if found is None or chance.random() < 0.1:
        parts.entries.insert(chance.randrange(len(parts.entries) + 1), Entry(key, kind, value))
    else:
        found.type, found.value = kind, value
    parts.said.append(f"{key!r} is {value[:60]!r} of type {kind}")


def _drop_entry(chance: random.Random, parts: GgufParts) -> None:
    entry = parts.entries.pop(chance.randrange(len(parts.entries)))
    parts.said.append(f"without {entry.key!r}")
    if not parts.entries:
        parts.entries.append(entry)


def _change_tokens(chance: random.Random, parts: GgufParts) -> None:
    """Entries of the tokenizer's lists: lengths, doubles, empty and very long ones."""
    lists = [entry for entry in parts.entries if entry.type == ARRAY]
    if not lists:
        return
    entry = chance.choice(lists)
    inner, count = struct.unpack_from("<IQ", entry.value)
    body = entry.value[12:]
    how = chance.choice(("count", "cut", "more", "double", "inner", "scramble"))
    if how == "count":
        count = chance.choice((*LARGE, count - 1, count + 1)) & (2**64 - 1)
    elif how == "inner":
        inner = chance.choice((*range(14), 99))
    elif how == "cut":
        body = body[: chance.randrange(len(body) + 1)]
    elif how == "more":
        extra = chance.choice((1, 300))
        body += b"".join(_scalar(chance, inner) for _ in range(extra))
        count += extra
    elif how == "double":
        body, count = body + body, count * 2
    elif body:
        at = chance.randrange(len(body))
        body = body[:at] + chance.randbytes(8) + body[at + 8 :]
    entry.value = struct.pack("<IQ", inner, count & (2**64 - 1)) + body
    parts.said.append(f"the list {entry.key!r}: {how}, {count} of type {inner}")


def _change_template(chance: random.Random, parts: GgufParts) -> None:
    key, template = b"tokenizer.chat_template", chance.choice(TEMPLATES)
    parts.entries = [entry for entry in parts.entries if entry.key != key]
    parts.entries.append(Entry(key, STRING, text(template)))
    parts.said.append(f"the template is {template[:60]!r}")


def _change_tensor(chance: random.Random, parts: GgufParts) -> None:
    if not parts.tensors:
        return
    tensor = chance.choice(parts.tensors)
    how = chance.choice(("name", "shape", "dimensions", "type", "offset", "drop", "twice", "swap"))
    if how == "name":
        tensor.name = chance.choice((*TEXTS, b"n" * 64, chance.choice(parts.tensors).name))
    elif how == "shape":
        at = chance.randrange(len(tensor.shape))
        tensor.shape[at] = chance.choice((*LARGE, tensor.shape[at] * 2, tensor.shape[at] // 2))
    elif how == "dimensions":
        tensor.shape = chance.choice(([], [1], tensor.shape[::-1], tensor.shape * 3, [32] * 4))
    elif how == "type":
        tensor.type = chance.choice((*range(42), 2**31, 2**32 - 1))
    elif how == "offset":
        tensor.offset = chance.choice((*LARGE, tensor.offset + 32, tensor.offset + 1))
    elif how == "drop":
        parts.tensors.remove(tensor)
    elif how == "twice":
        parts.tensors.append(tensor)
    else:
        other = chance.choice(parts.tensors)
        tensor.name, other.name = other.name, tensor.name
    parts.said.append(f"tensor {tensor.name[:40]!r}: {how}, {tensor}"[:300])


def _change_data(chance: random.Random, parts: GgufParts) -> None:
    """Weights that are no numbers, or are not there."""
    how = chance.choice(("noise", "ones", "zeros"))
    filling = {"noise": chance.randbytes(4096), "ones": b"\xff" * 4096, "zeros": bytes(4096)}[how]
    parts.data = (filling * (len(parts.data) // 4096 + 1))[: len(parts.data)]
    parts.said.append(f"the weights are {how}")


def _damaged(chance: random.Random, parts: GgufParts, data: bytes) -> bytes:
    """Cut short, with bytes that are not its own, or with bytes too many."""
    how = chance.choice(("cut", "flip", "longer", "magic"))
    at = chance.randrange(len(data))
    parts.said.append(f"{how} at {at} of {len(data)}")
    if how == "cut":
        return data[:at]
    if how == "flip":
        at = chance.randrange(min(len(data), 20_000))
        return data[:at] + chance.randbytes(chance.choice((1, 2, 8))) + data[at + 1 :]
    if how == "longer":
        return data + bytes(chance.choice((1, 31, 100_000)))
    return chance.choice((b"GGML", b"PK\x03\x04", b"\x80\x04\x95.")) + data[4:]


def _value(chance: random.Random, kind: int) -> bytes:
    if kind == ARRAY:
        return _list(chance)
    return _scalar(chance, kind)


def _list(chance: random.Random) -> bytes:
    inner = chance.choice((4, 5, 6, 7, 8, 10, 12, 13))
    if chance.random() < 0.2:
        depth = chance.choice((1, 3, 2000))  # lists in lists
        return struct.pack("<IQ", ARRAY, 1) * depth + struct.pack("<IQ", 4, 0)
    count = chance.choice((0, 1, 3, 1025, 5000))
    stated = count if chance.random() < 0.7 else chance.choice(LARGE)
    return struct.pack("<IQ", inner, stated) + b"".join(
        _scalar(chance, inner) for _ in range(count)
    )


def _scalar(chance: random.Random, kind: int) -> bytes:
    if kind == STRING:
        value = text(chance.choice(TEXTS))
        return value if chance.random() < 0.9 else struct.pack("<Q", chance.choice(LARGE))
    if kind in (6, 12):
        return struct.pack("<f" if kind == 6 else "<d", chance.choice(FLOATS))
    number = chance.choice((*LARGE, chance.randrange(64), chance.randrange(4096)))
    return (number & (2**64 - 1)).to_bytes(8, "little")[: SIZES.get(kind, 4)]


_CHANGES = (
    _change_header, _change_value, _change_value, _change_value, _change_type, _add_entry,
    _add_entry, _add_entry, _drop_entry, _change_tokens, _change_tokens, _change_template,
    _change_tensor, _change_tensor, _change_tensor, _change_data,
)  # fmt: skip
