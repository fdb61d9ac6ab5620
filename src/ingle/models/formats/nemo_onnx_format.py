"""NVIDIA NeMo's recognisers as ONNX (Parakeet, Canary): a folder, as onnx-asr has them.

An encoder with a decoder that a TDT, RNN-T or attention model adds, or one ``model.onnx`` of CTC;
``vocab.txt`` with a token and its number in each line; ``config.json``, which says the kind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.models.json_file import read_object
from ingle.models.onnx_model import OnnxModel, read_onnx

VOCABULARY, CONFIG = "vocab.txt", "config.json"
KINDS = {
    "nemo-conformer-ctc": "ctc",
    "nemo-conformer-rnnt": "rnnt",
    "nemo-conformer-tdt": "tdt",
    "nemo-conformer-aed": "aed",
}
"""What ``config.json`` calls them."""
MOST_VOCABULARY = 8 << 20
DECODER = "decoder"
_DECODERS = {"decoder_joint-model": ("tdt", "rnnt"), "decoder-model": ("aed",)}
_FIRST = re.compile(r"(model|encoder-model)((?:[.\-_][a-z0-9]+)?)\.onnx\Z")
_LANGUAGE = re.compile(r"<\|([a-z]{2})\|>\Z")
_INPUTS = {"audio_signal", "length"}


class NemoOnnxFormat:
    """See `ingle.models.format.Format`."""

    name = "nemo-onnx"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        there, found = set(names), []
        for name in names:
            folder, _, last = name.rpartition("/")
            inside = f"{folder}/" if folder else ""
            match = _FIRST.match(last)
            if match is None or f"{inside}{VOCABULARY}" not in there:
                continue
            chosen = [(WEIGHTS, name)]
            if match[1] == "encoder-model":
                beside = [f"{inside}{stem}{match[2]}.onnx" for stem in _DECODERS]
                chosen += [(DECODER, file) for file in beside if file in there]
            elif f"{inside}{CONFIG}" not in there:
                continue  # other recognisers and embedders have a model.onnx and a vocab.txt, too
            chosen += [(f"{role}_data", f"{file}.data") for role, file in chosen]
            chosen += [("vocabulary", f"{inside}{VOCABULARY}"), ("config", f"{inside}{CONFIG}")]
            stem = match[2].lstrip(".-_") or folder.rpartition("/")[2]
            found.append(ChosenFiles(stem, tuple(each for each in chosen if each[1] in there)))
        return found

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        by_role = dict(files)
        kind = kind_of(by_role)
        models = [read_onnx(by_role[role]) for role in (WEIGHTS, DECODER) if role in by_role]
        _check_inputs(by_role[WEIGHTS], models[0])
        for role, model in zip((WEIGHTS, DECODER), models, strict=False):
            _check_external(by_role, role, model)
        return self._facts(by_role, kind, sum(model.parameters for model in models))

    def read_start(self, files: Sequence[tuple[str, Path]]) -> Facts:
        """As `ingle.models.format.StartFormat`."""
        by_role = dict(files)
        return self._facts(by_role, kind_of(by_role), 0)

    def _facts(self, by_role: dict[str, Path], kind: str, parameters: int) -> Facts:
        tokens = read_vocabulary(by_role["vocabulary"])
        found = (_LANGUAGE.match(token) for token in tokens)
        languages = [match[1] for match in found if match]
        size = sum(
            path.stat().st_size
            for role, path in by_role.items()
            if role.removesuffix("_data") in (WEIGHTS, DECODER)
        )
        quantized = "int8" in by_role[WEIGHTS].name
        return Facts(
            format=self.name,
            abilities=["transcribe"],
            architecture=f"conformer-{kind}",
            parameters=parameters,
            quantization="INT8" if quantized else "F32",
            tensor_bytes=size,
            vocabulary=len(tokens),
            languages=languages,
            metadata={"languages": ", ".join(languages)} if languages else {},
        )


NEMO_ONNX = NemoOnnxFormat()


def kind_of(by_role: dict[str, Path]) -> str:
    """Which decoder a model has: ``ctc``, ``rnnt``, ``tdt`` or ``aed``.

    Raises:
        BadModelFile: its settings are damaged, of another model, or a file is missing.
    """
    weights = by_role[WEIGHTS]
    if weights.name.startswith("encoder-model") and DECODER not in by_role:
        raise BadModelFile(
            f"{weights.parent} has an encoder, but no decoder_joint-model.onnx beside it",
            hint="put all files of the model into one folder",
            path=str(weights),
        )
    if "config" not in by_role:
        raise BadModelFile(
            f"{weights.parent} has no {CONFIG} that says which decoder it is for",
            hint=f'write {{"model_type": "nemo-conformer-tdt"}} into its {CONFIG}; '
            f"known are {', '.join(KINDS)}",
            path=str(weights),
        )
    said = read_object(by_role["config"]).get("model_type")
    kind = KINDS.get(said, "") if isinstance(said, str) else ""
    name = by_role[DECODER].name if DECODER in by_role else ""
    fitting = next((kinds for stem, kinds in _DECODERS.items() if name.startswith(stem)), ("ctc",))
    if kind not in fitting:
        raise BadModelFile(
            f"{CONFIG} calls the model {str(said)[:80]!r}, which its files are not; "
            f"known are {', '.join(KINDS)}",
            path=str(by_role["config"]),
        )
    return kind


def read_vocabulary(path: Path) -> list[str]:
    """The tokens of a ``vocab.txt``, in the order of their numbers.

    Raises:
        BadModelFile: a line is not a token and its number, or a number is missing.
    """
    with path.open("rb") as file:
        data = file.read(MOST_VOCABULARY + 1)
    if len(data) > MOST_VOCABULARY:
        raise BadModelFile(f"{path.name} has more than {MOST_VOCABULARY} bytes", path=str(path))
    found: dict[int, str] = {}
    for line in data.decode("utf-8", "replace").removesuffix("\n").split("\n"):
        token, _, number = line.rpartition(" ")
        if not token or not number.isdecimal():
            raise BadModelFile(
                f"{path.name}: {line[:80]!r} is not a token and its number", path=str(path)
            )
        found[int(number)] = token
    if sorted(found) != list(range(len(found))):
        raise BadModelFile(f"{path.name}: the numbers have gaps", path=str(path))
    return [found[number] for number in range(len(found))]


def _check_inputs(path: Path, model: OnnxModel) -> None:
    if not set(model.inputs) >= _INPUTS:
        raise BadModelFile(
            f"{path.name} is another model: it takes {', '.join(model.inputs[:8]) or 'nothing'}, "
            f"not {' and '.join(sorted(_INPUTS))}",
            path=str(path),
        )


def _check_external(by_role: dict[str, Path], role: str, model: OnnxModel) -> None:
    there = by_role.get(f"{role}_data")
    for name in model.external:
        if there is None or there.name != name:
            raise BadModelFile(
                f"{by_role[role].name} keeps weights in {name[:80]}, which is not there",
                hint="put all files of the model into one folder",
                path=str(by_role[role]),
            )
