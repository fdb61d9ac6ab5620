"""Reading a body within bounds: size, patience, encoding, depth."""

from __future__ import annotations

import codecs
import re
from collections.abc import AsyncGenerator

import anyio
import anyio.to_thread
from starlette.types import Receive, Scope

from ingle.errors import BodyTimeout, BodyTooLarge, ClientGone, InvalidRequest
from ingle.server.settings import MIB, RequestLimits

_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_OPEN = ord("[")
_STRING = re.compile(rb'"[^"]*"')
_DRAIN_S = 2.0
_THREAD_FROM = MIB


async def read_body(scope: Scope, receive: Receive, limits: RequestLimits) -> bytes:
    """The whole body, checked before anything decodes it.

    A body that says it is too long, or turns out to be, is read to its end
    for a moment (and thrown away), so that the client sees the refusal and
    not a reset connection.

    Raises:
        BodyTooLarge: over ``limits.body_bytes``, declared or chunked.
        BodyTimeout: nothing arrived for ``limits.body_idle_s``.
        InvalidRequest: not UTF-8, or brackets nested beyond ``limits.json_depth``.
        ClientGone: the client left in the middle.
    """
    headers = dict(scope["headers"])
    declared = headers.get(b"content-length", b"0")
    if int(declared if declared.isdigit() else 0) > limits.body_bytes:
        if b"expect" not in headers:
            await _drain(receive)
        raise _too_large(limits)
    chunks: list[bytes] = []
    size = 0
    while True:
        with anyio.move_on_after(limits.body_idle_s) as patience:
            message = await receive()
        if patience.cancelled_caught:
            raise BodyTimeout(
                f"no byte of the body arrived for {limits.body_idle_s:g} s", field="body"
            )
        if message["type"] == "http.disconnect":
            raise ClientGone("the client disconnected while sending its request")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limits.body_bytes:
            await _drain(receive)
            raise _too_large(limits)
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
    body = b"".join(chunks).removeprefix(codecs.BOM_UTF8)
    if size < _THREAD_FROM:
        check_json(body, limits.json_depth)
    else:
        # A hostile body of many MiB takes a while to scan; others continue meanwhile.
        await anyio.to_thread.run_sync(check_json, body, limits.json_depth)
    return body


async def body_pieces(
    receive: Receive, limits: RequestLimits, size: int
) -> AsyncGenerator[bytes, None]:
    """A body in pieces as it arrives, for what is not kept in memory. Nothing limits it in all.

    Raises:
        BodyTimeout: nothing arrived for ``limits.body_idle_s``.
        ClientGone: the client left in the middle.
    """
    while True:
        with anyio.move_on_after(limits.body_idle_s) as patience:
            message = await receive()
        if patience.cancelled_caught:
            raise BodyTimeout(
                f"no byte of the body arrived for {limits.body_idle_s:g} s", field="body"
            )
        if message["type"] == "http.disconnect":
            raise ClientGone("the client disconnected while sending its request")
        chunk: bytes = message.get("body", b"")
        for at in range(0, len(chunk), size):
            yield chunk[at : at + size]
        if not message.get("more_body", False):
            return


def check_json(body: bytes, depth: int) -> None:
    """Refuse what a decoder should not see.

    Raises:
        InvalidRequest: not UTF-8, or nested deeper than ``depth``.
    """
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"the body is not UTF-8: bad byte at {error.start}", field="body"
        ) from None
    if nested_beyond(body, depth):
        raise InvalidRequest(f"the JSON is nested deeper than {depth} levels", field="body")


def nested_beyond(body: bytes, depth: int) -> bool:
    """Whether brackets outside of strings nest deeper than ``depth``. Never recurses."""
    if body.count(b"[") + body.count(b"{") <= depth:
        return False
    # Escapes first (a run of backslashes pairs up from its left), then everything
    # that is not a bracket or quote, then the strings: what is left is structure.
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NOT_STRUCTURE)
    structure = _STRING.sub(b"", bare).translate(_ONE_KIND)
    # Each round takes away the innermost pairs, and with them one level: flat
    # lists and objects are most of any honest body and need no walk.
    for _ in range(min(2, depth)):
        structure = structure.replace(b"[]", b"")
        depth -= 1
    level = 0
    for byte in structure:
        level += 1 if byte == _OPEN else -1
        if level > depth:
            return True
    return False


def _too_large(limits: RequestLimits) -> BodyTooLarge:
    return BodyTooLarge(
        f"the body is larger than {limits.body_bytes} bytes",
        hint="send less, or raise the server's body limit",
        limit=limits.body_bytes,
    )


async def _drain(receive: Receive) -> None:
    with anyio.move_on_after(_DRAIN_S):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return
