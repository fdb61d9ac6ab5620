"""Which documents are read, and by what: by the ending of a file's name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from ingle.capabilities.extract.operation import Block
from ingle.documents.document_file import DocumentFile
from ingle.errors import InvalidRequest

Reader = Callable[[DocumentFile], Iterator[Block]]


class Kind(NamedTuple):
    """A kind of document."""

    name: str
    suffixes: tuple[str, ...]
    reader: str
    """``module:function``, imported when it is used: from a file to its blocks."""


_READERS = "ingle.documents.readers"
CODE = (
    ".py", ".pyi", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".c", ".h", ".cc",
    ".cpp", ".cxx", ".hpp", ".cs", ".java", ".kt", ".go", ".rs", ".rb", ".php",
    ".swift", ".scala", ".sh", ".bash", ".zsh", ".ps1", ".sql", ".lua", ".pl", ".r",
    ".jl", ".hs", ".ml", ".ex", ".exs", ".erl", ".clj", ".dart", ".zig", ".nim", ".vue",
    ".css", ".scss", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".xml", ".proto",
    ".cmake",
)  # fmt: skip
KINDS = (
    Kind("text", (".txt", ".text", ".log", ".rst", ".org", ".tex"), f"{_READERS}:text"),
    Kind("markdown", (".md", ".markdown", ".mdx"), f"{_READERS}:markdown_text"),
    Kind("html", (".html", ".htm", ".xhtml"), f"{_READERS}:page"),
    Kind("pdf", (".pdf",), "ingle.documents.pdf:blocks"),
    Kind("word", (".docx",), "ingle.documents.office:word"),
    Kind("slides", (".pptx",), "ingle.documents.office:slides"),
    Kind("sheet", (".xlsx", ".xlsm"), "ingle.documents.office:sheets"),
    Kind("book", (".epub",), "ingle.documents.epub:blocks"),
    Kind("mail", (".eml",), "ingle.documents.mail:message"),
    Kind("mailbox", (".mbox",), "ingle.documents.mail:mailbox"),
    Kind("table", (".csv", ".tsv"), f"{_READERS}:table"),
    Kind("json", (".json", ".jsonl", ".ndjson"), f"{_READERS}:json_text"),
    Kind("code", CODE, f"{_READERS}:code_text"),
)
_BY_SUFFIX = {suffix: kind for kind in KINDS for suffix in kind.suffixes}


def kind_of(name: str) -> Kind | None:
    """The kind of a document of this name; None: it is not read."""
    return _BY_SUFFIX.get(PurePosixPath(name).suffix.lower())


def read(document: DocumentFile) -> Iterator[Block]:
    """The blocks of a file.

    Raises:
        InvalidRequest: there is no reader of such files, or it is damaged.
        EngineMissing: a library that reads it is not installed.
    """
    kind = kind_of(document.name)
    if kind is None:
        raise InvalidRequest(
            f"{document.name}: there is no reader of such files",
            hint=f"there are readers of {', '.join(known.name for known in KINDS)}",
            field="document",
        )
    module, _, attribute = kind.reader.partition(":")
    reader: Reader = getattr(importlib.import_module(module), attribute)
    yield from reader(document)
