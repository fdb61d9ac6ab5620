"""Folders of NeMo's recognisers, with ONNX files that say what they take and hold no graph."""

from __future__ import annotations

import json
from pathlib import Path

TDT_OUTPUTS = ("outputs", "encoded_lengths")
TOKENS = ["<unk>", "▁a", "b", "<blk>"]


def write_nemo(folder: Path, kind: str = "tdt", suffix: str = "") -> Path:
    """Write a folder as onnx-asr has it: ``tdt``, ``rnnt``, ``aed`` or ``ctc``."""
    folder.mkdir(parents=True, exist_ok=True)
    first = "model" if kind == "ctc" else "encoder-model"
    data = onnx(("audio_signal", "length"), TDT_OUTPUTS, weights=[(4, 3), (5,)])
    (folder / f"{first}{suffix}.onnx").write_bytes(data)
    if kind != "ctc":
        name = "decoder-model" if kind == "aed" else "decoder_joint-model"
        decoder = onnx(("encoder_outputs", "targets"), ("outputs",), weights=[(7,)])
        (folder / f"{name}{suffix}.onnx").write_bytes(decoder)
    lines = [f"{token} {number}\n" for number, token in enumerate(TOKENS)]
    (folder / "vocab.txt").write_text("".join(lines), encoding="utf-8")
    config = {"model_type": f"nemo-conformer-{kind}", "features_size": 80}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def onnx(
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    weights: list[tuple[int, ...]],
    external: str = "",
) -> bytes:
    """An ONNX file: version, producer, graph with weights of zeros, its maker's note."""
    graph = b""
    for number, shape in enumerate(weights):
        size = 4
        for length in shape:
            size *= length
        tensor = b"".join(_number(1, length) for length in shape) + _number(2, 1)
        tensor += _bytes(8, f"w{number}".encode())
        if external:
            tensor += _bytes(13, _bytes(1, b"location") + _bytes(2, external.encode()))
            tensor += _number(14, 1)
        else:
            tensor += _bytes(9, bytes(size))
        graph += _bytes(5, tensor)
    graph += b"".join(_bytes(11, _bytes(1, name.encode())) for name in inputs)
    graph += b"".join(_bytes(12, _bytes(1, name.encode())) for name in outputs)
    note = _bytes(14, _bytes(1, b"author") + _bytes(2, b"tests"))
    return _number(1, 8) + _bytes(2, b"tests") + _bytes(7, graph) + note


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
