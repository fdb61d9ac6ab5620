"""Models of Firefox's translations (Bergamot): Marian students of eight bits.

A folder has ``model.ende.intgemm.alphas.bin``; ``vocab.ende.spm``, or ``srcvocab.ende.spm`` and
``trgvocab.ende.spm``; and perhaps ``lex.50.50.ende.s2t.bin``, which says for each source piece
which target pieces may be written for it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.models.marian_model import CONFIG, MarianModel, is_marian, read_marian
from ingle.models.sentencepiece_model import read_sentencepiece
from ingle.translation.language_tags import pair_in

_MODEL = re.compile(r"model\.([A-Za-z_-]{4,24})\.(?:[\w.-]+\.)?bin\Z")
VOCABULARY, SOURCE, TARGET, SHORTLIST = (
    "vocabulary", "source-vocabulary", "target-vocabulary", "shortlist",
)  # fmt: skip
_SHORTLIST_HEAD = struct.Struct("<6Q")
_SHORTLIST_MAGIC = 0xF11A48D5013417F5
_INTGEMM8 = 0x4101
_PADDING = 64
"""Rows that a matrix may have beyond the vocabulary: it is padded to a multiple of 8."""


class BergamotFormat:
    """See `ingle.models.format.Format`."""

    name = "bergamot"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        found = []
        for name in names:
            folder, _, last = name.rpartition("/")
            match = _MODEL.match(last)
            if match is None:
                continue
            pair = match[1]
            inside = f"{folder}/" if folder else ""
            beside = [each for each in names if each.rpartition("/")[0] == folder]
            files = [(WEIGHTS, name)]
            for role, start, end in (
                (VOCABULARY, "vocab", ".spm"),
                (SOURCE, "srcvocab", ".spm"),
                (TARGET, "trgvocab", ".spm"),
                (SHORTLIST, "lex", ".bin"),
            ):
                places = [
                    each
                    for each in beside
                    if each.startswith(f"{inside}{start}.") and each.endswith(end)
                    and f".{pair}." in each
                ]  # fmt: skip
                files += [(role, place) for place in places[:1]]
            roles = {role for role, _ in files}
            if roles & {VOCABULARY, SOURCE, TARGET}:
                tags = "-".join(pair_in(pair) or (pair,))
                found.append(ChosenFiles(f"bergamot-{tags}", tuple(files)))
        return found

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        by_role = dict(files)
        path = by_role[WEIGHTS]
        if not is_marian(path):
            raise BadModelFile(f"{path.name} is not a binary Marian model", path=str(path))
        model = read_marian(path)
        _check_student(model, path)
        vocabularies = _vocabularies(by_role, path)
        rows = _rows(model, path)
        for vocabulary in vocabularies:
            pieces = read_sentencepiece(vocabulary).pieces
            if not any(pieces <= each < pieces + _PADDING for each in rows):
                raise BadModelFile(
                    f"{vocabulary.name} has {pieces} pieces, {path.name} is for "
                    f"{' or '.join(map(str, rows))}: they do not belong together",
                    hint="put the files of one model into one folder",
                    path=str(vocabulary),
                )
        if SHORTLIST in by_role:
            _check_shortlist(by_role[SHORTLIST])
        match = _MODEL.match(path.name)
        pair = pair_in(match[1]) if match else None
        width = model.number("dim-emb")
        return Facts(
            format=self.name,
            abilities=["translate"],
            architecture="marian",
            parameters=sum(_elements(each.shape) for each in model.tensors.values()),
            quantization="INT8",
            tensor_bytes=path.stat().st_size,
            embedding_length=width,
            layers=model.number("enc-depth") + model.number("dec-depth"),
            heads=model.number("transformer-heads"),
            vocabulary=rows[-1],
            licence="MPL-2.0",
            languages=list(pair or ()),
            metadata={
                **({"source": pair[0], "target": pair[1]} if pair else {}),
                "encoder layers": model.number("enc-depth"),
                "decoder layers": model.number("dec-depth"),
            },
        )


BERGAMOT_FORMAT = BergamotFormat()


def _elements(shape: Sequence[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _check_student(model: MarianModel, path: Path) -> None:
    if CONFIG not in model.tensors:
        raise BadModelFile(f"{path.name} has no {CONFIG}", path=str(path))
    decoder = model.config.get("transformer-decoder-autoreg", "")
    if decoder != "rnn" or model.config.get("dec-cell") not in ("ssru", "ssru-"):
        raise BadModelFile(
            f"{path.name} has a decoder of {decoder or 'an unknown kind'}; of Marian's models, "
            "ingle runs those with an SSRU decoder, and those that were converted for CTranslate2",
            hint="ct2-marian-converter",
            path=str(path),
        )
    quantised = [each for each in model.tensors.values() if each.type == _INTGEMM8]
    if not quantised or not any(name.endswith("_QuantMultA") for name in model.tensors):
        raise BadModelFile(
            f"{path.name} is not quantised to 8 bits with alphas (intgemm8)", path=str(path)
        )
    for name in (f"encoder_l{model.number('enc-depth')}_self_Wq",
                 f"decoder_l{model.number('dec-depth')}_rnn_W"):  # fmt: skip
        if name not in model.tensors:
            raise BadModelFile(f"{path.name} has no {name}", path=str(path))


def _vocabularies(by_role: dict[str, Path], path: Path) -> list[Path]:
    if VOCABULARY in by_role:
        return [by_role[VOCABULARY]]
    missing = [role for role in (SOURCE, TARGET) if role not in by_role]
    if missing:
        raise BadModelFile(
            f"{path.parent} has no {missing[0].replace('-', ' ')} beside {path.name}",
            hint="put all files of the model into one folder",
            path=str(path),
        )
    return [by_role[SOURCE], by_role[TARGET]]


def _rows(model: MarianModel, path: Path) -> list[int]:
    """Rows of its embeddings: of the source, then of the target."""
    names = ("encoder_Wemb", "decoder_Wemb") if "encoder_Wemb" in model.tensors else ("Wemb",)
    width = model.number("dim-emb")
    rows = []
    for name in names:
        shape = model.tensors[name].shape if name in model.tensors else ()
        if len(shape) != 2 or width not in shape:
            raise BadModelFile(f"{path.name} has no {name} of {width} columns", path=str(path))
        rows.append(shape[0] if shape[1] == width else shape[1])
    return rows


def _check_shortlist(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(_SHORTLIST_HEAD.size)
    size = path.stat().st_size
    if len(head) < _SHORTLIST_HEAD.size or _SHORTLIST_HEAD.unpack(head)[0] != _SHORTLIST_MAGIC:
        raise BadModelFile(f"{path.name} is not a binary shortlist", path=str(path))
    _, _, _, _, offsets, words = _SHORTLIST_HEAD.unpack(head)
    if size != _SHORTLIST_HEAD.size + 8 * offsets + 4 * words:
        raise BadModelFile(
            f"{path.name} is {size} bytes long; its header says another size", path=str(path)
        )
