"""`Web`: the HTTP client of a pull. Redirects by hand, a token for one origin only, egress checked.

A pull is the owner's own act, so any address may be asked for; what the rules
below prevent is a server that leads the client elsewhere: no token ever goes to
another origin, no redirect leads from https to http or out of HTTP.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ingle.errors import EgressRefused, InvalidRequest, NetworkError

if TYPE_CHECKING:
    from types import TracebackType

    import httpx

MAX_REDIRECTS = 10
RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Unreachable(Exception):
    """A passing failure: worth another try. ``after`` seconds, if the server said so."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteVersion:
    """What a server says about a file before it sends it."""

    location: str
    """Where the redirects ended."""
    size: int
    """Bytes; 0 if the server does not say."""
    ranges: bool
    """The server sends parts on request."""
    etag: str
    last_modified: str


class Web:
    """Use as ``async with``.

    Args:
        token: Sent to the origin of ``token_url`` and nowhere else.
        stall_s: Seconds without a byte after which a connection is given up.
        egress: ``deny`` to reach nothing but this device; empty: what ``INGLE_EGRESS`` says.
    """

    def __init__(
        self, *, token: str = "", token_url: str = "", stall_s: float = 30.0, egress: str = ""
    ) -> None:
        self._token = token
        self._token_origin = origin(token_url) if token_url else ""
        self._stall_s = stall_s
        self._egress = egress or os.environ.get("INGLE_EGRESS", "").lower()
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Web:
        import httpx

        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(self._stall_s, connect=min(15.0, self._stall_s)),
            limits=httpx.Limits(max_connections=64),
            follow_redirects=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            await self._client.aclose()

    @contextlib.asynccontextmanager
    async def get(
        self, url: str, headers: dict[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """GET as a stream, redirects followed; the status is for the caller to judge.

        Raises:
            Unreachable: no connection, it stalled or broke, or a passing status (5xx, 429).
            EgressRefused: egress is denied and the host is not this device.
            NetworkError: too many redirects, or one that is not allowed.
        """
        import httpx

        assert self._client is not None, "use as: async with Web()"
        for _ in range(MAX_REDIRECTS):
            check_egress(url, self._egress)
            sent = {"Accept-Encoding": "identity", **(headers or {})}
            if self._token and origin(url) == self._token_origin:
                sent["Authorization"] = f"Bearer {self._token}"
            try:
                async with self._client.stream("GET", url, headers=sent) as response:
                    if response.status_code in _REDIRECTS:
                        url = _next(url, response.headers.get("location", ""))
                        continue
                    if response.status_code in RETRY_STATUS:
                        raise Unreachable(
                            f"{host(url)} answered {response.status_code}",
                            _seconds(response.headers.get("retry-after", "")),
                        )
                    yield response
                    return
            except httpx.TimeoutException:
                raise Unreachable(f"{host(url)} sent nothing for {self._stall_s:g} s") from None
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
                raise Unreachable(f"{host(url)}: {reason}") from None
            except httpx.InvalidURL as error:
                raise InvalidRequest(f"source: {url!r}: {error}", field="source") from None
        raise NetworkError(f"more than {MAX_REDIRECTS} redirects", url=redacted(url))

    async def read(self, url: str, limit: int) -> tuple[int, dict[str, str], bytes]:
        """GET a small document whole: status, headers, body. Raises as `get`.

        Raises:
            NetworkError: it is longer than ``limit`` bytes.
        """
        body = bytearray()
        async with self.get(url) as response:
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > limit:
                    raise NetworkError(f"{host(url)} sent more than {limit} bytes")
            return response.status_code, dict(response.headers), bytes(body)

    def whole_size(self, response: httpx.Response) -> int:
        """Bytes of the whole file, as an answer to a request for a part says; 0 if it does not."""
        headers = dict(response.headers)
        if response.status_code == 206:
            return content_range(headers)[2]
        return _integer(headers, "content-length")

    async def version(self, url: str) -> tuple[int, dict[str, str], RemoteVersion | None]:
        """Ask for one byte, to learn size, version and whether parts can be had.

        Returns:
            The status, the headers, and the version if the file is there.
        """
        async with self.get(url, {"Range": "bytes=0-0"}) as response:
            headers = dict(response.headers)
            if response.status_code not in (200, 206):
                return response.status_code, headers, None
            partial = response.status_code == 206
            size = self.whole_size(response)
            return (
                response.status_code,
                headers,
                RemoteVersion(
                    location=str(response.url),
                    size=size,
                    ranges=partial and size > 0,
                    etag=headers.get("etag", ""),
                    last_modified=headers.get("last-modified", ""),
                ),
            )


def content_range(headers: dict[str, str]) -> tuple[int, int, int]:
    """``Content-Range: bytes 0-9/100`` as ``(0, 10, 100)``; zeros where it does not say."""
    unit, _, rest = headers.get("content-range", "").partition(" ")
    span, _, size = rest.partition("/")
    first, _, last = span.partition("-")
    if unit != "bytes" or not (first.isdecimal() and last.isdecimal()):
        return 0, 0, 0
    return int(first), int(last) + 1, int(size) if size.isdecimal() else 0


def check_egress(url: str, egress: str) -> None:
    """See that the owner allows a connection to the host of an URL.

    Raises:
        EgressRefused: ``egress`` is ``deny`` and the host is not this device.
        InvalidRequest: it is not an http or https URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest(f"source: {url!r} is not an http or https URL", field="source")
    if egress == "deny" and not _loopback(parts.hostname):
        raise EgressRefused(
            f"a download from {parts.hostname} needs network access, and egress is denied",
            hint="ingle config set egress allow",
        )


def origin(url: str) -> str:
    """Scheme, host and port of an URL, in lower case."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def host(url: str) -> str:
    """The host (and port) to show to people."""
    return urlsplit(url).netloc.rpartition("@")[2]


def redacted(url: str) -> str:
    """An URL without what may be secret: user, password, query (signed links carry keys there)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{host(url)}{parts.path}"


def _next(url: str, location: str) -> str:
    target = urljoin(url, location)
    scheme = urlsplit(target).scheme
    if not location or scheme not in ("http", "https"):
        raise NetworkError(f"{host(url)} redirects to something that is not HTTP")
    if urlsplit(url).scheme == "https" and scheme == "http":
        raise NetworkError(f"{host(url)} redirects from https to http ({host(target)})")
    return target


def _loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _seconds(text: str) -> float:
    return min(float(text), 60.0) if text.isdecimal() else 0.0


def _integer(headers: dict[str, str], name: str) -> int:
    text = headers.get(name, "")
    return int(text) if text.isdecimal() else 0
