"""Documents of Word (``.docx``): what is in their paragraphs; styles, pictures and the rest stay.

A document is a ZIP archive of XML (ECMA-376, WordprocessingML). The text is in ``w:t`` elements of
runs ``w:r`` of paragraphs ``w:p``; new text is put in their place in the very bytes, so that all
that is not text stays as it was. Neighbouring runs of the same properties are one text; runs of
others are marks in it.
"""

from __future__ import annotations

import html
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from typing import NamedTuple
from xml.parsers import expat

from ingle.errors import InvalidRequest
from ingle.translation.documents.parsed_document import ParsedDocument, broken

MOST_MEMBERS = 4096
MOST_UNPACKED = 256 << 20
"""Bytes of all that is in the archive."""
MOST_PART = 64 << 20
"""Bytes of one part with text."""
_PARTS = re.compile(r"word/(?:document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml\Z")
_SPAN = re.compile(r'<span id="(\d+)">|</span>')
_BREAKS = {"tab", "br", "cr", "noBreakHyphen", "sym", "drawing", "pict", "object", "fldChar"}
"""Elements between texts that are not one sentence for that."""
COPIED = 1 << 16


class _Text(NamedTuple):
    """A ``w:t`` element: where its tag begins, its content is, and its closing tag begins."""

    tag: int
    begin: int
    end: int
    text: str
    run: int
    properties: bytes


class _Unit(NamedTuple):
    """Texts that are read as one."""

    texts: tuple[_Text, ...]

    def marked(self) -> str:
        """As HTML, whose spans are runs of other properties than their neighbours'."""
        groups = _groups(self.texts)
        if len(groups) == 1:
            return html.escape("".join(each.text for each in groups[0]), quote=False)
        return "".join(
            f'<span id="{number}">'
            + html.escape("".join(each.text for each in group), quote=False)
            + "</span>"
            for number, group in enumerate(groups)
        )

    def placed(self, marked: str) -> list[tuple[_Text, str]]:
        """The texts that each of them becomes."""
        groups = _groups(self.texts)
        said = [""] * len(groups)
        at = current = 0
        for found in _SPAN.finditer(marked):
            said[current] += html.unescape(marked[at : found.start()])
            at = found.end()
            if found[1]:
                current = min(int(found[1]), len(groups) - 1)
        said[current] += html.unescape(marked[at:])
        result = []
        for group, text in zip(groups, said, strict=True):
            result += [(group[0], text), *((each, "") for each in group[1:])]
        return result


def read_docx(data: bytes) -> ParsedDocument:
    """The paragraphs of a document.

    Raises:
        InvalidRequest: it is not one, is damaged, or unpacks to more than the limits above.
    """
    parts: list[tuple[str, bytes, list[_Unit]]] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check(archive)
            for member in archive.infolist():
                if _PARTS.match(member.filename):
                    content = _read(archive, member)
                    parts.append((member.filename, content, _units(content, member.filename)))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise broken(str(error), "docx") from None
    except OSError as error:  # an offset beyond the file
        raise broken(str(error), "docx") from None
    if not any(name == "word/document.xml" for name, _, _ in parts):
        raise broken("it has no word/document.xml", "docx")
    every = [unit for _, _, units in parts for unit in units]

    def written(translated: Sequence[str]) -> bytes:
        told = iter(translated)
        replaced = {
            name: _replaced(content, [(unit, next(told)) for unit in units])
            for name, content, units in parts
        }
        return _packed(data, replaced)

    return ParsedDocument([unit.marked() for unit in every], "html", written)


def _check(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    size = sum(each.file_size for each in members)
    if len(members) > MOST_MEMBERS or size > MOST_UNPACKED:
        raise InvalidRequest(
            f"document: it unpacks to {len(members)} files of {size} bytes; the limit is "
            f"{MOST_MEMBERS} files of {MOST_UNPACKED} bytes",
            field="document",
        )
    if any(each.flag_bits & 1 for each in members):
        raise InvalidRequest(
            "document: it is encrypted", hint="save it without a password", field="document"
        )


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        content = file.read(MOST_PART + 1)
    if len(content) > MOST_PART:
        raise InvalidRequest(
            f"document: {member.filename} has more than {MOST_PART} bytes", field="document"
        )
    return content


class _Reader:
    """Takes down where texts are, while expat reads."""

    def __init__(self, content: bytes, name: str) -> None:
        self._content = content
        self._name = name
        self.units: list[_Unit] = []
        self._texts: list[_Text] = []
        self._run = 0
        self._properties = (-1, -1)
        self._open: list[int] = []
        self._said = ""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.XmlDeclHandler = self._declaration

    def _doctype(self, *_: object) -> None:
        raise broken(f"{self._name} declares a document type", "docx")

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding and encoding.lower() not in ("utf-8", "utf8", "us-ascii"):
            raise broken(f"{self._name} is in {encoding}", "docx")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        at = self.parser.CurrentByteIndex
        local = name.removeprefix("w:")
        if local in ("p", *_BREAKS):
            self._flush()
        elif local == "r":
            self._run += 1
            self._properties = (-1, -1)
        elif local == "rPr":
            self._properties = (at, -1)
        elif name == "w:t":
            self._open, self._said = [at, self._content.index(b">", at) + 1], ""

    def _text(self, data: str) -> None:
        if self._open:
            self._said += data

    def _end(self, name: str) -> None:
        at = self.parser.CurrentByteIndex
        if name == "w:rPr" and self._properties[0] >= 0:
            self._properties = (self._properties[0], at)
        elif name == "w:p":
            self._flush()
        elif name == "w:t" and self._open:
            tag, begin = self._open
            self._open = []
            if self._content[begin - 2 : begin] == b"/>":
                return
            first, last = self._properties
            look = self._content[first:last] if last >= 0 else b""
            self._texts.append(_Text(tag, begin, at, self._said, self._run, look))

    def _flush(self) -> None:
        if any(each.text.strip() for each in self._texts):
            self.units.append(_Unit(tuple(self._texts)))
        self._texts = []


def _units(content: bytes, name: str) -> list[_Unit]:
    reader = _Reader(content, name)
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise broken(f"{name}: {error}", "docx") from None
    return reader.units


def _groups(texts: Sequence[_Text]) -> list[list[_Text]]:
    """Neighbours of the same properties."""
    found: list[list[_Text]] = []
    for each in texts:
        if found and found[-1][0].properties == each.properties:
            found[-1].append(each)
        else:
            found.append([each])
    return found


def _replaced(content: bytes, told: Sequence[tuple[_Unit, str]]) -> bytes:
    pieces, at = [], 0
    for unit, marked in told:
        for text, said in unit.placed(marked):
            tag = content[text.tag : text.begin]
            if said != said.strip() and b"xml:space" not in tag:
                tag = b'<w:t xml:space="preserve">'
            pieces += [content[at : text.tag], tag, html.escape(said, quote=False).encode()]
            at = text.end
    return b"".join([*pieces, content[at:]])


def _packed(data: bytes, replaced: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as archive,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as result,
    ):
        for member in archive.infolist():
            if member.filename in replaced:
                result.writestr(member, replaced[member.filename], zipfile.ZIP_DEFLATED)
                continue
            with archive.open(member) as source, result.open(member, "w") as target:
                while piece := source.read(COPIED):
                    target.write(piece)
    return out.getvalue()
