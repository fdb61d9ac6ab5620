"""SSML: what is spoken of it, and a clear no for the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.errors import InvalidRequest
from ingle.sound.ssml import SsmlPart, read_ssml


def test_pauses_and_speeds() -> None:
    found = read_ssml(
        '<speak>One <break time="500ms"/> two <prosody rate="slow">three '
        '<prosody rate="50%">four</prosody></prosody> <sub alias="five">V</sub> &amp; six'
        '<break strength="strong"/></speak>'
    )
    assert found == [
        SsmlPart("One "),
        SsmlPart(pause_s=0.5),
        SsmlPart(" two "),
        SsmlPart("three ", 0.75),
        SsmlPart("four", 0.375),
        SsmlPart(" five & six"),
        SsmlPart(pause_s=0.75),
    ]


def test_paragraphs_and_sentences_end_in_pauses() -> None:
    found = read_ssml("<speak><p><s>One.</s><s>Two.</s></p></speak>")
    assert [part.text or part.pause_s for part in found] == ["One.", 0.25, "Two.", 0.25, 0.5]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hello", "not well-formed"),
        ("<speak>hello", "not well-formed"),
        ("<p>hello</p>", "begins with <p>"),
        ("<speak><audio src='x'/></speak>", "<audio> is not supported; use speak, p, s, break"),
        ("<speak><prosody pitch='high'>x</prosody></speak>", "<prosody> is not supported with pit"),
        ("<speak><break time='1h'/></speak>", "'1h' is not a time"),
        ("<speak><break time='60s'/></speak>", "over the limit of 10 s"),
        ("<speak><break strength='huge'/></speak>", "'huge' is not a strength"),
        ("<speak><prosody rate='-100%'>x</prosody></speak>", "a rate at which nothing is said"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><speak>&a;</speak>", "a DOCTYPE is not supported"),
        ("<speak>" + "<s>" * 40 + "</s>" * 40 + "</speak>", "nested more than 32 deep"),
    ],
)
def test_what_is_not_spoken_is_refused_by_name(text: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told) as caught:
        read_ssml(text)
    assert caught.value.details["field"] == "text"


@given(st.text(st.sampled_from("<>/speak =\"'&;b1"), max_size=80) | st.text(max_size=80))
def test_it_is_read_or_refused(text: str) -> None:
    for given_text in (text, f"<speak>{text}</speak>"):
        try:
            parts = read_ssml(given_text)
        except InvalidRequest:
            continue
        assert all(part.text or part.pause_s for part in parts)
