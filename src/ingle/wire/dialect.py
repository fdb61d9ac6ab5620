"""What every dialect offers the server: an error shape, and streams of chunks."""

from __future__ import annotations

from typing import Protocol

from ingle.errors import IngleError
from ingle.operations import Event


class Dialect(Protocol):
    """How one family of clients wants its errors."""

    name: str

    def status(self, error: IngleError) -> int:
        """The HTTP status of an error."""
        ...

    def error(self, error: IngleError, request_id: str) -> bytes:
        """The body of an error response, as JSON."""
        ...


class EventStream(Protocol):
    """Turns the events of one operation into the chunks of one streamed answer.

    ``add`` may hold bytes back (the opening of a stream waits for its first
    piece, so that a failure before it still gets a true HTTP status).
    """

    content_type: str

    def add(self, event: Event) -> bytes:
        """The bytes this event adds; empty where it adds none."""
        ...

    def end(self) -> bytes:
        """What follows the last event."""
        ...

    def fail(self, error: IngleError) -> bytes:
        """The last bytes of a stream that broke off in the middle.

        Empty where the format has no words for it: the answer then ends without its last chunk.
        """
        ...


def http_status(error: IngleError) -> int:
    """The status of an error; 499 is for logs only, a client that still listens gets 503."""
    return 503 if error.http_status == 499 else error.http_status
