"""Words of tokens, also where a token is half of a character; what a recogniser is told before."""

from __future__ import annotations

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.engines.recognition.prompt import prompt_of
from ingle.engines.recognition.recogniser import compression_ratio
from ingle.engines.recognition.words import SpelledToken, words_of


def tokens(*texts: bytes) -> list[SpelledToken]:
    return [SpelledToken(text, float(place), place + 0.5, 0.25) for place, text in enumerate(texts)]


def test_a_space_begins_a_word() -> None:
    found = words_of(tokens(b" whis", b"per", b".", b" hears", b" "), "en")
    assert [(word.text, word.start, word.end) for word in found] == [
        (" whisper.", 0.0, 2.5),
        (" hears", 3.0, 3.5),
    ]
    assert found[0].probability == 0.25


def test_without_spaces_each_whole_character_is_a_word() -> None:
    first, second = "語".encode(), "話".encode()
    found = words_of(tokens(first[:1], first[1:], second), "ja")
    assert [word.text for word in found] == ["語", "話"]
    assert (found[0].start, found[0].end) == (0.0, 1.5)


def test_a_character_that_never_becomes_whole_is_told_as_unknown() -> None:
    (word,) = words_of(tokens(b" a", b"\xe8"), "en")
    assert word.text == " a\ufffd"


def test_hot_words_and_the_prompt_are_one_text() -> None:
    assert prompt_of(Transcribe(model="m")) == ""
    assert prompt_of(Transcribe(model="m", prompt="Hello.")) == "Hello."
    both = Transcribe(model="m", prompt="Hello.", hotwords=["Ingle", "ggml"])
    assert prompt_of(both) == "Ingle, ggml. Hello."


def test_what_repeats_itself_is_compressed() -> None:
    assert compression_ratio("") == 0
    assert compression_ratio("again and " * 50) > 10 > compression_ratio("A sentence of words.")
