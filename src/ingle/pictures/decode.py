"""Decoding: any picture file, by Pillow, as RGB, in bounded memory.

Runs in workers only: files of strangers are read here. A file's header is read first, and what it
announces is bounded before a pixel is decoded.
"""

from __future__ import annotations

import contextlib
import functools
import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from ingle.errors import InvalidRequest

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of the formats that are read. Not among them: those that run programs (EPS), name
other files, or are recognised by next to nothing. HEIF joins where pillow-heif is installed."""
MOST_PIXELS = 50_000_000
"""Of one picture: 150 MB as RGB. The largest cameras of phones have 50 million."""
MOST_BYTES = 128 * 2**20
"""Of one file."""
MOST_PAGES = 10_000
"""Of one file: frames of an animation, pages of a TIFF."""
LONGEST_SIDE = 65_500
"""Of one picture: JPEG's own limit."""
WHITE = (255, 255, 255)
_ORIENTATION = 0x0112
_FAILURES = (
    OSError, SyntaxError, ValueError, EOFError, OverflowError, KeyError, IndexError, TypeError,
    AttributeError, ArithmeticError, struct.error, MemoryError, RuntimeError,
    Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow's decoders raise for damaged files; they promise less than they raise."""

Image.MAX_IMAGE_PIXELS = None  # `_bounded` decides, before anything is decoded
"""Pillow only warns of what it holds to be too large."""


def formats() -> tuple[str, ...]:
    """Pillow's names of all formats that can be read here."""
    return (*FORMATS, "HEIF") if _heif() else FORMATS


class PictureFile:
    """A file with one or more pictures in it, open for decoding.

    Args:
        file: seekable; its bytes decide what it is, not its name.
        name: for messages.
        most_pixels: of one picture.

    Raises:
        InvalidRequest: it is empty, too large, not a picture, or announces one without pixels or
            with too many.
    """

    def __init__(self, file: BinaryIO, name: str, *, most_pixels: int = MOST_PIXELS) -> None:
        self._name = name or "the image"
        self._most_pixels = most_pixels
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if not size:
            raise self._refused("it is empty")
        if size > MOST_BYTES:
            raise self._refused(
                f"it has {size} bytes; at most {MOST_BYTES} are read", hint="give a smaller file"
            )
        self._image = self._opened(file)
        self._bounded()
        self.format = str(self._image.format)
        """Pillow's name of what it is."""
        self.pages = self._counted()
        """Frames of an animation, pages of a TIFF; 1 for most files."""

    def close(self) -> None:
        """Let go of the file."""
        self._image.close()

    @property
    def animated(self) -> bool:
        """Its pages are the frames of an animation."""
        return self.pages > 1 and self.format not in {"TIFF", "MPO", "HEIF"}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the page last looked at, as stored: before it is turned upright."""
        return self._image.size

    @property
    def dots_per_inch(self) -> float | None:
        """As the file says; None where it does not, or says what cannot be."""
        try:
            found = float(self._image.info["dpi"][0])
        except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
            return None
        return found if 1 < found < 100_000 else None

    def page(
        self, at: int = 0, *, within: tuple[int, int] | None = None, pixels: int | None = None
    ) -> Image.Image:
        """One picture of it, upright, as RGB; what is transparent is white.

        Args:
            at: which page, from 0.
            within: width and height that it is scaled down to fit into; None: as it is.
            pixels: how many it is scaled down to have at most; None: as many as it has.

        Raises:
            InvalidRequest: it has no such page, or the page is damaged or too large.
        """
        if not 0 <= at < self.pages:
            raise self._refused(f"it has no page {at + 1}: it has {self.pages}")
        try:
            self._image.seek(at)
            self._bounded()
            least = _smaller(self._image.size, within, pixels)
            if least != self._image.size:
                # JPEG is decoded at a half, quarter or eighth of its size, which saves as much.
                self._image.draft("RGB", least)
            with quiet():
                self._image.load()
                image = upright(self._image)
            image = scaled_down(image, within, pixels=pixels)
            image = as_rgb(image)
            return image.copy() if image is self._image else image
        except _FAILURES as error:
            raise self._refused(f"it is damaged or was cut off ({_reason(error)})") from None

    def mask(self) -> Image.Image:
        """The first picture as grey: white is what it marks. Of one with transparency, what is
        transparent.

        Raises:
            InvalidRequest: it is damaged.
        """
        try:
            with quiet():
                self._image.load()
                image = upright(self._image)
                if image.has_transparency_data:
                    return image.convert("RGBA").getchannel("A").point(lambda value: 255 - value)
        except _FAILURES as error:
            raise self._refused(f"it is damaged or was cut off ({_reason(error)})") from None
        return as_rgb(image).convert("L")

    def _opened(self, file: BinaryIO) -> Image.Image:
        start = file.read(16)
        file.seek(0)
        try:
            with quiet():
                return Image.open(file, formats=formats())
        except UnidentifiedImageError:
            if start.startswith(_SIGNATURES):
                raise self._refused("its header is damaged, or announces 0x0 pixels") from None
            raise self._refused(
                "unsupported image format", hint="use PNG, JPEG, WebP, TIFF, GIF or BMP"
            ) from None
        except _FAILURES as error:
            raise self._refused(f"its header is damaged ({_reason(error)})") from None

    def _bounded(self) -> None:
        width, height = self._image.size
        if width < 1 or height < 1:
            raise self._refused(f"it has no pixels: {width}x{height}")
        if width * height > self._most_pixels or max(width, height) > LONGEST_SIDE:
            raise self._refused(
                f"it has {width}x{height} pixels; at most {self._most_pixels:,} are decoded, "
                f"{LONGEST_SIDE:,} on a side",
                hint="scale the image down",
            )

    def _counted(self) -> int:
        try:
            pages = int(getattr(self._image, "n_frames", 1))
        except _FAILURES as error:
            raise self._refused(f"its pages cannot be counted ({_reason(error)})") from None
        if pages > MOST_PAGES:
            raise self._refused(
                f"it has {pages} pages; at most {MOST_PAGES} are read", hint="split the file"
            )
        return pages

    def _refused(self, why: str, *, hint: str = "") -> InvalidRequest:
        return refused(self._name, why, hint=hint)


@contextlib.contextmanager
def opened(
    source: Path | bytes, name: str = "", *, most_pixels: int = MOST_PIXELS
) -> Iterator[PictureFile]:
    """A picture's file, open; by its path, or its bytes.

    Raises:
        InvalidRequest: as `PictureFile`, or there is no such file.
    """
    with contextlib.ExitStack() as held:
        if isinstance(source, bytes):
            file: BinaryIO = io.BytesIO(source)
        else:
            try:
                file = held.enter_context(source.open("rb"))
            except OSError as error:
                raise refused(
                    name or source.name, f"it cannot be read ({error.strerror})"
                ) from None
        found = PictureFile(file, name, most_pixels=most_pixels)
        held.callback(found.close)
        yield found


def decoded(
    source: Path | bytes,
    name: str = "",
    *,
    within: tuple[int, int] | None = None,
    pixels: int | None = None,
    most_pixels: int = MOST_PIXELS,
) -> Image.Image:
    """The first picture of a file, upright, as RGB. Arguments and errors as of `PictureFile`."""
    with opened(source, name, most_pixels=most_pixels) as found:
        return found.page(within=within, pixels=pixels)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without Pillow's warnings of data that it makes the best of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def upright(image: Image.Image) -> Image.Image:
    """As the camera was held, by what its Exif data says; as it lies where that is damaged."""
    try:
        turn = image.getexif().get(_ORIENTATION, 1)
    except _FAILURES:
        turn = 1
    method = _TURNS.get(turn)
    return image if method is None else image.transpose(method)


def scaled_down(
    image: Image.Image, within: tuple[int, int] | None = None, *, pixels: int | None = None
) -> Image.Image:
    """With its proportions, within a width and height, or a count of pixels; itself if it fits."""
    size = _smaller(image.size, within, pixels)
    if size == image.size:
        return image
    if image.mode in {"1", "P"}:  # no mean of two entries of a palette is one
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def as_rgb(image: Image.Image) -> Image.Image:
    """Eight bits of red, green and blue a pixel, whatever it was; on white what is transparent."""
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (*WHITE, 255))
        ground.alpha_composite(image)
        image = ground
    return image if image.mode == "RGB" else image.convert("RGB")


def refused(name: str, why: str, *, hint: str = "") -> InvalidRequest:
    """The error for a picture that is not taken."""
    return InvalidRequest(f"{name or 'the image'}: {why}", hint=hint, field="image")


def _smaller(
    size: tuple[int, int], within: tuple[int, int] | None, pixels: int | None
) -> tuple[int, int]:
    width, height = size
    factor = 1.0
    if within is not None:
        factor = min(factor, within[0] / width, within[1] / height)
    if pixels is not None:
        factor = min(factor, (pixels / (width * height)) ** 0.5)
    if factor >= 1:
        return size
    return max(1, int(width * factor)), max(1, int(height * factor))


def _eight_bits(image: Image.Image) -> Image.Image:
    """From 16 and 32 bits of grey. Numbers with a point count from 0 to 1, unless there are larger
    ones: then as whole ones."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    largest = float(values.max(initial=0.0))
    if image.mode == "F" and largest <= 1.0:
        values = values * 255.0
    elif image.mode.startswith("I;16") or largest > 255.0:
        values = values / 257.0 if largest <= 65535.0 else values * (255.0 / largest)
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8), "L")


@functools.cache
def _heif() -> bool:
    """Photos of iPhones can be read. Registers their format with Pillow."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    # Without thumbnails and depth maps, which would be decoded for no one.
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return True


def _reason(error: BaseException) -> str:
    text: Any = str(error).partition("\n")[0][:200]
    return text or type(error).__name__


_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation of Exif 2.3, 4.6.4."""
