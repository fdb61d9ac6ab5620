"""A Whisper model in CTranslate2's folder, under the names that OpenAI's checkpoints have.

CTranslate2 keeps query, key and value of an attention in one matrix, and weights as int8 with a
scale of each row, where it quantised them. A key has no bias; CTranslate2 stores zeros for it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingle.models.ctranslate2_model import read_model
from ingle.models.ggml_whisper import WhisperSizes

SPELLED = 50_257
"""Tokens that a file spells out; whisper.cpp names those that follow by itself."""
_PARTS = {
    "encoder.positional_embedding": "encoder/position_encodings/encodings",
    "decoder.positional_embedding": "decoder/position_encodings/encodings",
    "decoder.token_embedding.weight": "decoder/embeddings/weight",
    "encoder.ln_post.weight": "encoder/layer_norm/gamma",
    "encoder.ln_post.bias": "encoder/layer_norm/beta",
    "decoder.ln.weight": "decoder/layer_norm/gamma",
    "decoder.ln.bias": "decoder/layer_norm/beta",
}
_BYTES = [*range(33, 127), *range(161, 173), *range(174, 256)]
"""That GPT-2's vocabularies write as they are; the others are written as 256 and up."""


class Source:
    """Opens a folder with ``model.bin``, ``config.json`` and a vocabulary.

    Raises:
        BadModelFile: ``model.bin`` is damaged.
        ValueError: it holds another model than Whisper.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "model.bin"
        self._model = read_model(self._path)
        if self._model.specification != "WhisperSpec":
            raise ValueError(f"{folder} holds a {self._model.specification}, not Whisper")

    def sizes(self, file_type: int) -> WhisperSizes:
        """Of the model, for a file of whisper.cpp of the type."""
        shapes = {name: each.shape for name, each in self._model.variables.items()}
        audio, text = (
            shapes[_PARTS["encoder.positional_embedding"]],
            shapes[_PARTS["decoder.positional_embedding"]],
        )
        return WhisperSizes(
            vocabulary=shapes[_PARTS["decoder.token_embedding.weight"]][0],
            audio_context=audio[0],
            audio_state=audio[1],
            audio_heads=self._number("encoder/num_heads"),
            audio_layers=self._layers("encoder"),
            text_context=text[0],
            text_state=text[1],
            text_heads=self._number("decoder/num_heads"),
            text_layers=self._layers("decoder"),
            mels=shapes["encoder/conv1/weight"][1],
            file_type=file_type,
        )

    def tensor(self, name: str) -> npt.NDArray[np.float32]:
        """A tensor by its name in OpenAI's checkpoints."""
        if name in _PARTS:
            return self._read(_PARTS[name])
        side, *rest = name.split(".")
        if rest[0].startswith("conv"):
            return self._read("/".join((side, *rest)))
        _, layer, part, *rest = rest
        where = f"{side}/layer_{layer}"
        if part == "mlp":
            return self._read(f"{where}/ffn/linear_{int(rest[0]) // 2}/{rest[1]}")
        attention = "attention" if part.startswith("cross") else "self_attention"
        if part.endswith("_ln"):
            block = "ffn" if part == "mlp_ln" else attention
            kind = {"weight": "gamma", "bias": "beta"}[rest[0]]
            return self._read(f"{where}/{block}/layer_norm/{kind}")
        return self._projection(f"{where}/{attention}", *rest)

    def tokens(self) -> list[bytes]:
        """The vocabulary up to the special tokens, as bytes."""
        texts = self._vocabulary()[:SPELLED]
        characters = {chr(byte): byte for byte in _BYTES}
        others = [byte for byte in range(256) if byte not in _BYTES]
        characters |= {chr(256 + place): byte for place, byte in enumerate(others)}
        return [bytes(characters[each] for each in text) for text in texts]

    def _vocabulary(self) -> list[str]:
        listed = self.folder / "vocabulary.json"
        if listed.exists():
            return list(json.loads(listed.read_text(encoding="utf-8")))
        text = (self.folder / "vocabulary.txt").read_text(encoding="utf-8")
        return text.removesuffix("\n").split("\n")

    def _projection(self, where: str, matrix: str, kind: str) -> npt.NDArray[np.float32]:
        """Query, key or value, cut out of what CTranslate2 keeps together; or out."""
        crossed = not where.endswith("self_attention")
        if matrix == "out":
            return self._read(f"{where}/linear_{1 + crossed}/{kind}")
        together = ("query",), ("key", "value")
        if not crossed:
            together = (("query", "key", "value"),)
        for number, matrices in enumerate(together):
            if matrix in matrices:
                whole = self._read(f"{where}/linear_{number}/{kind}")
                return np.split(whole, len(matrices))[matrices.index(matrix)]
        raise ValueError(f"no such projection: {matrix}")

    def _read(self, name: str) -> npt.NDArray[np.float32]:
        variable = self._model.variables[self._model.aliases.get(name, name)]
        with self._path.open("rb") as file:
            file.seek(variable.offset)
            data = file.read(variable.size)
        if variable.type.name == "bfloat16":
            wide = np.frombuffer(data, "<u2").astype(np.uint32) << 16
            return wide.view(np.float32).reshape(variable.shape)
        array = np.frombuffer(data, variable.type.name).reshape(variable.shape)
        scale = f"{variable.name}_scale"
        if scale in self._model.variables:
            scales = self._read(scale)
            return array / scales.reshape(-1, *(1,) * (array.ndim - 1))
        return array.astype(np.float32)

    def _number(self, name: str) -> int:
        return int(self._read(name))

    def _layers(self, side: str) -> int:
        names = [name for name in self._model.variables if name.startswith(f"{side}/layer_")]
        return len({name.split("/")[1] for name in names} - {"layer_norm"})
