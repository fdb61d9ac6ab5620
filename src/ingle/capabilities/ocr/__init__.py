"""OCR: images and PDFs in, text with places out."""

from __future__ import annotations

from ingle.capabilities.ocr.cost import COST
from ingle.capabilities.ocr.operation import (
    Ocr,
    OcrDocument,
    OcrPage,
    OcrProgress,
    PdfBytes,
    PdfWritten,
    RecognisedPage,
    WriteSearchablePdf,
)
from ingle.operations.capability import Capability, Command, Grantable
from ingle.operations.events import Note

CAPABILITY = Capability(
    name="ocr",
    summary="Read the text of images and PDFs.",
    operations=(Ocr, WriteSearchablePdf),
    events=(OcrProgress, OcrPage, OcrDocument, PdfBytes, PdfWritten, Note),
    inputs=(RecognisedPage,),
    permission=Grantable(presets=("family",)),
    cost=COST,
    commands={
        "ocr": Command(
            "ingle.capabilities.ocr.cli.ocr_command:ocr_command",
            "Read the text of images and PDFs.",
        )
    },
    resume="ingle.capabilities.ocr.resume:OcrAnswer",
    routes="ingle.capabilities.ocr.http:table",
    methods="ingle.capabilities.ocr.client:OcrMethods",
)
