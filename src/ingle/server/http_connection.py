"""One client's connection, bounded before anything is known of who is calling.

uvicorn's protocol keeps whatever the client sends as headers, for as long as the client likes.
This one counts and times it.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ingle.server.settings import ConnectionLimits

STEP = 64 * 1024
"""Bytes that are read and parsed at a time."""
LINGER_S = 2.0
"""How long what a refused client still sends is read, so that it sees the answer."""


class _TooMuch(Exception):
    """Ends the parser's work on what a client has sent."""


class _Refusal(NamedTuple):
    status: HTTPStatus
    text: str


class HttpConnection(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on heads, on pipelining and on every wait.

    Args:
        application: answers the requests.
        address: whom it counts for.
        spare: one of the few beyond the limit, which closes after its first answer.
        lost: called when it is gone.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        limits: ConnectionLimits,
        *,
        application: ASGIApp,
        address: str,
        spare: bool,
        lost: Callable[[HttpConnection], None],
    ) -> None:
        super().__init__(config, state, app_state={})
        self.app = application
        self.address = address
        self.spare = spare
        self.answered = 0
        """Requests that it has had an answer to."""
        self.waiting_since = self.loop.time()
        """When it was opened, had its last answer, or began its next request."""
        self._limits = limits
        self._lost = lost
        self._in_head = False
        self._in_body = False
        self._head_bytes = 0
        self._head_count = 0
        self._silent_bytes = 0
        self._refusal: _Refusal | None = None
        self._refused = False
        self._unwanted = False
        self._closing_since: float | None = None
        self._unread_since: float | None = None
        self._upgraded = False

    @property
    def busy(self) -> bool:
        """A whole head has arrived and its answer has not ended; or it is a web socket."""
        if self._upgraded:
            return True
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def idle(self) -> bool:
        """Nothing of it is being answered."""
        return not self.busy

    def connection_made(self, transport: object) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self.transport.max_size = STEP  # type: ignore[attr-defined]
        if self._unwanted:
            self.transport.abort()

    def handle_websocket_upgrade(self) -> None:
        """Another protocol takes the transport over; it still counts as one connection."""
        super().handle_websocket_upgrade()
        self._upgraded = True
        taken_over = self.transport.get_protocol()
        ended = taken_over.connection_lost

        def connection_lost(exc: Exception | None) -> None:
            ended(exc)
            self._lost(self)

        setattr(taken_over, "connection_lost", connection_lost)  # noqa: B010

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return  # read until the client has seen the answer, and thrown away
        self._silent_bytes += len(data)
        super().data_received(data)
        if self._silent_bytes > self._limits.header_bytes and not self._refused:
            self._refuse(self._head_too_large())

    def send_400_response(self, msg: str) -> None:
        """Called where the parser has given up: because of a bound of ours, or of nonsense."""
        self._refuse(self._refusal or _Refusal(HTTPStatus.BAD_REQUEST, "not a valid HTTP request"))

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= self._limits.pipelined:
            raise self._too_much(
                HTTPStatus.TOO_MANY_REQUESTS, "too many requests before the first is answered"
            )
        super().on_message_begin()
        self._head_bytes = self._head_count = self._silent_bytes = 0
        self._in_head = True
        if self.answered and not self.busy:
            self.waiting_since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_count += 1
        if self._head_count > self._limits.header_count:
            raise self._too_much(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"more than {self._limits.header_count} headers (the setting http_header_count)",
            )
        self._count_head(len(name) + len(value))
        # What follows a body was not there when the guard looked.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._in_body = True
        super().on_headers_complete()
        if self.spare:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._silent_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.answered += 1
        self.waiting_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since = None
        super().resume_writing()

    def overdue(self, now: float) -> str:
        """Why it must end now; empty where it need not."""
        limits = self._limits
        if self.transport is None:
            return ""
        if self.transport.is_closing() and self._closing_since is None:
            self._closing_since = now
        if self._closing_since is not None:
            patience = LINGER_S if self._refused else limits.unread_s
            return "unread" if now - self._closing_since > patience else ""
        if self._unread_since is not None and now - self._unread_since > limits.unread_s:
            return "unread"
        if self.busy:
            return ""
        waited = now - self.waiting_since
        if self._in_head or self._in_body or not self.answered:
            return "header_timeout" if waited > limits.header_s else ""
        return "idle" if waited > limits.keep_alive_s else ""

    def end(self, reason: str) -> None:
        """End it, and tell the client why where it has begun to ask."""
        if self.transport is None:
            self._unwanted = True  # it was accepted a moment ago, among many
        elif reason == "header_timeout" and self._in_head:
            self._refuse(
                _Refusal(
                    HTTPStatus.REQUEST_TIMEOUT,
                    f"the request's headers were not complete after {self._limits.header_s:g} s",
                )
            )
        else:
            self.transport.abort()

    def _count_head(self, size: int) -> None:
        self._silent_bytes = 0
        self._head_bytes += size
        if self._head_bytes > self._limits.header_bytes:
            self._refusal = self._head_too_large()
            raise _TooMuch

    def _head_too_large(self) -> _Refusal:
        return _Refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the request's headers are larger than {self._limits.header_bytes} bytes "
            "(the setting http_header_bytes)",
        )

    def _too_much(self, status: HTTPStatus, text: str) -> _TooMuch:
        self._refusal = _Refusal(status, text)
        return _TooMuch()

    def _refuse(self, refusal: _Refusal) -> None:
        """Take nothing more of this client: let what it has asked be answered, or say why."""
        self._refused = True
        self._closing_since = None
        if self.busy and not self._in_body:
            self.cycle.keep_alive = False
        elif self.busy and (self.pipeline or self.cycle.response_started):
            self.transport.close()
        else:
            self._say(refusal)

    def _say(self, refusal: _Refusal) -> None:
        if self.busy:
            # Its body cannot be read any further: the application must not wait for it.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        text = refusal.text.encode()
        head = (
            f"HTTP/1.1 {refusal.status.value} {refusal.status.phrase}\r\n"
            f"content-type: text/plain; charset=utf-8\r\ncontent-length: {len(text)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + text)
        self._closing_since = self.loop.time()
        if self.transport.can_write_eof():
            self.transport.write_eof()
