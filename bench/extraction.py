"""Text of documents, against the library that reads them: ``python -m bench.extraction``.

In pairs, in one process without a sandbox: our readers (blocks with headings, tables, pages), and
the least that the library does for the same text. Wanted: at least 0.8 of the library's throughput.
With ``--keep FOLDER`` the documents stay, to be read by others.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

from ingle.documents.document_file import DocumentFile
from ingle.documents.kinds import read

PAIRS = 9
PAGES = 120
SENTENCE = "Green tea is brewed at eighty degrees, and black tea wants boiling water. "


def made(folder: Path) -> list[Path]:
    """A document of each kind, of some hundred kB of text."""
    from docx import Document

    word = Document()
    for number in range(PAGES):
        word.add_heading(f"Chapter {number}", 1)
        for _ in range(6):
            word.add_paragraph(SENTENCE * 6)
        table = word.add_table(rows=3, cols=3)
        for row in table.rows:
            for cell in row.cells:
                cell.text = f"cell {number}"
    word.save(folder / "long.docx")
    chapters = (
        f"<h2>Chapter {number}</h2>" + f"<p>{SENTENCE * 6}</p>" * 6
        + "<table>" + "<tr><td>a</td><td>b</td></tr>" * 3 + "</table>"
        for number in range(PAGES)
    )  # fmt: skip
    (folder / "long.html").write_text(f"<html><body>{''.join(chapters)}</body></html>")
    _pdf(folder / "long.pdf")
    return [folder / "long.pdf", folder / "long.docx", folder / "long.html"]


def _pdf(path: Path) -> None:
    import pikepdf

    pdf = pikepdf.new()
    font = pdf.make_indirect(
        pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1,
                           BaseFont=pikepdf.Name.Helvetica)
    )  # fmt: skip
    for _ in range(PAGES):
        rows = "".join(f"({SENTENCE}) Tj T* " for _ in range(40))
        page = pdf.add_blank_page(page_size=(595, 842))
        page.Contents = pdf.make_stream(f"BT /F1 11 Tf 14 TL 40 800 Td {rows} ET".encode())
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
    pdf.save(path)


def bare_pdf(path: Path) -> int:
    import pypdfium2

    pages, size = pypdfium2.PdfDocument(path), 0
    for page in pages:
        size += len(page.get_textpage().get_text_bounded())
    pages.close()
    return size


def bare_docx(path: Path) -> int:
    from docx import Document

    size = 0
    for part in Document(str(path)).iter_inner_content():
        if hasattr(part, "rows"):
            size += sum(len(cell.text) for row in part.rows for cell in row.cells)
        else:
            size += len(part.text)
    return size


class _Text(HTMLParser):
    size = 0

    def handle_data(self, data: str) -> None:
        self.size += len(data)


def bare_html(path: Path) -> int:
    parser = _Text()
    parser.feed(path.read_text())
    parser.close()
    return parser.size


def ours(path: Path) -> int:
    return sum(len(block.text) for block in read(DocumentFile(path, path.name)))


BARE: dict[str, Callable[[Path], int]] = {
    ".pdf": bare_pdf, ".docx": bare_docx, ".html": bare_html,
}  # fmt: skip


def took(work: Callable[[Path], int], path: Path) -> float:
    began = time.process_time()
    assert work(path)
    return time.process_time() - began


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--keep", type=Path)
    kept: Path | None = given.parse_args().keep
    with tempfile.TemporaryDirectory() as temporary:
        folder = kept or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for path in made(folder):
            bare = BARE[path.suffix]
            took(bare, path), took(ours, path)  # libraries are imported
            pairs = [(took(bare, path), took(ours, path)) for _ in range(PAIRS)]
            ratio = statistics.median(theirs / own for theirs, own in pairs)
            alone = statistics.median(theirs for theirs, _ in pairs)
            print(f"{path.suffix}: {ratio:.2f} of the library's throughput (>= 0.8; {PAIRS} pairs; "
                  f"library {1000 * alone:.0f} CPU-ms for {bare(path) / 1000:.0f} kB)")  # fmt: skip


if __name__ == "__main__":
    main()
