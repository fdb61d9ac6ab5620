"""From files of text to blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ingle.capabilities.extract.operation import Block
from ingle.documents import code, delimited, html, markdown_document, text_lines
from ingle.documents.document_file import DocumentFile
from ingle.errors import InvalidRequest

MOST_JSON = 64 << 20
"""Bytes of a JSON file that is one value; one with a value in each line has no limit."""


def text(document: DocumentFile) -> Iterator[Block]:
    """Plain text."""
    return text_lines.blocks(text_lines.lines(document))


def markdown_text(document: DocumentFile) -> Iterator[Block]:
    """Markdown."""
    return markdown_document.blocks(text_lines.lines(document))


def page(document: DocumentFile) -> Iterator[Block]:
    """HTML."""
    return html.blocks(text_lines.texts(document))


def code_text(document: DocumentFile) -> Iterator[Block]:
    """CollectedFile code."""
    return code.blocks(text_lines.lines(document))


def table(document: DocumentFile) -> Iterator[Block]:
    """CSV or TSV."""
    return delimited.blocks(text_lines.texts(document))


def json_text(document: DocumentFile) -> Iterator[Block]:
    """JSON: a value in each line, or one; entries of the outermost list or object are blocks."""
    try:
        for line in text_lines.lines(document):
            if line.strip():
                yield Block(kind="code", text=_shown(json.loads(line)))
    except json.JSONDecodeError:
        pass
    else:
        return
    if document.path.stat().st_size > MOST_JSON:
        raise InvalidRequest(
            f"{document.name} is one JSON value of more than {MOST_JSON >> 20} MiB"
        )
    try:
        found = json.loads("".join(text_lines.texts(document)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{document.name} is not JSON: {error}") from None
    if isinstance(found, dict):
        for key, value in found.items():
            yield Block(kind="code", text=_shown({key: value}))
    else:
        for value in found if isinstance(found, list) else [found]:
            yield Block(kind="code", text=_shown(value))


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
