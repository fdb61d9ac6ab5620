"""Models of Firefox's translations: recognised, told of from their headers, refused when bad."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.formats import find, read

STUDENT = Path(__file__).parents[1] / "engines" / "students" / "en-es"
MODEL, WORDS, SHORTLIST = (
    "model.enes.intgemm.alphas.bin", "vocab.enes.spm", "lex.50.50.enes.s2t.bin",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STUDENT, tmp_path / "model"))


def facts(path: Path) -> Facts:
    found = find(path)
    return read(found.format, found.files)


def test_a_model_says_what_it_is(folder: Path) -> None:
    found = facts(folder)
    assert (found.format, found.abilities, found.architecture) == (
        "bergamot", ["translate"], "marian",
    )  # fmt: skip
    assert found.languages == ["en", "es"]
    assert (found.embedding_length, found.layers, found.heads) == (64, 4, 8)
    assert find(folder).chosen.stem == "bergamot-en-es"
    assert dict(find(folder / MODEL).chosen.files) == {
        "weights": MODEL, "vocabulary": WORDS, "shortlist": SHORTLIST,
    }  # fmt: skip


def test_two_vocabularies_and_no_shortlist_will_do(folder: Path) -> None:
    shutil.copy(folder / WORDS, folder / "trgvocab.enes.spm")
    (folder / WORDS).rename(folder / "srcvocab.enes.spm")
    (folder / SHORTLIST).unlink()
    assert facts(folder).languages == ["en", "es"]


def test_languages_with_a_script_are_known_by_the_names_of_files(folder: Path) -> None:
    for name in (MODEL, WORDS):
        (folder / name).rename(folder / name.replace("enes", "enzh_hant"))
    assert facts(folder).languages == ["en", "zh-hant"]


def cut(name: str, size: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with (folder / name).open("r+b") as file:
            file.truncate(size)

    return damage


def written(name: str, data: bytes, at: int = 0) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with (folder / name).open("r+b") as file:
            file.seek(at)
            file.write(data)

    return damage


def replaced(old: bytes, new: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        data = (folder / MODEL).read_bytes()
        (folder / MODEL).write_bytes(data.replace(old, new))

    return damage


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut(MODEL, 100_000), f"{MODEL}: truncated in"),
        (cut(MODEL, 190_000), f"{MODEL}: truncated in"),
        (cut(MODEL, 10), "not a binary Marian model"),
        (written(MODEL, b"\x93" * 64), "not a binary Marian model"),
        (written(MODEL, struct.pack("<Q", 2**62), 8), "not a binary Marian model"),
        (written(MODEL, struct.pack("<Q", 4000), 8), MODEL),
        (written(MODEL, struct.pack("<Q", 2**40), 16), "the name of tensor 0"),
        (written(MODEL, struct.pack("<Q", 99), 32), "has 99 dimensions"),
        (replaced(b"autoreg: rnn", b"autoreg: xyz"), "has a decoder of xyz"),
        (replaced(b"_QuantMultA", b"_QuantMultB"), "not quantised to 8 bits with alphas"),
        (written(WORDS, b"\x07" * 200), f"{WORDS} is not a SentencePiece vocabulary"),
        (cut(WORDS, 700), f"{WORDS} is not a SentencePiece vocabulary"),
        (cut(WORDS, 0), f"{WORDS} is not a SentencePiece vocabulary"),
        (cut(SHORTLIST, 1000), f"{SHORTLIST} is 1000 bytes long"),
        (written(SHORTLIST, b"\0" * 8), f"{SHORTLIST} is not a binary shortlist"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_named(folder: Path, damage: Callable[[Path], None], told: str) -> None:
    damage(folder)
    with pytest.raises(BadModelFile, match=told):
        facts(folder)


def test_the_vocabulary_of_another_model_is_refused(folder: Path) -> None:
    data = (folder / WORDS).read_bytes()
    piece = data[: 2 + data[1]]
    (folder / WORDS).write_bytes(piece * 80 + data)
    with pytest.raises(BadModelFile, match="they do not belong together"):
        facts(folder)


def test_a_missing_vocabulary_is_named(folder: Path) -> None:
    (folder / WORDS).rename(folder / "srcvocab.enes.spm")
    with pytest.raises(BadModelFile, match="has no target vocabulary beside"):
        facts(folder)
    (folder / "srcvocab.enes.spm").unlink()
    with pytest.raises(BadModelFile, match="no format recognises it"):
        find(folder)
