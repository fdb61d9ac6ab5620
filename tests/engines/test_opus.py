"""CTranslate2 itself, with a Marian model of random weights: whole, bounded, ended when told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ingle.capabilities.translate.operation import Translate, TranslatedText, Translation
from ingle.engines.engine import LoadSpec
from ingle.engines.opus.engine import OpusEngine
from ingle.engines.translators.translation_session import TranslationSession
from ingle.errors import BadModelFile, InvalidRequest, ModelLoadFailed
from ingle.models.formats import find, read
from ingle.operations import Event
from ingle.testing import check_engine

from .opus_model import random_opus

pytestmark = pytest.mark.extras


def spec_of(folder: Path, name: str) -> LoadSpec:
    files = {role: [str(path)] for role, path in find(folder).files}
    return LoadSpec(
        engine="opus", model=name, files=files, folder=str(folder), role="translate", slots=2,
        threads=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_opus(tmp_path_factory.mktemp("opus") / "opus-mt-en-de")


@pytest.fixture(scope="module")
def session(folder: Path) -> Iterator[TranslationSession]:
    found = OpusEngine().open(spec_of(folder, "opus:en-de"))
    yield found
    found.close()


def performed(session: TranslationSession, text: str, to: str = "de") -> tuple[str, list[Event]]:
    events: list[Event] = []
    session.perform(Translate(model="x", texts=[text], to=to), events.append)
    told = [event.text for event in events if isinstance(event, TranslatedText)]
    return "".join(told), events


def test_the_engine_keeps_the_contract(folder: Path) -> None:
    held = check_engine("opus", spec_of(folder, "opus:en-de"), most_memory=1.5)
    assert {"declares itself", "names itself", "needs what it declares"} <= set(held)


def test_a_folder_says_what_it_is(folder: Path) -> None:
    found = find(folder)
    facts = read(found.format, found.files)
    assert (facts.format, facts.abilities, facts.architecture) == (
        "ctranslate2", ["translate"], "marian",
    )  # fmt: skip
    assert (facts.embedding_length, facts.layers) == (64, 4)
    assert facts.quantization == "INT8"


def test_texts_come_through_with_what_has_to_stay(session: TranslationSession) -> None:
    text, events = performed(session, "w1 w2 w3. {name} w4!\n\nw5 7 w6")
    assert "{name}" in text
    assert "7" in text
    assert "\n\n" in text
    assert isinstance(events[-1], Translation)
    assert (events[-1].source, events[-1].to, events[-1].sentences) == ("en", "de", 3)


def test_a_sentence_beyond_its_window_is_read_whole(session: TranslationSession) -> None:
    words = " ".join(f"w{number % 100}" for number in range(2000))
    _, events = performed(session, words)
    assert isinstance(events[-1], Translation)
    assert events[-1].characters == len(words)


def test_another_language_is_refused(session: TranslationSession) -> None:
    with pytest.raises(InvalidRequest, match="opus:en-de translates from en to de, not to fr"):
        performed(session, "w1", "fr")


def test_of_several_target_languages_one_is_named(tmp_path: Path) -> None:
    found = OpusEngine().open(spec_of(random_opus(tmp_path / "roa", "fra", "es"), "opus:en-roa"))
    try:
        assert isinstance(performed(found, "w1 w2", "es")[1][-1], Translation)
        with pytest.raises(InvalidRequest, match="translates to es, fra, not to de"):
            performed(found, "w1 w2", "de")
    finally:
        found.close()


@pytest.mark.parametrize("part", ["source.spm", "target.spm", "shared_vocabulary.json"])
def test_a_missing_part_is_named(folder: Path, tmp_path: Path, part: str) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    (broken / part).unlink()
    found = find(broken)
    with pytest.raises(BadModelFile, match=f"no {part}"):
        read(found.format, found.files)


@pytest.mark.parametrize(
    ("part", "data", "told"),
    [
        ("model.bin", b"\x07" * 5000, "not a CTranslate2 model"),
        ("source.spm", b"\x07" * 5000, "source.spm is not a SentencePiece vocabulary"),
        ("target.spm", b"", "target.spm is not a SentencePiece vocabulary"),
        ("config.json", b"[", "config.json"),
    ],
)
def test_a_damaged_part_is_named(
    folder: Path, tmp_path: Path, part: str, data: bytes, told: str
) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    (broken / part).write_bytes(data)
    found = find(broken)
    with pytest.raises(BadModelFile, match=told):
        read(found.format, found.files)


def test_what_ctranslate2_refuses_is_told(folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    with (broken / "model.bin").open("r+b") as file:
        file.truncate(100_000)
    spec = spec_of(folder, "opus:en-de")
    with pytest.raises(ModelLoadFailed, match="CTranslate2 cannot load opus:en-de"):
        OpusEngine().open(msgspec.structs.replace(spec, folder=str(broken)))
