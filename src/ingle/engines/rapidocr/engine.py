"""RapidOCR in a worker: finds lines, finds out how the page stands, reads them."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ingle.capabilities.ocr.operation import OcrLine, OcrWord
from ingle.engines.engine import LoadSpec, cores
from ingle.engines.rapidocr import networks
from ingle.engines.rapidocr.line_text import LineReader, StripText
from ingle.engines.rapidocr.strips import (
    Quad,
    cut,
    is_upright,
    lies_across,
    sides,
    turned,
    windows,
)
from ingle.engines.reading.page_reader import Advance, Pixels
from ingle.engines.reading.session import ReadingSession
from ingle.operations import DeviceInfo
from ingle.pages.geometry import part, polygon_of

LONGEST_SIDE = 2000
"""Pixels: larger pictures are made smaller to find their lines, and read at their own size."""
TALL, TILE, OVERLAP = 3, 1.5, 0.2
"""By its width: what is taller is looked at in tiles, so tall and overlapping by so much."""
SHORTEST_SIDE, LONGEST_SEEN = 736, 4000
"""Pixels that small pictures are made larger to, so that small letters are found."""
LEAST_SIDE = 64
"""Pixels that the detector needs."""
FINDING = 0.4
"""Of the time that a picture takes, about what goes by before its lines are read."""
SURE = 0.65
"""Mean probability from which on the classifier is believed about a page."""
ASKED = 12
"""Lines of a page that the classifier is asked about, the longest ones."""
TRIED = 3
"""Lines that are read both ways where it is not sure."""
DOUBTFUL, BETTER = 0.8, 0.1
"""Lines read with less confidence are read upside down as well, and taken so if that is better."""
FAINT = 0.5
"""What is read with less confidence is not text."""


class RapidOcrEngine:
    """See `ingle.engines.engine.Engine`."""

    name: ClassVar[str] = "rapidocr"

    def version(self) -> str:
        return importlib.metadata.version("rapidocr")

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> ReadingSession:
        threads = spec.threads or cores()
        cv2.setNumThreads(threads)
        reader = RapidOcrReader(networks.opened(spec, threads))
        return ReadingSession(spec, reader, {"device": "CPU"})


class RapidOcrReader:
    """See `ingle.engines.reading.page_reader.PageReader`."""

    def __init__(self, found: networks.Networks) -> None:
        self._detector = found.detector
        # It would make narrow pictures thousands of times larger.
        self._detector.limit_type, self._detector.limit_side_len = "max", LONGEST_SEEN
        self._classifier = found.classifier
        self._lines = LineReader(found.recogniser)

    def check(self, languages: Sequence[str]) -> None:
        """It reads all of its languages at once, and takes none for a reason to read otherwise."""

    def close(self) -> None:
        """The networks go with the process."""

    def read(self, picture: Pixels, languages: Sequence[str], advance: Advance) -> list[OcrLine]:
        advance(0.0)
        # The networks were made for blue first.
        picture = np.ascontiguousarray(picture[:, :, ::-1])
        quads = self._found(picture)
        if not quads:
            return []
        advance(FINDING)
        quads, strips = self._stood_up(picture, quads)

        def passed(done: int) -> None:
            advance(FINDING + (1 - FINDING) * done / len(strips))

        texts = self._lines.read(strips, passed)
        self._look_again(quads, strips, texts)
        return [
            _line(quad, text)
            for quad, text in zip(quads, texts, strict=True)
            if text.text and text.confidence >= FAINT
        ]

    def _found(self, picture: Pixels) -> list[Quad]:
        """Corners of lines, that at the picture's top left first."""
        height, width = picture.shape[:2]
        if height <= TALL * width or height <= LONGEST_SIDE:
            return self._found_in(picture, 0.0, float(height + 1))
        # A screenshot of a long page would be made so small that nothing could be read.
        step, overlap = TILE * width, OVERLAP * width
        quads: list[Quad] = []
        for number in range(math.ceil((height - overlap) / step)):
            start, end = int(number * step), min(height, int((number + 1) * step + overlap))
            first = start + overlap / 2 if number else 0.0
            last = end - overlap / 2 if end < height else float(height + 1)
            tile = picture[start:end]
            found = self._found_in(tile, first - start, last - start)
            quads += [quad + np.array([0, start], np.float32) for quad in found]
        return quads

    def _found_in(self, picture: Pixels, first: float, last: float) -> list[Quad]:
        """Corners of the lines whose middles are from one height to another."""
        height, width = picture.shape[:2]
        seen, ratio = _seen(picture)
        boxes = self._detector(seen).boxes
        if boxes is None:
            return []
        edge = np.array([width, height], np.float32)
        quads = [np.minimum(np.asarray(box, np.float32) * ratio, edge) for box in boxes]
        return [quad for quad in quads if first <= float(quad[:, 1].mean()) < last]

    def _stood_up(self, picture: Pixels, quads: list[Quad]) -> tuple[list[Quad], list[Pixels]]:
        """Corners and strips of lines as their text runs.

        All lines of a page stand the same way but those that evidently do not: what the classifier
        says of one line is wrong now and then, and of a page hardly ever.
        """
        length = {True: 0.0, False: 0.0}
        for quad in quads:
            if is_upright(quad) or lies_across(quad):
                length[is_upright(quad)] += max(sides(quad))
        upright_page = length[True] > length[False]
        groups: dict[bool, list[int]] = {True: [], False: []}
        for at, quad in enumerate(quads):
            odd = lies_across(quad) if upright_page else is_upright(quad)
            groups[upright_page ^ odd].append(at)
        placed, strips = list(quads), [picture] * len(quads)
        for upright, members in groups.items():
            for at in members:
                placed[at] = turned(quads[at], 1 if upright else 0)
                strips[at] = cut(picture, placed[at])
            if members and self._upside_down([strips[at] for at in members]):
                for at in members:
                    placed[at] = turned(placed[at], 2)
                    strips[at] = _reversed(strips[at])
        return placed, strips

    def _upside_down(self, strips: Sequence[Pixels]) -> bool:
        """Most of these lines stand on their heads."""
        longest = sorted(strips, key=lambda strip: strip.shape[1] / strip.shape[0])[-ASKED:]
        share = 0.5
        if self._classifier is not None:
            share = self._share_reversed(longest)
        if share >= SURE or share <= 1 - SURE:
            return share > 0.5
        tried = longest[-TRIED:]
        both = self._lines.read([*tried, *map(_reversed, tried)])
        there = sum(text.confidence for text in both[: len(tried)])
        return sum(text.confidence for text in both[len(tried) :]) > there

    def _share_reversed(self, strips: Sequence[Pixels]) -> float:
        """The mean probability that a strip is upside down, by its pieces."""
        _, height, width = self._classifier.cls_image_shape
        pieces = [piece for strip in strips for piece in windows(strip, width / height)]
        batch = np.stack([self._classifier.resize_norm_img(piece) for piece in pieces])
        told: NDArray[Any] = self._classifier.session(batch.astype(np.float32, copy=False))
        return float(told[:, 1].mean())

    def _look_again(
        self, quads: list[Quad], strips: Sequence[Pixels], texts: list[StripText]
    ) -> None:
        """Read upside down what makes little sense, such as a stamp on a page."""
        doubtful = [at for at, text in enumerate(texts) if text.confidence < DOUBTFUL]
        if not doubtful:
            return
        again = self._lines.read([_reversed(strips[at]) for at in doubtful])
        for at, text in zip(doubtful, again, strict=True):
            if text.confidence > texts[at].confidence + BETTER:
                texts[at] = text
                quads[at] = turned(quads[at], 2)


