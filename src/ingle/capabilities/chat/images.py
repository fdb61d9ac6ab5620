"""Images given by URL: fetched here, with care, and inlined. No engine ever gets an URL.

What makes fetching a caller's URL dangerous is where it may point (server-side
request forgery): files, this machine, the private network, or a public name
that resolves or redirects there. So: only http and https; the name is resolved
here, every address must be public, and the connection goes to the very address
that was checked; each redirect is checked again.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from ingle.capabilities.chat.cost import picture_bytes
from ingle.capabilities.chat.operation import Chat
from ingle.errors import EgressRefused, InvalidRequest, NetworkError, UnsafeURL
from ingle.node.performing import HostedNode
from ingle.operations import ImagePart, Message

MAX_BYTES = 20 * 2**20
MAX_REDIRECTS = 3
TIMEOUT_S = 20.0


def has_urls(operation: Chat) -> bool:
    """Some image of the conversation is given by URL."""
    return any(
        isinstance(part, ImagePart) and part.url
        for message in operation.messages
        if not isinstance(message.content, str)
        for part in message.content
    )


async def with_images(node: HostedNode, operation: Chat) -> Chat:
    """The conversation with the bytes of its images in place of their URLs; in the ledger.

    Raises: as `inline`.
    """
    if not has_urls(operation):
        return operation
    ledger = node.local.ledger
    entry = ledger.begin(
        to="image servers", operation="fetch_image", model=operation.model, bytes_out=0
    )
    with ledger.outcome(entry) as told:
        operation = await inline(operation, egress=node.local.settings.egress)
        told.bytes_in = picture_bytes(operation)
    return operation


def only_bytes(operation: Chat) -> Chat:
    """A guest's conversation as it may be performed here.

    Raises:
        UnsafeURL: an image is given by URL: guests have nothing fetched.
    """
    if has_urls(operation):
        raise UnsafeURL("a paired device must send the bytes of its images, not URLs")
    return operation


async def inline(operation: Chat, *, egress: str) -> Chat:
    """The same conversation with every image's bytes in it.

    Raises:
        UnsafeURL: the URL is not http(s), or leads to a private address.
        EgressRefused: fetching would leave the device, and the owner forbids that.
        NetworkError: it could not be fetched, or is too large.
    """
    messages: list[Message] = []
    for message in operation.messages:
        if isinstance(message.content, str):
            messages.append(message)
            continue
        parts = [
            ImagePart(data=await fetch(part.url, egress=egress))
            if isinstance(part, ImagePart) and part.url
            else part
            for part in message.content
        ]
        messages.append(msgspec.structs.replace(message, content=parts))
    return msgspec.structs.replace(operation, messages=messages)


async def fetch(url: str, *, egress: str) -> bytes:
    """The bytes behind a public http(s) URL. Errors as for `inline`."""
    import httpx

    deadline = asyncio.timeout(TIMEOUT_S)
    try:
        async with deadline, httpx.AsyncClient(follow_redirects=False, trust_env=False) as client:
            for _ in range(MAX_REDIRECTS + 1):
                address, host = await checked_address(url)
                if egress == "deny":
                    raise EgressRefused(
                        f"fetching the image from {host} would leave this device",
                        hint="send the image inline, or: ingle config set egress allow",
                    )
                answer = await _get(client, url, address)
                if isinstance(answer, bytes):
                    return answer
                url = urljoin(url, answer)
    except TimeoutError:
        raise NetworkError(f"fetching the image timed out after {TIMEOUT_S:.0f} s") from None
    except httpx.HTTPError as error:
        raise NetworkError(f"the image could not be fetched: {error}") from error
    raise NetworkError(f"the image's URL redirects more than {MAX_REDIRECTS} times")


async def checked_address(url: str) -> tuple[str, str]:
    """An address of the URL's host, all of whose addresses are public; and the host.

    Raises:
        UnsafeURL: not http(s), or an address that is not public.
        NetworkError: the name does not resolve.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        raise UnsafeURL(
            f"images can only be fetched over http or https, not {parts.scheme or 'this'!r}",
            hint="send the image inline as a data: URL",
            field="messages.content.image",
        )
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise InvalidRequest("the image's URL has a bad port", field="image") from None
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NetworkError(f"the image's host {host} does not resolve: {error}") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not _public(address):
            raise UnsafeURL(
                f"{host} leads to {address}, which is not a public address",
                hint="send the image inline as a data: URL",
                field="messages.content.image",
            )
    return addresses[0], host


async def _get(client: Any, url: str, address: str) -> bytes | str:
    """The body, or where it redirects to. Connects to ``address``, whatever the name says now."""
    import httpx

    parts = httpx.URL(url)
    host = parts.host
    request = client.build_request(
        "GET",
        parts.copy_with(host=address),
        headers={"Host": host if parts.port is None else f"{host}:{parts.port}"},
        extensions={"sni_hostname": host},
    )
    response = await client.send(request, stream=True)
    try:
        if response.is_redirect:
            return str(response.headers["location"])
        if response.status_code != 200:
            raise NetworkError(f"the image's server answered {response.status_code}")
        data = bytearray()
        async for piece in response.aiter_bytes():
            data += piece
            if len(data) > MAX_BYTES:
                raise NetworkError(f"the image is larger than {MAX_BYTES} bytes")
        return bytes(data)
    finally:
        await response.aclose()


def _public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast
