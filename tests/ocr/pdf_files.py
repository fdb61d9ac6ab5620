"""PDFs made for tests: text, scans, both, and what strangers send."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pikepdf
from PIL import Image

A4 = (595, 842)


def text_pdf(path: Path, pages: Sequence[Sequence[str]], *, rotate: int = 0) -> Path:
    """Pages of lines in Helvetica, 14 points, 72 from the left; turned clockwise when shown."""
    with pikepdf.new() as pdf:
        for lines in pages:
            page = _page(pdf)
            page.Contents = pikepdf.Stream(pdf, _lines(lines))
            page.Rotate = rotate
        pdf.save(path)
    return path


def scanned_pdf(path: Path, images: Sequence[Image.Image], stamp: str = "") -> Path:
    """A page of pictures alone, each as wide as its page; or with a line of text over it."""
    with pikepdf.new() as pdf:
        for image in images:
            width, height = A4[0], A4[0] * image.height / image.width
            page = _page(pdf, (width, height))
            data = io.BytesIO()
            image.save(data, "JPEG", quality=95)
            picture = pikepdf.Stream(
                pdf,
                data.getvalue(),
                Type=pikepdf.Name.XObject,
                Subtype=pikepdf.Name.Image,
                Width=image.width,
                Height=image.height,
                ColorSpace=pikepdf.Name.DeviceRGB,
                BitsPerComponent=8,
                Filter=pikepdf.Name.DCTDecode,
            )
            name = page.add_resource(picture, pikepdf.Name.XObject)
            drawn = f"q {width} 0 0 {height} 0 0 cm {name} Do Q\n".encode()
            if stamp:
                drawn += f"BT /F1 9 Tf 20 {height - 12} Td ({stamp}) Tj ET".encode()
            page.Contents = pikepdf.Stream(pdf, drawn)
        pdf.save(path)
    return path


def many_pages(path: Path, count: int, line: str) -> Path:
    """That many pages, all with the same content."""
    with pikepdf.new() as pdf:
        content = pdf.make_indirect(pikepdf.Stream(pdf, _lines([line])))
        for _ in range(count):
            _page(pdf).Contents = content
        pdf.save(path)
    return path


def encrypted(path: Path, plain: Path, password: str) -> Path:
    """The same with a password."""
    with pikepdf.open(plain) as pdf:
        pdf.save(path, encryption=pikepdf.Encryption(user=password, owner=password))
    return path


def endless(path: Path, depth: int = 24) -> Path:
    """A page whose forms draw each other twice, 2 to the power of the depth times in all."""
    with pikepdf.new() as pdf:
        form = _form(pdf, b"0 0 500 500 re f", {})
        for _ in range(depth):
            form = _form(pdf, b"/X Do /X Do", {"/X": form})
        page = _page(pdf)
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary({"/X": form}))
        page.Contents = pikepdf.Stream(pdf, b"/X Do")
        pdf.save(path)
    return path


def circular(path: Path) -> Path:
    """A tree of pages that contains itself, and says that it has two billion."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2000000000 >>",
    ]
    data = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(data)
    data += b"xref\n0 3\n0000000000 65535 f \n"
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    data += b"trailer << /Size 3 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start
    path.write_bytes(data)
    return path


def _page(pdf: Any, size: tuple[float, float] = A4) -> Any:
    pdf.add_blank_page(page_size=size)
    page = pdf.pages[-1]
    page.Resources = pikepdf.Dictionary(
        Font=pikepdf.Dictionary(
            F1=pikepdf.Dictionary(
                Type=pikepdf.Name.Font,
                Subtype=pikepdf.Name.Type1,
                BaseFont=pikepdf.Name.Helvetica,
                Encoding=pikepdf.Name.WinAnsiEncoding,
            )
        )
    )
    return page


def _lines(lines: Sequence[str]) -> bytes:
    shown = [f"({line}) Tj 0 -24 Td".encode("cp1252") for line in lines]
    return b"BT /F1 14 Tf 72 760 Td\n" + b"\n".join(shown) + b"\nET"


def _form(pdf: Any, content: bytes, inner: dict[str, Any]) -> Any:
    return pdf.make_indirect(
        pikepdf.Stream(
            pdf,
            content,
            Type=pikepdf.Name.XObject,
            Subtype=pikepdf.Name.Form,
            BBox=[0, 0, 600, 850],
            Resources=pikepdf.Dictionary(XObject=pikepdf.Dictionary(inner)),
        )
    )