def _seen(picture: Pixels) -> tuple[Pixels, NDArray[Any]]:
    """A picture as large as the detector wants it, and pixels of it for one of what it sees.

    Small ones are made larger, within what memory allows: the rest of a very narrow one is margin.
    """
    height, width = picture.shape[:2]
    longest, shortest = max(height, width), min(height, width)
    scale = min(1.0, LONGEST_SIDE / longest)
    if shortest * scale < SHORTEST_SIDE:
        scale = max(scale, min(SHORTEST_SIDE / shortest, LONGEST_SEEN / longest))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    seen = picture if scale == 1 else cv2.resize(picture, size, interpolation=how)
    below, beside = (max(0, LEAST_SIDE - side) for side in seen.shape[:2])
    if below or beside:
        seen = cv2.copyMakeBorder(seen, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    return seen, np.array([width / size[0], height / size[1]], np.float32)


def _reversed(strip: Pixels) -> Pixels:
    return np.ascontiguousarray(strip[::-1, ::-1])


def _line(quad: Quad, text: StripText) -> OcrLine:
    polygon = polygon_of(quad.tolist())
    return OcrLine(
        text=text.text,
        polygon=polygon,
        confidence=text.confidence,
        words=[
            OcrWord(
                text=word.text,
                polygon=part(polygon, word.start, word.end),
                confidence=word.confidence,
            )
            for word in text.words
        ],
    )
