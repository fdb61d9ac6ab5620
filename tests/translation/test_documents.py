"""Documents: their texts, all else as it was, and what is broken told of."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.errors import InvalidRequest
from ingle.translation.documents import read_document
from ingle.translation.text_translation import TextTranslation


def shouted(lines: Sequence[str]) -> list[str]:
    return [line.upper() for line in lines]


def translated(data: bytes, form: str, to: str = "") -> bytes:
    document = read_document(data, form, to)
    pieces = TextTranslation(shouted).texts(document.texts, document.form)
    return document.written(["".join(piece.text for piece in each) for each in pieces])


SRT = b"""1
00:00:01,000 --> 00:00:02,500
I have two
red cats, and they sleep.

2
00:00:03,000 --> 00:00:04,000 X1:40
<i>She sees {name}!</i>

3
00:00:05,000 --> 00:00:06,000
- Who?
- Me.
"""


def test_subtitles_keep_their_times_their_lines_and_their_marks() -> None:
    assert (
        translated(SRT, "srt")
        == b"""1
00:00:01,000 --> 00:00:02,500
I HAVE TWO RED
CATS, AND THEY SLEEP.

2
00:00:03,000 --> 00:00:04,000 X1:40
<i>SHE SEES {name}!</i>

3
00:00:05,000 --> 00:00:06,000
- WHO?
- ME.
"""
    )


def test_subtitles_of_the_web_keep_their_head_and_their_notes() -> None:
    head = b"WEBVTT - A film\n\nNOTE keep me\n\nintro\n00:01.000 --> 00:02.000 align:start\n"
    assert translated(head + b"Hello\n", "vtt") == head + b"HELLO\n"


@pytest.mark.parametrize(
    ("data", "form", "told"),
    [
        (b"no times at all", "srt", "it has no times"),
        (b"1\n00:00:xx --> 00:00:02\nHi\n", "srt", "line 2 is not a time range"),
        (b"00:01.000 --> 00:02.000\nHi\n", "vtt", "it does not begin with WEBVTT"),
        (b'msgid "a\nmsgstr ""\n', "po", "line 1"),
        (b'msgid "a"\nhello\n', "po", "line 2: 'hello'"),
        (b'"a"\n', "po", "line 1"),
        (b"PK\x03\x04 and no more", "docx", "not a docx file"),
        (b"", "docx", "not a docx file"),
        (b"caf\xe9", "text", "not valid UTF-8 at byte 3"),
        (b"\xff\xfea", "text", "not valid UTF-16"),
    ],
)
def test_what_is_broken_is_told_with_its_place(data: bytes, form: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told) as raised:
        translated(data, form)
    assert raised.value.details["field"] == "document"


PO = rb"""# a comment
msgid ""
msgstr ""
"Language: es\n"

#: main.py:3
#, python-format
msgid "I have %(count)d \"cats\"."
msgstr ""

msgctxt "menu"
msgid ""
"Two lines\n"
"of text"
msgstr "Hecho"

msgid "one cat"
msgid_plural "%d cats"
msgstr[0] ""
msgstr[1] ""

