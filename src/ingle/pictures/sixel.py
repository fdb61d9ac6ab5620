"""Sixels: a picture as text that terminals of this kind show. In Python alone, for programs that
let no library decode what came from elsewhere.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from ingle.errors import InvalidRequest
from ingle.pictures.png_texts import SIGNATURE

MOST_PIXELS = 4 * 2**20
SHOWN = 800
"""Pixels of the longer side, at most."""
LEVELS = 6
"""Of red, green and blue each."""
BAND = 6
"""Rows of a sixel."""
_HEADER = struct.Struct(">IIBBBBB")
_RGB8 = (8, 2, 0, 0, 0)
"""Depth, colour type, compression, filter, interlacing."""


def sixels(png: bytes) -> str:
    """A PNG file of eight bits of red, green and blue, as `ingle.pictures.encode` writes them.

    Raises:
        InvalidRequest: it is of another kind, damaged or too large.
    """
    pixels = _rgb(png)
    step = -(-max(pixels.shape[:2]) // SHOWN)
    pixels = pixels[::step, ::step]
    scaled = (pixels.astype(np.uint16) * (LEVELS - 1) + 127) // 255
    colours = scaled[..., 0] * LEVELS**2 + scaled[..., 1] * LEVELS + scaled[..., 2]
    height, width = colours.shape
    text = [f'\x1bPq"1;1;{width};{height}']
    for number in np.unique(colours):
        parts = (number // LEVELS**2, number // LEVELS % LEVELS, number % LEVELS)
        percent = ";".join(str(int(part) * 100 // (LEVELS - 1)) for part in parts)
        text.append(f"#{number};2;{percent}")
    for top in range(0, height, BAND):
        text.append(_band(colours[top : top + BAND]))
    text.append("\x1b\\")
    return "".join(text)


def _band(rows: np.ndarray) -> str:
    weights = 1 << np.arange(len(rows))
    lines = []
    for number in np.unique(rows):
        bits = ((rows == number) * weights[:, None]).sum(axis=0)
        ends = np.flatnonzero(np.diff(bits)) + 1
        starts = [0, *ends.tolist()]
        lengths = np.diff([*starts, len(bits)]).tolist()
        runs = zip(starts, lengths, strict=True)
        lines.append(f"#{number}" + "".join(_run(chr(63 + bits[at]), n) for at, n in runs))
    return "$".join(lines) + "-"


def _run(letter: str, length: int) -> str:
    return f"!{length}{letter}" if length > 3 else letter * length


def _rgb(png: bytes) -> np.ndarray:
    """Rows, columns, colours."""
    if not png.startswith(SIGNATURE):
        raise _bad("it is not a PNG file")
    at, header, packed = len(SIGNATURE), b"", bytearray()
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            header = data
        elif kind == b"IDAT":
            packed += data
        at += 12 + length
    if len(header) != _HEADER.size:
        raise _bad("it has no header")
    width, height, *rest = _HEADER.unpack(header)
    if tuple(rest) != _RGB8 or not width or not height or width * height > MOST_PIXELS:
        raise _bad("it is of another kind, or too large")
    row = 1 + 3 * width
    try:
        unpacker = zlib.decompressobj()
        flat = unpacker.decompress(packed, row * height)
    except zlib.error as error:
        raise _bad(str(error)) from None
    if len(flat) != row * height:
        raise _bad("it was cut off")
    lines = np.frombuffer(flat, np.uint8).reshape(height, row)
    return _unfiltered(lines[:, 0].tolist(), lines[:, 1:].reshape(height, width, 3))


def _unfiltered(filters: list[int], lines: np.ndarray) -> np.ndarray:
    """PNG (Third Edition), 9.2."""
    found = np.zeros(lines.shape, np.uint8)
    above = np.zeros(lines.shape[1:], np.uint8)
    for number, (kind, line) in enumerate(zip(filters, lines, strict=True)):
        if kind == 0:
            row = line
        elif kind == 1:
            row = np.cumsum(line, axis=0, dtype=np.uint8)
        elif kind == 2:
            row = line + above
        elif kind in (3, 4):
            row = _predicted(line, above, average=kind == 3)
        else:
            raise _bad(f"a row has the filter {kind}")
        found[number] = above = row
    return found


def _predicted(line: np.ndarray, above: np.ndarray, *, average: bool) -> np.ndarray:
    row = np.zeros(line.shape, np.int16)
    left = corner = np.zeros(3, np.int16)
    for at in range(len(line)):
        up = above[at].astype(np.int16)
        if average:
            guess = (left + up) >> 1
        else:
            near = left + up - corner
            d_left, d_up, d_corner = abs(near - left), abs(near - up), abs(near - corner)
            guess = np.where(
                (d_left <= d_up) & (d_left <= d_corner),
                left,
                np.where(d_up <= d_corner, up, corner),
            )
        row[at] = left = (line[at] + guess) & 255
        corner = up
    return row.astype(np.uint8)


def _bad(why: str) -> InvalidRequest:
    return InvalidRequest(f"the picture: {why}", field="image")
