"""Tesseract in a worker: a page goes to the program as a picture, and comes back as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ingle.capabilities.ocr.operation import OcrLine
from ingle.engines.engine import LoadSpec, cores
from ingle.engines.reading.page_reader import Advance, Pixels
from ingle.engines.reading.session import ReadingSession
from ingle.engines.tesseract.hocr_lines import hocr_lines
from ingle.engines.tesseract.language_codes import three_letters
from ingle.engines.tesseract.program import TesseractProgram
from ingle.errors import InvalidRequest
from ingle.operations import DeviceInfo

USUAL = "eng"
LEAST_SIDE = 3
"""Pixels: it refuses pictures that are smaller."""


class TesseractEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "tesseract"

    def version(self) -> str:
        return TesseractProgram(1).version

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> ReadingSession:
        program = TesseractProgram(spec.threads or cores())
        facts = {"device": "CPU", "languages": program.languages}
        return ReadingSession(spec, TesseractReader(program), facts)


class TesseractReader:
    """See `ingle.engines.reading.page_reader.PageReader`."""

    def __init__(self, program: TesseractProgram) -> None:
        self._program = program

    def check(self, languages: Sequence[str]) -> None:
        self._chosen(languages)

    def close(self) -> None:
        """Nothing is kept open."""

    def read(self, picture: Pixels, languages: Sequence[str], advance: Advance) -> list[OcrLine]:
        height, width = picture.shape[:2]
        if min(height, width) < LEAST_SIDE:
            return []
        data = b"P6\n%d %d\n255\n" % (width, height) + picture.tobytes()
        chosen = self._chosen(languages)
        return hocr_lines(self._program.hocr(data, chosen, advance))

    def _chosen(self, languages: Sequence[str]) -> list[str]:
        there = self._program.languages
        chosen = [three_letters(language, there) for language in languages]
        missing = [code for code in chosen if code not in there]
        if not there or missing:
            code = missing[0] if missing else USUAL
            raise InvalidRequest(
                f"languages: tesseract has no data for {code}; "
                f"it has: {', '.join(there) or 'none'}",
                hint=f"apt-get install tesseract-ocr-{code.replace('_', '-').lower()}",
                field="languages",
                candidates=there,
            )
        return chosen or [USUAL if USUAL in there else there[0]]
