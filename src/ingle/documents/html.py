"""Blocks of a web page: what a reader sees of it, without navigation, scripts and styles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html.parser import HTMLParser

from ingle.capabilities.extract.operation import Block, BlockKind
from ingle.documents.markdown_tables import as_markdown

_UNSEEN = frozenset(
    ("script", "style", "noscript", "template", "svg", "nav", "head", "iframe", "object", "form")
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BREAKING = frozenset(
    (
        "p", "div", "section", "article", "main", "header", "footer", "aside", "ul", "ol", "dl",
        "dt", "dd", "blockquote", "figure", "figcaption", "address", "hr", "details", "summary",
        "body", "html",
    )
)  # fmt: skip


def blocks(texts: Iterable[str]) -> Iterator[Block]:
    """The blocks of a page whose text comes in pieces."""
    reader = _PageReader()
    for text in texts:
        reader.feed(text)
        yield from reader.taken()
    reader.close()
    reader.finish()
    yield from reader.taken()


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._found: list[Block] = []
        self._text: list[str] = []
        self._kind: BlockKind = "paragraph"
        self._level = 0
        self._unseen = 0
        self._pre = 0
        self._rows: list[list[str]] | None = None
        self._in_cell = False
        self._items: list[str] = []
        self._lists = 0

    def taken(self) -> list[Block]:
        """The blocks that are whole."""
        found, self._found = self._found, []
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += tag != "head" or not self._unseen
        elif self._unseen:
            return
        elif tag in _HEADINGS:
            self._end_block()
            self._kind, self._level = "heading", _HEADINGS[tag]
        elif tag == "pre":
            self._end_block()
            self._kind, self._pre = "code", self._pre + 1
        elif tag == "table" and self._rows is None:
            self._end_block()
            self._rows = []
        elif tag == "tr" and self._rows is not None:
            self._end_cell()
            self._rows.append([])
        elif tag in ("td", "th") and self._rows:
            self._end_cell()
            self._in_cell = True
        elif tag == "br":
            self._text.append("\n" if self._pre else " ")
        elif tag in ("ul", "ol") and self._rows is None:
            if self._lists:
                self._end_item()
            else:
                self._end_block()
            self._lists += 1
        elif tag == "li" and self._lists:
            self._end_item()
        elif tag in _BREAKING and self._rows is None and not self._lists:
            self._end_block()

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif self._unseen:
            return
        elif tag in ("td", "th") and self._rows:
            self._end_cell()
        elif tag == "table" and self._rows is not None:
            self._end_table()
        elif tag in ("ul", "ol") and self._lists:
            self._end_item()
            self._lists -= 1
            if not self._lists:
                self._end_list()
        elif tag == "li" and self._lists:
            self._end_item()
        elif tag in _HEADINGS or tag == "pre":
            self._end_block()
            self._pre = max(0, self._pre - (tag == "pre"))
        elif tag in _BREAKING and self._rows is None and not self._lists:
            self._end_block()

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._text.append(data)

    def finish(self) -> None:
        """The page is over, whatever is still open in it."""
        if self._rows is not None:
            self._end_table()
        self._end_item()
        self._end_list()
        self._end_block()

    def _end_block(self) -> None:
        text = "".join(self._text)
        text = text.strip("\n") if self._kind == "code" else " ".join(text.split())
        if text.strip():
            self._found.append(Block(kind=self._kind, text=text, level=self._level))
        self._text, self._kind, self._level = [], "paragraph", 0

    def _end_cell(self) -> None:
        if self._in_cell and self._rows:
            self._rows[-1].append(" ".join("".join(self._text).split()))
        self._text, self._in_cell = [], False

    def _end_item(self) -> None:
        if self._lists and (text := " ".join("".join(self._text).split())):
            self._items.append("  " * (self._lists - 1) + "- " + text)
            self._text = []

    def _end_list(self) -> None:
        if self._items:
            self._found.append(Block(kind="list", text="\n".join(self._items)))
            self._items = []

    def _end_table(self) -> None:
        self._end_cell()
        rows = [row for row in self._rows or () if any(row)]
        self._rows, self._text = None, []
        if rows:
            self._found.append(Block(kind="table", text=as_markdown(rows)))
