"""Reading a body within bounds: size, pace, encoding, depth, number of values."""

from __future__ import annotations

import codecs
import re
from collections.abc import AsyncGenerator

import anyio
import anyio.to_thread
from starlette.types import Receive, Scope

from ingle.errors import BodyTimeout, BodyTooLarge, ClientGone, InvalidRequest
from ingle.server.body_budget import BodyBudget, HeldBody
from ingle.server.settings import MIB, RequestLimits

_STRUCTURE = re.compile(
    # A string ends with the body at the latest: else each quote would be looked at again and again.
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{},]',
    re.DOTALL,
)
_OPENS = {b"[", b"{"}
_CLOSES = {b"]", b"}"}
_DECODED_AT_ONCE = 1 << 16
_DRAIN_S = 2.0
_THREAD_FROM = MIB


async def read_body(
    scope: Scope, receive: Receive, limits: RequestLimits, budget: BodyBudget, held: HeldBody
) -> bytes:
    """The whole body, checked before anything decodes it.

    A body that says it is too long, or turns out to be, is read to its end
    for a moment (and thrown away), so that the client sees the refusal and
    not a reset connection.

    Raises:
        BodyTooLarge: over ``limits.body_bytes``, declared or chunked.
        BodyTimeout: it came too slowly, or was given up for others that did not.
        Busy: there is no memory for it.
        InvalidRequest: not UTF-8, or the JSON has too many values or levels.
        ClientGone: the client left in the middle.
    """
    headers = dict(scope["headers"])
    declared = headers.get(b"content-length", b"0")
    if int(declared if declared.isdigit() else 0) > limits.body_bytes:
        if b"expect" not in headers:
            await _drain(receive)
        raise _too_large(limits)
    whole: bytes | None = None
    with budget.reading(held), anyio.move_on_after(limits.body_s):
        whole = await _collected(receive, limits, held)
    if held.given_up:
        raise BodyTimeout(
            "the body arrived so slowly that it was given up for other requests", field="body"
        )
    if whole is None:
        raise BodyTimeout(f"the body was not complete after {limits.body_s:g} s", field="body")
    body = whole.removeprefix(codecs.BOM_UTF8)
    if len(body) < _THREAD_FROM:
        check_json(body, limits)
    else:
        # A hostile body of many MiB takes a while to scan; others continue meanwhile.
        await anyio.to_thread.run_sync(check_json, body, limits)
    return body


async def body_pieces(
    receive: Receive, limits: RequestLimits, size: int
) -> AsyncGenerator[bytes, None]:
    """A body in pieces as it arrives, for what is not kept in memory. Nothing limits it in all.

    Raises:
        BodyTimeout: it came too slowly.
        ClientGone: the client left in the middle.
    """
    async for chunk in _chunks(receive, limits):
        for at in range(0, len(chunk), size):
            yield chunk[at : at + size]


async def _collected(receive: Receive, limits: RequestLimits, held: HeldBody) -> bytes:
    body = bytearray()
    async for chunk in _chunks(receive, limits):
        if len(body) + len(chunk) > limits.body_bytes:
            await _drain(receive)
            raise _too_large(limits)
        held.grow(len(chunk))
        body += chunk
    return bytes(body)


async def _chunks(receive: Receive, limits: RequestLimits) -> AsyncGenerator[bytes, None]:
    """What arrives, if enough of it does in each stretch of time."""
    enough = limits.body_rate * limits.body_idle_s
    until = anyio.current_time() + limits.body_idle_s
    arrived = 0
    while True:
        with anyio.move_on_at(until) as patience:
            message = await receive()
        if patience.cancelled_caught:
            raise _too_slow(limits, arrived)
        if message["type"] == "http.disconnect":
            raise ClientGone("the client disconnected while sending its request")
        chunk: bytes = message.get("body", b"")
        yield chunk
        if not message.get("more_body", False):
            return
        arrived += len(chunk)
        if arrived >= enough:
            until = anyio.current_time() + limits.body_idle_s
            arrived = 0


def check_json(body: bytes, limits: RequestLimits) -> None:
    """Refuse what a decoder should not see. Takes no memory that grows with the body.

    Raises:
        InvalidRequest: not UTF-8, or nested deeper or with more values than the limits have.
    """
    _check_text(body)
    if len(body) > limits.wide_bytes and not body.isascii():
        _check_wide(body, limits.wide_bytes)
    check_structure(body, limits)


def check_structure(body: bytes, limits: RequestLimits) -> None:
    """Count brackets and commas outside of strings. Never recurses.

    Raises:
        InvalidRequest: they nest too deeply, or there are too many.
    """
    opened = body.count(b"[") + body.count(b"{")
    if opened <= limits.json_depth and opened + body.count(b",") <= limits.json_values:
        return
    level = containers = commas = 0
    for match in _STRUCTURE.finditer(body):
        token = match[0] if match.end() - match.start() == 1 else b""
        if token in _OPENS:
            level += 1
            containers += 1
            if level > limits.json_depth:
                raise InvalidRequest(
                    f"the JSON is nested deeper than {limits.json_depth} levels", field="body"
                )
            if containers > limits.json_containers:
                raise _too_many(f"{limits.json_containers} objects and lists")
        elif token in _CLOSES:
            level -= 1
        elif token == b",":
            commas += 1
            if commas > limits.json_values:
                raise _too_many(f"{limits.json_values} values")


def _too_many(what: str) -> InvalidRequest:
    return InvalidRequest(
        f"the JSON has more than {what}", hint="send it in several requests", field="body"
    )


def _check_text(body: bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    at = 0
    try:
        for at in range(0, len(body), _DECODED_AT_ONCE):
            decoder.decode(body[at : at + _DECODED_AT_ONCE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        # What it counts from may lie a few bytes before, where a character was cut in two.
        start = min(at + _DECODED_AT_ONCE, len(body)) - len(error.object) + error.start
        raise InvalidRequest(f"the body is not UTF-8: bad byte at {start}", field="body") from None


def _check_wide(body: bytes, most: int) -> None:
    wide = sum(len(text) for match in _STRUCTURE.finditer(body) if not (text := match[0]).isascii())
    if wide > most:
        raise InvalidRequest(
            f"texts with characters beyond ASCII have more than {most} bytes together",
            hint="send it in several requests",
            field="body",
        )


def _too_slow(limits: RequestLimits, arrived: int) -> BodyTimeout:
    found = f"only {arrived} bytes" if arrived else "no byte"
    return BodyTimeout(f"{found} of the body arrived for {limits.body_idle_s:g} s", field="body")


def _too_large(limits: RequestLimits) -> BodyTooLarge:
    return BodyTooLarge(
        f"the body is larger than {limits.body_bytes} bytes",
        hint="send less, or raise the setting http_body_bytes",
        limit=limits.body_bytes,
    )


async def _drain(receive: Receive) -> None:
    with anyio.move_on_after(_DRAIN_S):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return