#~ msgid "old"
#~ msgstr ""
"""


def test_a_catalogue_gets_what_it_lacks() -> None:
    wanted = (
        PO.replace(b'cats\\"."\nmsgstr ""', b'cats\\"."\nmsgstr "I HAVE %(count)d \\"CATS\\"."')
        .replace(b'msgstr[0] ""', b'msgstr[0] "ONE CAT"')
        .replace(b'msgstr[1] ""', b'msgstr[1] "%d CATS"')
    )
    assert translated(PO, "po") == wanted


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_is_written_in_its_own_encoding(encoding: str) -> None:
    assert translated("h\u00e9llo\n".encode(encoding), "text") == "H\u00c9LLO\n".encode(encoding)


NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
HEAD = f'<?xml version="1.0" encoding="UTF-8"?><w:document {NAMESPACE}><w:body>'
BOLD = "<w:rPr><w:b/></w:rPr>"


def docx(body: str, **others: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", f"{HEAD}{body}</w:body></w:document>")
        for name, content in others.items():
            archive.writestr(f"word/{name}.xml", content)
        archive.writestr("word/media/image1.png", b"\x89PNG")
    return out.getvalue()


def body_of(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read("word/media/image1.png") == b"\x89PNG"
        text = archive.read("word/document.xml").decode()
    return text.removeprefix(HEAD).removesuffix("</w:body></w:document>")


def run(text: str, properties: str = "") -> str:
    return f'<w:r>{properties}<w:t xml:space="preserve">{text}</w:t></w:r>'


def test_a_document_of_word_keeps_all_but_its_words() -> None:
    before = (
        f"<w:p><w:pPr><w:jc/></w:pPr>{run('Salt &amp; ')}{run('pepper ')}{run('now', BOLD)}"
        f"{run('.')}</w:p><w:p>{run('One')}<w:r><w:tab/></w:r>{run('Two')}</w:p><w:p/>"
    )
    after = (
        f"<w:p><w:pPr><w:jc/></w:pPr>{run('SALT &amp; PEPPER ')}{run('')}{run('NOW', BOLD)}"
        f"{run('.')}</w:p><w:p>{run('ONE')}<w:r><w:tab/></w:r>{run('TWO')}</w:p><w:p/>"
    )
    assert body_of(translated(docx(before), "docx")) == after


def test_headers_and_footnotes_are_read_too() -> None:
    data = docx("<w:p/>", header1=f"<w:hdr {NAMESPACE}><w:p>{run('Top')}</w:p></w:hdr>")
    with zipfile.ZipFile(io.BytesIO(translated(data, "docx"))) as archive:
        assert ">TOP<" in archive.read("word/header1.xml").decode()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("<w:p><w:r><w:t>cut", "document.xml"),
        ('<w:p w:x="<"/>', "document.xml"),
    ],
)
def test_xml_that_is_broken_is_told_of(body: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        translated(docx(body), "docx")


def test_bombs_are_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"word/{number}.xml", bytes(64 << 20))
    with pytest.raises(InvalidRequest, match="it unpacks to 5 files of 335544320 bytes"):
        translated(out.getvalue(), "docx")
    entities = f'<!DOCTYPE x [<!ENTITY a "{"a" * 10}">]><w:document {NAMESPACE}>&a;</w:document>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", entities)
    with pytest.raises(InvalidRequest, match="declares a document type"):
        translated(out.getvalue(), "docx")


def test_an_archive_of_something_else_is_no_document() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InvalidRequest, match=r"it has no word/document\.xml"):
        translated(out.getvalue(), "docx")


@given(st.binary(max_size=300), st.sampled_from(["text", "html", "srt", "vtt", "po", "docx"]))
def test_any_bytes_are_read_or_refused(data: bytes, form: str) -> None:
    with contextlib.suppress(InvalidRequest):
        translated(data, form)


PAGE = b"""<!doctype html>
<html lang="en" dir='ltr'>
<head><title>Cats</title><meta name="title" content="kept"></head>
<body>
<p title="A 'fine' day">I see <img src="a.png" alt="two red cats"> and <a href="/x?title=no"
 title='say "hi"'>more</a>.</p>
<code title="kept">x</code> <p translate="no" title="kept">kept</p>
<span lang="fr" data-alt="kept" alt="">mot</span> <img alt=unquoted>
</body></html>
"""


def test_what_pictures_and_hints_of_a_page_say_is_translated() -> None:
    found = translated(PAGE, "html", "pt-BR").decode()
    assert "<html lang=\"pt-br\" dir='ltr'>" in found
    assert '<p title="A &#39;FINE&#39; DAY">' in found
    assert 'I SEE <img src="a.png" alt="TWO RED CATS"> AND <a href="/x?title=no"' in found
    assert "title='SAY &quot;HI&quot;'>MORE</a>" in found
    assert "<title>CATS</title>" in found
    assert found.count("kept") == PAGE.decode().count("kept")
    assert '<span lang="fr" data-alt="kept" alt="">MOT</span> <img alt=unquoted>' in found
    assert '<html lang="en"' in translated(PAGE, "html").decode()


@given(st.text("<>\"'= altie/p\ufdd0\ufdd1&;0", max_size=60))
def test_no_page_loses_anything_by_its_attributes(page: str) -> None:
    document = read_document(page.encode(), "html")
    assert document.written(document.texts).decode().replace("&quot;", '"').replace(
        "&#39;", "'"
    ) == page.replace("&quot;", '"').replace("&#39;", "'")


PO_HEADER = b"""msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
%s"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "cat"
msgstr ""
"""


@pytest.mark.parametrize(
    ("to", "told"), [("de", "de"), ("pt-br", "pt_BR"), ("zh-Hant", "zh_Hant"), ("pt_PT", "pt_PT")]
)
def test_a_catalogue_names_its_language(to: str, told: str) -> None:
    line = b'"Language: %s\\n"\n' % told.encode()
    found = translated(PO_HEADER % b'"Language: \\n"\n', "po", to)
    assert found == (PO_HEADER % line).replace(b'"cat"\nmsgstr ""', b'"cat"\nmsgstr "CAT"')
    added = translated(PO_HEADER % b"", "po", to)
    assert line in added
    assert added.count(b"Language:") == 1
    assert b"Language:" not in translated(PO_HEADER % b"", "po")
