"""Voices of a few hundred kilobytes: real networks, in which each phoneme is a short tone."""

from __future__ import annotations

import array
import io
import json
import math
import struct
import zipfile
from pathlib import Path

PIPER_RATE = 22_050
SAMPLES = 220
"""Of each phoneme: 10 ms."""
ROWS = 256
PHONEMES = (
    "_^$ !'(),-.:;?abcdefhijklmnopqrstuvwxyzæçðøħŋœǀɐɑɒɓɔɕɖɗɘəɚɛɜɞɟɠɡɢɣɤɥɦɧɨɪɫɬɭɮɯɰɱɲɳɴɵɶɸɹɺɻ"
)
PHONEMES += "ɽɾʀʁʂʃʄʈʉʊʋʌʍʎʏʐʑʒʔʕʘʙʛʜʝʟʡʢˈˌːʰʲ"
FLOAT, INT64 = 1, 7


def write_piper(folder: Path, name: str = "en_US-tiny-low", speakers: int = 1) -> Path:
    """Write a voice as Piper has it."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = [("input", INT64, 2), ("input_lengths", INT64, 1), ("scales", FLOAT, 1)]
    inputs += [("sid", INT64, 1)] if speakers > 1 else []
    (folder / f"{name}.onnx").write_bytes(network(inputs))
    config = {
        "audio": {"sample_rate": PIPER_RATE, "quality": "low"},
        "espeak": {"voice": "en-us"},
        "language": {"code": "en_US"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "num_symbols": ROWS,
        "num_speakers": speakers,
        "speaker_id_map": {f"speaker{at}": at for at in range(speakers)} if speakers > 1 else {},
        "phoneme_id_map": {sign: [at] for at, sign in enumerate(PHONEMES)},
        "dataset": "tiny",
    }
    (folder / f"{name}.onnx.json").write_text(json.dumps(config))
    (folder / "MODEL_CARD").write_text("# Tiny\n\n## Dataset\n\n* License: CC0\n")
    return folder


def write_kokoro(
    folder: Path, voices: tuple[str, ...] = ("af_tiny", "bm_tiny"), steps: int = 0
) -> Path:
    """Write a folder as Kokoro's are; each of the steps takes a few milliseconds."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = [("tokens", INT64, 2), ("style", FLOAT, 2), ("speed", FLOAT, 1)]
    (folder / "model.onnx").write_bytes(network(inputs, steps))
    signs = PHONEMES[3:] + "AIWOYQTʤʧᵻ"
    vocabulary = {"vocab": {sign: at for at, sign in enumerate(signs, 1)}}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    with zipfile.ZipFile(folder / "voices.npz", "w") as archive:
        for name in voices:
            archive.writestr(f"{name}.npy", table((510, 1, 256)))
    return folder


def table(shape: tuple[int, ...]) -> bytes:
    """Zeros as NumPy writes them (format 1.0)."""
    header = str({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    size = 4 * math.prod(shape)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(size)


def network(inputs: list[tuple[str, int, int]], steps: int = 0) -> bytes:
    """An ONNX file: the rows of a table by the numbers of the first input, one after the other.

    Args:
        steps: matrices that the rows are multiplied with, one after the other.
    """
    tones = array.array("f")
    for row in range(ROWS):
        step = 2 * math.pi * (120 + 9 * row) / PIPER_RATE
        tones.extend(0.3 * math.sin(step * at) if row else 0.0 for at in range(SAMPLES))
    graph = _node("Gather", ["tones", inputs[0][0]], "rows")
    last = "rows"
    for step in range(steps):
        graph += _node("MatMul", [last, "square"], f"rows{step}")
        last = f"rows{step}"
    graph += _node("Reshape", [last, "flat"], "sound")
    graph += _bytes(2, b"voice")
    graph += _tensor("tones", FLOAT, (ROWS, SAMPLES), tones.tobytes())
    if steps:
        graph += _tensor("square", FLOAT, (SAMPLES, SAMPLES), bytes(4 * SAMPLES * SAMPLES))
    graph += _tensor("flat", INT64, (1,), struct.pack("<q", -1))
    graph += b"".join(_bytes(11, _value(*entry)) for entry in inputs)
    graph += _bytes(12, _value("sound", FLOAT, 1))
    versions = _bytes(8, _number(2, 17))
    return _number(1, 8) + _bytes(7, graph) + versions


def _node(kind: str, inputs: list[str], output: str) -> bytes:
    body = b"".join(_bytes(1, name.encode()) for name in inputs)
    return _bytes(1, body + _bytes(2, output.encode()) + _bytes(4, kind.encode()))


def _tensor(name: str, kind: int, shape: tuple[int, ...], data: bytes) -> bytes:
    body = b"".join(_number(1, length) for length in shape)
    body += _number(2, kind) + _bytes(8, name.encode()) + _bytes(9, data)
    return _bytes(5, body)


def _value(name: str, kind: int, dimensions: int) -> bytes:
    shape = b"".join(_bytes(1, _bytes(2, f"n{at}".encode())) for at in range(dimensions))
    tensor = _number(1, kind) + _bytes(2, shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = io.BytesIO()
    while value > 0x7F:
        out.write(bytes([value & 0x7F | 0x80]))
        value >>= 7
    out.write(bytes([value]))
    return out.getvalue()
