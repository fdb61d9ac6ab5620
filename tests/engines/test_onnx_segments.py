"""Sentences and words of what onnx-asr heard, and which languages a model is asked for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.engines.declarations import serving
from ingle.engines.onnx_asr.segments import segments_of
from ingle.engines.recognition.languages import check_language
from ingle.errors import CapabilityMissing, InvalidRequest


def heard(*tokens: tuple[str, float]) -> SimpleNamespace:
    return SimpleNamespace(
        text="".join(text for text, _ in tokens).strip(),
        tokens=[text for text, _ in tokens],
        timestamps=[start for _, start in tokens],
        logprobs=[-0.5] * len(tokens),
    )


def test_sentences_end_with_their_mark_or_a_pause() -> None:
    found = segments_of(
        heard(
            (" He", 0.0), ("llo", 0.1), (" you", 0.5), (".", 0.7), (" Go", 1.0), (" on", 3.5)
        ),
        5.0,
        words=False,
    )  # fmt: skip
    assert [segment.text for segment in found] == [" Hello you.", " Go", " on"]
    assert (found[0].start, found[0].end) == (0.0, pytest.approx(0.94))
    assert found[1].start == 1.0
    assert found[0].avg_logprob == pytest.approx(-0.5)
    assert found[0].words == ()


def test_words_have_times_and_a_number_is_one_word() -> None:
    (found,) = segments_of(heard((" a", 0.2), (" b", 0.4), ("c", 0.5)), 0.6, words=True)
    assert [(word.text, word.start) for word in found.words] == [(" a", 0.2), (" bc", 0.4)]
    assert found.words[1].end == 0.6
    assert 0.6 < found.words[0].probability < 0.61


def test_a_point_within_a_number_ends_nothing() -> None:
    found = segments_of(heard((" 3", 0.0), (".", 0.1), ("5", 0.2), (" km", 0.4)), 1.0, words=False)
    assert [segment.text for segment in found] == [" 3.5 km"]


def test_a_model_without_times_tells_one_segment() -> None:
    whole = SimpleNamespace(text="All of it.", tokens=None, timestamps=None, logprobs=None)
    (found,) = segments_of(whole, 7.0, words=True)
    assert (found.text, found.start, found.end) == (" All of it.", 0.0, 7.0)
    silent = SimpleNamespace(text=" ", tokens=None, timestamps=None, logprobs=None)
    assert segments_of(silent, 7.0, words=False) == ()


def test_languages_that_a_model_lacks_are_refused() -> None:
    plain = Transcribe(model="m")
    translating = Transcribe(model="m", task="translate")
    check_language(plain, "de", ["en", "de"], "m")
    check_language(plain, "", ["en"], "m")
    check_language(plain, "xx", [], "m")
    with pytest.raises(InvalidRequest, match="m does not know 'xx'"):
        check_language(plain, "xx", ["en", "de"], "m")
    with pytest.raises(CapabilityMissing, match="English alone"):
        check_language(plain, "de", ["en"], "m")
    with pytest.raises(CapabilityMissing, match="English alone"):
        check_language(translating, "", ["en"], "m")
    with pytest.raises(CapabilityMissing, match="cannot translate"):
        check_language(translating, "", [], "m", translates=False)


def test_each_format_that_hears_has_its_engine() -> None:
    for form, engine in (
        ("ggml-whisper", "whisper"),
        ("ctranslate2", "faster-whisper"),
        ("nemo-onnx", "onnx-asr"),
    ):
        assert serving(form, "transcribe").name == engine
