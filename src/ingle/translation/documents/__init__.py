"""Documents: the texts that are in a file, and the file with others in their place."""

from __future__ import annotations

from ingle.errors import InvalidRequest
from ingle.translation.documents.gettext_catalogue import read_po
from ingle.translation.documents.parsed_document import ParsedDocument
from ingle.translation.documents.subtitles import read_subtitles
from ingle.translation.documents.unicode_text import decoded
from ingle.translation.documents.web_page import read_html
from ingle.translation.documents.word_document import read_docx

MOST_CHARACTERS = 16 << 20
"""Of the text in a document."""
PLAIN = ("text", "markdown", "html")


def read_document(data: bytes, form: str, to: str = "") -> ParsedDocument:
    """The texts of a file.

    Args:
        to: the language that the file will be in, for formats that say theirs; empty: it is left.
        form: ``text``, ``markdown``, ``html``, ``srt``, ``vtt``, ``po`` or ``docx``.

    Raises:
        InvalidRequest: it is not of this format, damaged, or has too much text; says where.
    """
    if form == "docx":
        found = read_docx(data)
    else:
        text = decoded(data)
        if form in ("srt", "vtt"):
            found = read_subtitles(text, form)
        elif form == "po":
            found = read_po(text, to)
        elif form == "html":
            found = read_html(text, to)
        else:
            found = ParsedDocument([text.text], form, lambda texts: texts[0].encode(text.encoding))
    size = sum(map(len, found.texts))
    if size > MOST_CHARACTERS:
        raise InvalidRequest(
            f"document: {size} characters of text; the limit is {MOST_CHARACTERS}",
            hint="split the document",
            field="document",
        )
    return found
