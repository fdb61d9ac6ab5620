"""fxtranslate itself, with tiny models that were trained: right, whole, and ended when told."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from recipes.marian.sentences import sentences

from ingle.capabilities.translate.operation import (
    GlossaryTerm,
    Translate,
    TranslatedText,
    Translation,
    TranslationProgress,
)
from ingle.engines.bergamot.engine import BergamotEngine
from ingle.engines.bergamot.sentence_pool import SentencePool
from ingle.engines.bergamot.sentence_process import ModelPaths, opened
from ingle.engines.translators.translation_session import TranslationSession
from ingle.errors import Cancelled, EngineFault, InvalidRequest, ModelLoadFailed
from ingle.operations import Event
from ingle.testing import check_engine

from .students import student

pytestmark = pytest.mark.extras

LONG = ", ".join(["I have two red cats"] * 120)


@pytest.fixture(scope="module")
def session() -> Iterator[TranslationSession]:
    found = BergamotEngine().open(student("en-es"))
    yield found
    found.close()


def request(*texts: str, to: str = "es", **fields: object) -> Translate:
    return msgspec.convert({"model": "x", "texts": list(texts), "to": to, **fields}, Translate)


def performed(session: TranslationSession, operation: Translate) -> tuple[list[str], list[Event]]:
    events: list[Event] = []
    session.perform(operation, events.append)
    texts = [""] * len(operation.texts)
    for event in events:
        if isinstance(event, TranslatedText):
            texts[event.index] += event.text
    return texts, events


def test_the_engine_keeps_the_contract() -> None:
    held = check_engine("bergamot", student("en-es"), most_memory=1.5)
    assert {"declares itself", "names itself", "needs what it declares"} <= set(held)


@pytest.mark.parametrize("pair", ["en-es", "es-en", "en-fr"])
def test_sentences_that_it_was_not_trained_on_are_right(pair: str) -> None:
    source, target = pair.split("-")
    made = list(sentences(100, random.Random(7), source, target))
    found = BergamotEngine().open(student(pair))
    try:
        texts, _ = performed(found, request(*(one for one, _ in made), to=target))
    finally:
        found.close()
    right = sum(text == wanted for text, (_, wanted) in zip(texts, made, strict=True))
    assert right >= 98


def test_sentences_come_one_by_one_and_in_a_row_they_are_the_text(
    session: TranslationSession,
) -> None:
    text = "I have two red cats. She sees one dog!\n\n{name} buys 7 black books."
    texts, events = performed(session, request(text))
    wanted = "Tengo dos gatos rojos. Ella ve un perro!\n\n{name} compra 7 libros negros."
    assert texts == [wanted]
    kinds = [type(event) for event in events]
    assert kinds == [TranslatedText, TranslationProgress] * 3 + [Translation]
    done = [event.completed for event in events if isinstance(event, TranslationProgress)]
    assert done == sorted(done)
    assert done[-1] == len(text)
    assert events[-1] == Translation(to="es", source="en", characters=len(text), sentences=3)


def test_markup_stays_around_its_words(session: TranslationSession) -> None:
    one, _ = performed(session, request("<p>I have two <b>red cats</b>.</p>", format="html"))
    assert one == ["<p>Tengo dos <b>gatos rojos</b>.</p>"]
    two, _ = performed(session, request("# I have two cats\n\n`code`", format="markdown"))
    assert two == ["# Tengo dos gatos\n\n`code`"]


def test_a_glossary_is_kept_to(session: TranslationSession) -> None:
    terms = [GlossaryTerm(source="cats", target="Miezen")]
    (text,), _ = performed(session, request("I have two red cats.", glossary=terms))
    assert text.count("Miezen") == 1


def test_a_sentence_beyond_what_it_reads_is_translated_whole(session: TranslationSession) -> None:
    files = student("en-es").files
    model, words = files["weights"][0], files["vocabulary"][0]
    translate, _ = opened(ModelPaths(model, words, words, most_tokens=12))
    text = translate(LONG)
    assert text.count("Tengo dos gatos rojos") == 120
    # With the whole of its window, this one writes what it was never trained on, but all is read.
    (_,), events = performed(session, request(LONG))
    assert isinstance(events[-1], Translation)
    assert events[-1].characters == len(LONG)


@pytest.mark.parametrize(
    "text",
    ["", " \n\t ", "\x00\x07\x1b", "😀😀 🎉", "مرحبا بالعالم", "...", "12 34", "\u202e\u200b",
     "Z" * 600],
)  # fmt: skip
def test_odd_texts_come_through(session: TranslationSession, text: str) -> None:
    (found,), _ = performed(session, request(text))
    assert text.strip("\x00") == "" or found or not text.strip()
    if not any(sign.isalpha() for sign in text):
        assert found == text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"to": "de"}, "translates from en to es, not to de"),
        ({"to": "es", "source": "fr"}, "translates from en to es, not from fr"),
    ],
)
def test_another_pair_is_refused(
    session: TranslationSession, fields: dict[str, str], told: str
) -> None:
    with pytest.raises(InvalidRequest, match=told):
        performed(session, request("x", **fields))


def test_it_stops_between_sentences(session: TranslationSession) -> None:
    operation = request("I have two red cats. " * 2000)
    seen: list[Event] = []

    def emit(event: Event) -> None:
        seen.append(event)
        session.stop(operation)

    with pytest.raises(Cancelled):
        session.perform(operation, emit)
    assert len(seen) < 200
    assert performed(session, request("I have two cats."))[0] == ["Tengo dos gatos."]


def test_a_model_that_was_cut_short_is_told_of(tmp_path: Path) -> None:
    spec = student("en-es")
    broken = tmp_path / "model.enes.intgemm.alphas.bin"
    broken.write_bytes(Path(spec.weights[0]).read_bytes()[:-5000])
    files = {**spec.files, "weights": [str(broken)]}
    with pytest.raises(Exception, match="truncated"):
        BergamotEngine().open(msgspec.structs.replace(spec, files=files))


def test_a_panic_ends_a_process_and_no_more(tmp_path: Path) -> None:
    """A shortlist that names pieces that there are not."""
    spec = student("en-es")
    shortlist = tmp_path / "lex.50.50.enes.s2t.bin"
    data = bytearray(Path(spec.files["shortlist"][0]).read_bytes())
    lists = 4 * struct.unpack_from("<Q", data, 40)[0]
    data[-lists:] = b"\xff" * lists
    shortlist.write_bytes(data)
    files = {**spec.files, "shortlist": [str(shortlist)]}
    found = BergamotEngine().open(msgspec.structs.replace(spec, files=files))
    try:
        for _ in range(2):
            with pytest.raises(EngineFault, match="fxtranslate failed on a sentence"):
                performed(found, request("I have two red cats! She sees one dog."))
    finally:
        found.close()


def test_what_fxtranslate_refuses_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    with pytest.raises(ModelLoadFailed, match="fxtranslate cannot load broken"):
        SentencePool(ModelPaths(str(empty), str(empty), str(empty)), "broken", 1)
