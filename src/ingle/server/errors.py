"""Refusals that exist only over HTTP."""

from __future__ import annotations

from ingle.errors import Cancelled, InvalidRequest


class BodyTooLarge(InvalidRequest):
    """The body is longer than the limit. ``details``: ``limit``."""

    code = "body_too_large"
    http_status = 413


class BodyTimeout(InvalidRequest):
    """The client stopped sending in the middle of its body."""

    code = "body_timeout"
    http_status = 408


class MethodNotAllowed(InvalidRequest):
    """The path exists, but not for this method. ``details``: ``allowed``."""

    code = "method_not_allowed"
    http_status = 405


class ClientGone(Cancelled):
    """The client closed the connection; there is nobody left to answer."""

    code = "client_gone"
