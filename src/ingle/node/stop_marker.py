"""`StopMarker`: tells a node that starts whether the one before it ended as it should.

``node.session`` lies in the state directory while a node runs, and says which models it has loaded.
A node that ends in order removes it, but for files that are still to be verified.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ingle.operations.encoded import UNREADABLE

log = logging.getLogger(__name__)

MARKER = "node.session"


class NodeSession(msgspec.Struct):
    """What the marker says."""

    started: float = 0.0
    """Unix time; 0: it is not known."""
    used: list[str] = []
    """Digests of the models that were loaded."""
    unverified: list[str] = []
    """Digests of files that an unclean end has made doubtful."""
    clean: bool = False
    """It ended in order, and left files unverified."""


class StopMarker:
    """The marker of a state directory whose lock we hold.

    Where it cannot be written (a full disk), the next start does not know how this node ended.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / MARKER
        self._writing = threading.Lock()
        self.before = self._read()
        """What the last node left; None: it ended in order."""
        self._session = NodeSession(
            started=time.time(), unverified=self.before.unverified if self.before else []
        )
        self._write()

    @property
    def unverified(self) -> list[str]:
        """Digests of files that are to be read again."""
        return list(self._session.unverified)

    def doubt(self, digests: Iterable[str]) -> None:
        """These files are to be read again."""
        self._session.unverified = sorted({*self._session.unverified, *digests})
        self._write()

    def verified(self, digest: str) -> None:
        """This one was. May be called from another thread."""
        with self._writing:
            if digest in self._session.unverified:
                self._session.unverified.remove(digest)
                self._write()

    def used(self, digest: str) -> None:
        """A model is loaded."""
        with self._writing:
            if digest and digest not in self._session.used:
                self._session.used.append(digest)
                self._write()

    def end(self) -> None:
        """The node ends in order."""
        if self._session.unverified:
            self._session.clean, self._session.used = True, []
            self._write()
        else:
            self._path.unlink(missing_ok=True)

    def _read(self) -> NodeSession | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=NodeSession)
        except FileNotFoundError:
            return None
        except (OSError, *UNREADABLE) as error:
            log.warning("%s cannot be read: %s", self._path, error)
            return NodeSession()  # a power cut, perhaps: everything is doubtful

    def _write(self) -> None:
        part = self._path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(msgspec.json.encode(self._session))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:
            log.warning("%s was not written: %s", self._path, error)
