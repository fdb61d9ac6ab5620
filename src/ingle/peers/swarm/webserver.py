"""`WebServer`: a plain web server that has the very file, as one source of many."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from ingle.errors import NetworkError
from ingle.models.sources.web import Unreachable, Web, content_range, host


class WebServer:
    """A `RangeSource` over HTTP. The hashes come from others; it only has bytes."""

    def __init__(self, web: Web, url: str) -> None:
        self.name = host(url)
        self._web = web
        self._url = url

    async def torrent(self, digest: str) -> bytes:
        """It has none.

        Raises:
            NetworkError: always.
        """
        raise NetworkError("a web server cannot describe the file")

    async def read(self, digest: str, start: int, end: int) -> AsyncIterator[bytes]:
        """See `RangeSource.read`."""
        try:
            async with self._web.get(self._url, {"Range": f"bytes={start}-{end - 1}"}) as response:
                if response.status_code != 206:
                    raise NetworkError(f"answered {response.status_code} to a request for a part")
                if content_range(dict(response.headers))[:2] != (start, end):
                    raise NetworkError("sent another range than requested")
                async for piece in response.aiter_raw():
                    yield piece
        except Unreachable as cause:
            raise NetworkError(str(cause)) from None


@contextlib.asynccontextmanager
async def web_servers(urls: Sequence[str], egress: str) -> AsyncIterator[list[WebServer]]:
    """The servers of some addresses; they share a client, if there are any."""
    if not urls:
        yield []
        return
    async with Web(egress=egress) as web:
        yield [WebServer(web, url) for url in urls]
