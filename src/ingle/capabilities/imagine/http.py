"""HTTP routes of pictures, as OpenAI's clients ask."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlunsplit

from ingle.capabilities.blobs.operation import BlobPiece, GetBlob
from ingle.capabilities.imagine.operation import Imagine, Imagined, Picture, PictureFormat
from ingle.errors import InvalidRequest, NotFound, ProtocolError
from ingle.node import transfers
from ingle.operations import Event
from ingle.operations.blob import Blob
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.server.upload import LentBlobs, UploadedFile, form_with_files
from ingle.temporary_folders import TemporaryFolders
from ingle.wire.openai import image_generation
from ingle.wire.openai.image_generation import DrawnPicture, ImageEvents, ImageRequest, Kind

FILES = "/v1/images/files"
_NAME = re.compile(r"([0-9a-f]{64})\.(png|jpeg|webp)\Z")


def table(floor: EndpointContext) -> Table:
    """The routes."""
    routes = ImageRoutes(LentBlobs(floor.node))
    return {
        "/v1/images/generations": {"POST": generate},
        "/v1/images/edits": {"POST": routes.edit},
        "/v1/images/variations": {"POST": routes.vary},
        f"{FILES}/{{name}}": {"GET": picture},
    }


async def generate(exchange: Exchange) -> None:
    """``POST /v1/images/generations``."""
    request = image_generation.parse(await exchange.body(), exchange.settings.image_model)
    await _perform(exchange, request, request.operation(), "image_generation")


async def picture(exchange: Exchange) -> None:
    """``GET /v1/images/files/{sha256}.{format}``: a picture that an answer gave the address of."""
    found = _NAME.match(exchange.params["name"])
    if found is None:
        raise NotFound(f"there is no picture {exchange.params['name'][:100]!r}")
    form: PictureFormat = next(form for form in image_generation.TYPES if form == found[2])
    request = GetBlob(sha256=found[1])
    await exchange.stream(exchange.node.perform(request), _PictureBytes(form))


class ImageRoutes:
    """What answers forms with pictures."""

    def __init__(self, blobs: LentBlobs) -> None:
        self._blobs = blobs

    async def edit(self, exchange: Exchange) -> None:
        """``POST /v1/images/edits``."""
        await self._answer(exchange, varied=False)

    async def vary(self, exchange: Exchange) -> None:
        """``POST /v1/images/variations``."""
        await self._answer(exchange, varied=True)

    async def _answer(self, exchange: Exchange, *, varied: bool) -> None:
        async with form_with_files(exchange, most=2) as (fields, files):
            model = exchange.settings.image_model
            request = image_generation.parse_form(fields, model, varied=varied)
            image, mask = _parts(files)
            async with self._blobs.lent(image) as first:
                if mask is None:
                    await self._drawn(exchange, request, first, None)
                    return
                async with self._blobs.lent(mask) as second:
                    await self._drawn(exchange, request, first, second)

    async def _drawn(
        self, exchange: Exchange, request: ImageRequest, image: Blob, mask: Blob | None
    ) -> None:
        await _perform(exchange, request, request.operation(image, mask), "image_edit")


def _parts(files: Sequence[UploadedFile]) -> tuple[UploadedFile, UploadedFile | None]:
    """The picture and its mask.

    Raises:
        InvalidRequest: there is no picture, or more than one.
    """
    named = [file for file in files if file.field in ("image", "image[]")]
    masks = [file for file in files if file.field == "mask"]
    if len(named) != 1:
        raise InvalidRequest(
            f"image: {len(named)} pictures were given; one is drawn over", field="image"
        )
    if len(named) + len(masks) != len(files):
        raise InvalidRequest("the form's files are image and mask", field="body")
    return named[0], masks[0] if masks else None


async def _perform(
    exchange: Exchange, request: ImageRequest, operation: Imagine, kind: Kind
) -> None:
    created = int(time.time())
    headers = [(b"x-ingle-note", note.encode("ascii", "replace")) for note in request.notes]
    if request.stream:
        stream = ImageEvents(kind, operation.format, created)
        await exchange.stream(exchange.node.perform(operation), stream, headers=headers)
        return

    async def drawn() -> tuple[list[DrawnPicture], Imagined]:
        found: list[DrawnPicture] = []
        async with exchange.node.perform(operation) as events:
            async for event in events:
                if isinstance(event, Picture):
                    url = await _kept(exchange, event, operation.format) if request.urls else ""
                    found.append(DrawnPicture(event, url))
                elif isinstance(event, Imagined):
                    return found, event
        raise ProtocolError("the pictures did not come to their end", hint="try again")

    await exchange.reply(image_generation.answer(*await exchange.attended(drawn), created))


async def _kept(exchange: Exchange, found: Picture, form: PictureFormat) -> str:
    """Put a picture into the node, and say where it is served. It stays for a week after its last
    use, as blobs do."""
    sha256 = hashlib.sha256(found.data).hexdigest()
    with TemporaryFolders(exchange.settings.state_dir).one() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(found.data)
        await transfers.send(
            exchange.node, path, Blob(sha256=sha256, size=len(found.data), name=f"picture.{form}")
        )
    host = exchange.headers.get("host", "")
    scheme = str(exchange.scope.get("scheme", "http"))
    return urlunsplit((scheme, host, f"{FILES}/{sha256}.{form}", "", ""))


class _PictureBytes:
    """The bytes of a blob. See `ingle.wire.dialect.EventStream`."""

    def __init__(self, form: PictureFormat) -> None:
        self.content_type = image_generation.TYPES[form]

    def add(self, event: Event) -> bytes:
        return event.data if isinstance(event, BlobPiece) else b""

    def end(self) -> bytes:
        return b""

    def fail(self, error: Exception) -> bytes:
        return b""
