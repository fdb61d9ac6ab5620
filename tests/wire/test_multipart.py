"""Forms are read the same however they are cut, and nothing of a file is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.errors import InvalidRequest
from ingle.wire.multipart import (
    MOST_HEADER,
    FormData,
    FormPart,
    MultipartParser,
    boundary_of,
)

BOUNDARY = b"x-y"
NAMES = st.text("abc[]_é", min_size=1, max_size=8)
CONTENT = st.binary(max_size=60) | st.sampled_from([b"\r\n", b"\r\n--", b"--x-", b"\r\n--x-z"])


def form(parts: list[tuple[str, str | None, bytes]]) -> bytes:
    made = b""
    for name, filename, content in parts:
        more = "" if filename is None else f'; filename="{filename}"'
        head = f'Content-Disposition: form-data; name="{name}"{more}\r\nContent-Type: a/b'
        made += b"--" + BOUNDARY + b"\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"
    return made + b"--" + BOUNDARY + b"--\r\n"


def read(data: bytes, step: int) -> list[tuple[str, str | None, bytes]]:
    parser = MultipartParser(BOUNDARY)
    found: list[tuple[str, str | None, bytes]] = []
    for at in range(0, len(data), step):
        for part in parser.feed(data[at : at + step]):
            match part:
                case FormPart(name=name, filename=filename):
                    found.append((name, filename, b""))
                case FormData(data=more):
                    name, filename, before = found[-1]
                    found[-1] = (name, filename, before + more)
    parser.close()
    return found


@given(
    st.lists(st.tuples(NAMES, st.none() | NAMES, CONTENT), max_size=5),
    st.integers(1, 40),
    st.sampled_from([b"", b"preamble\r\n"]),
)
def test_what_is_written_is_read(
    parts: list[tuple[str, str | None, bytes]], step: int, before: bytes
) -> None:
    assert read(before + form(parts) + b"epilogue", step) == parts


def test_a_large_file_is_passed_on_as_it_comes() -> None:
    parser = MultipartParser(BOUNDARY)
    head, tail = form([("file", "a.wav", b"@")]).split(b"@")
    list(parser.feed(head))
    for _ in range(50):
        passed = sum(len(part.data) for part in parser.feed(bytes(10_000)) if part)  # type: ignore[union-attr]
        assert passed >= 9_900
    assert [len(p.data) for p in parser.feed(tail) if isinstance(p, FormData)] <= [100]
    parser.close()


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="],
)
def test_what_is_not_a_form_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidRequest, match="must be multipart/form-data"):
        boundary_of(content_type)


def test_the_boundary_is_read_from_the_header() -> None:
    assert boundary_of('multipart/form-data; charset=x; boundary="a b"') == b"a b"
    assert boundary_of("Multipart/Form-Data; BOUNDARY=ab; x=y") == b"ab"
    with pytest.raises(InvalidRequest, match="more than 70 bytes"):
        boundary_of("multipart/form-data; boundary=" + "a" * 71)


def test_a_form_that_is_cut_off_or_has_no_names_is_refused() -> None:
    whole = form([("a", None, b"x")])
    with pytest.raises(InvalidRequest, match="ends before its last boundary"):
        read(whole[:-6], 7)
    with pytest.raises(InvalidRequest, match="has no name"):
        read(b"--x-y\r\nContent-Type: a/b\r\n\r\nx\r\n--x-y--", 7)
    with pytest.raises(InvalidRequest, match=f"more than {MOST_HEADER} bytes"):
        read(b"--x-y\r\n" + b"a: " + b"b" * MOST_HEADER + b"\r\n\r\n", 1000)
    with pytest.raises(InvalidRequest, match=f"more than {MOST_HEADER} bytes"):
        read(b"--x-y" + b" " * 2 * MOST_HEADER, 1000)
