from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.errors import InvalidRequest
from ingle.models import ModelRef
from ingle.models.ref import part_from

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "host", "owner", "name", "tag"),
    [
        ("ember", "", "", "ember", "latest"),
        ("qwen3:0.6b", "", "", "qwen3", "0.6b"),
        ("owner/name", "", "owner", "name", "latest"),
        ("hf.co/Qwen/Qwen3-4B-GGUF:Q8_0", "hf.co", "Qwen", "Qwen3-4B-GGUF", "Q8_0"),
        ("localhost:5000/me/it:v1", "localhost:5000", "me", "it", "v1"),
        (f"m@sha256:{HEX}", "", "", "m", "latest"),
    ],
)
def test_names_come_apart_and_together(
    text: str, host: str, owner: str, name: str, tag: str
) -> None:
    ref = ModelRef.parse(text)
    assert (ref.host, ref.owner, ref.name, ref.tag) == (host, owner, name, tag)
    assert str(ref) == text
    assert ModelRef.parse(str(ref)) == ref


def test_latest_and_case_make_no_difference() -> None:
    assert ModelRef.parse("Ember:latest").key == ModelRef.parse("ember").key
    assert str(ModelRef.parse("ember:latest")) == "ember"
    assert ModelRef.parse(f"ember@sha256:{HEX}").key == ModelRef.parse("ember").key


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "a:", ":b", "/a", "a/", "a//b", "..", "../a", "a/../b", "a..b", ".a", "a."),
        *("/etc/passwd", "C:\\x", "a\\b", "a b", "a\0b", "a\nb", "a\x1b[0m", "-rf", "~/x"),
        *("nul", "CON.txt", "a:aux", "com1/x", "Lpt9.gguf", "é", "a" * 97, "a/" * 300),
        *("a/b/c/d", "nohost/b/c", "m@", "m@sha256:12", f"m@md5:{HEX}", f"m@sha256:{HEX.upper()}"),
        *("http://x/y", "file:///etc/passwd", "%2e%2e/a", "a?b", "a#b", "a*"),
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ModelRef.parse(text)
    assert caught.value.details["field"] == "model"
    assert len(caught.value.message) < 300


@given(st.text(max_size=200))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        ref = ModelRef.parse(text)
    except InvalidRequest:
        return
    assert ModelRef.parse(str(ref)) == ref
    assert ".." not in ref.key
    assert "\\" not in ref.key


@given(st.text(max_size=200))
def test_any_text_gives_a_valid_part(text: str) -> None:
    assert ModelRef.parse(part_from(text)).name == part_from(text)
