"""Whisper models with random weights: folders of CTranslate2, and what the recipe makes of them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from recipes.whisper.convert import write
from recipes.whisper.source import Source

WIDTH, HEADS, LAYERS = 64, 2, 2
AUDIO_CONTEXT, TEXT_CONTEXT, MELS = 50, 32, 80
VOCABULARY = 300
"""Tokens; whisper.cpp itself would want those of Whisper."""
TYPES = {"float32": 0, "int8": 1, "int16": 2, "float16": 4}

SETTINGS: dict[str, tuple[int, type[np.generic]]] = {
    "decoder/activation": (3, np.int8),
    "decoder/alibi": (0, np.int8),
    "decoder/alignment_heads": (1, np.int16),
    "decoder/alignment_layer": (-1, np.int16),
    "decoder/pre_norm": (1, np.int8),
    "decoder/scale_embeddings": (0, np.int8),
    "decoder/start_from_zero_embedding": (0, np.int8),
}
Array = npt.NDArray[np.generic]


def write_folder(
    folder: Path,
    *,
    spec: str = "WhisperSpec",
    vocabulary: int = VOCABULARY,
    int8: bool = False,
    contexts: tuple[int, int] = (AUDIO_CONTEXT, TEXT_CONTEXT),
) -> dict[str, Array]:
    """Write a folder of CTranslate2. Returns the variables, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    variables = _variables(vocabulary, int8, contexts)
    write_model_bin(folder / "model.bin", variables, spec)
    config = {"lang_ids": [], "suppress_ids": [], "alignment_heads": []}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocabulary.json").write_text(json.dumps(tokens(vocabulary)))
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": []}))
    return variables


def tokens(count: int) -> list[str]:
    """A vocabulary as GPT-2's are written: bytes as characters."""
    return ["Ġ", "Ċ", *(f"Ġw{number}" for number in range(count - 2))]


def write_model_bin(
    path: Path,
    variables: dict[str, Array],
    spec: str = "WhisperSpec",
    aliases: dict[str, str] | None = None,
) -> None:
    """Write a model.bin of version 6."""
    with path.open("wb") as file:
        file.write(struct.pack("<I", 6) + _text(spec) + struct.pack("<II", 3, len(variables)))
        for name, array in variables.items():
            shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
            kind = struct.pack("<BI", TYPES[array.dtype.name], array.nbytes)
            file.write(_text(name) + shape + kind + array.tobytes())
        if aliases is None:
            aliases = {"decoder/projection/weight": "decoder/embeddings/weight"}
        file.write(struct.pack("<I", len(aliases)))
        for alias, name in aliases.items():
            file.write(_text(alias) + _text(name))


def write_ggml(folder: Path, kind: str = "f16") -> Path:
    """A file of whisper.cpp, by the recipe."""
    source = folder / "ct2"
    if not source.exists():
        write_folder(source)
    path = folder / f"ggml-random-{kind}.bin"
    write(Source(source), path, kind)
    return path


def _text(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("<H", len(data)) + data


def _variables(vocabulary: int, int8: bool, contexts: tuple[int, int]) -> dict[str, Array]:
    random = np.random.default_rng(7)
    found: dict[str, Array] = {}

    def half(name: str, *shape: int) -> None:
        found[name] = random.standard_normal(shape).astype(np.float16)

    def matrix(name: str, rows: int, columns: int) -> None:
        half(f"{name}/weight", rows, columns)
        if int8:
            whole = found[f"{name}/weight"].astype(np.float32)
            scales = 127 / np.abs(whole).max(1)
            found[f"{name}/weight"] = np.rint(whole * scales[:, None]).astype(np.int8)
            found[f"{name}/weight_scale"] = scales.astype(np.float32)
        half(f"{name}/bias", rows)

    for conv, inner in (("conv1", MELS), ("conv2", WIDTH)):
        half(f"encoder/{conv}/weight", WIDTH, inner, 3)
        half(f"encoder/{conv}/bias", WIDTH)
    half("decoder/embeddings/weight", vocabulary, WIDTH)
    for side, context in zip(("encoder", "decoder"), contexts, strict=True):
        found[f"{side}/num_heads"] = np.array(HEADS, np.int16)
        half(f"{side}/position_encodings/encodings", context, WIDTH)
        _norm(half, f"{side}/layer_norm")
        for layer in range(LAYERS):
            where = f"{side}/layer_{layer}"
            matrix(f"{where}/self_attention/linear_0", 3 * WIDTH, WIDTH)
            matrix(f"{where}/self_attention/linear_1", WIDTH, WIDTH)
            _norm(half, f"{where}/self_attention/layer_norm")
            if side == "decoder":
                matrix(f"{where}/attention/linear_0", WIDTH, WIDTH)
                matrix(f"{where}/attention/linear_1", 2 * WIDTH, WIDTH)
                matrix(f"{where}/attention/linear_2", WIDTH, WIDTH)
                _norm(half, f"{where}/attention/layer_norm")
            matrix(f"{where}/ffn/linear_0", 4 * WIDTH, WIDTH)
            matrix(f"{where}/ffn/linear_1", WIDTH, 4 * WIDTH)
            _norm(half, f"{where}/ffn/layer_norm")
    return found | {name: np.array(value, kind) for name, (value, kind) in SETTINGS.items()}


def _norm(half: Callable[..., None], name: str) -> None:
    half(f"{name}/gamma", WIDTH)
    half(f"{name}/beta", WIDTH)
