"""HTTP over a unix socket, blocking: how a worker talks to llama.cpp's server.

Where nothing else keeps a worker from other programs' sockets, it may only connect by names that
are too short for theirs (`ingle.engines.seccomp`). There the socket is reached by a short name
relative to its folder, which is the process's current one for that moment.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import msgspec

from ingle.errors import EngineFault

SHORT_NAME = "s"
_ENTERING = threading.Lock()
"""The current folder is the whole process's."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except PermissionError:
            with _ENTERING:
                before = os.getcwd()  # noqa: PTH109
                os.chdir(self._path.parent)
                try:
                    self.sock.connect(self._path.name)
                finally:
                    os.chdir(before)


class UnixHTTP:
    """A small client for one server on one socket. A connection per request; thread-safe.

    Args:
        path: the unix socket, in a folder of our own. It is renamed.
        key: bearer token, or empty.
    """

    def __init__(self, path: Path, key: str = "") -> None:
        self._path = path.rename(path.with_name(SHORT_NAME))
        self._headers = {"Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def ask(self, path: str, body: dict[str, Any] | None) -> Any:
        """Post JSON (or GET, without a body) and return the JSON that comes back.

        An error of the server comes back as data: ``{"error": {...}}``.
        """
        connection = _UnixConnection(self._path, None)
        try:
            data = None if body is None else msgspec.json.encode(body)
            connection.request("GET" if data is None else "POST", path, data, self._headers)
            answer = connection.getresponse().read()
        except http.client.HTTPException as error:
            raise EngineFault(f"llama-server failed: {error!r}", hint="ingle logs") from error
        finally:
            connection.close()
        try:
            return json.loads(answer)
        except ValueError:
            raise EngineFault(
                f"the engine's answer to {path} is not JSON: {answer[:200]!r}"
            ) from None

    def stream(self, path: str, body: bytes, on_chunk: Any) -> None:
        """Post JSON and hand each server-sent event's data to ``on_chunk``; True from it stops.

        Closing the connection is what stops the server's slot.
        """
        connection = _UnixConnection(self._path, None)
        try:
            connection.request("POST", path, body, self._headers)
            response = connection.getresponse()
            if response.status != 200:
                on_chunk(response.read())
                return
            for line in response:
                if line.startswith(b"data: "):
                    data = line[6:].strip()
                    if data == b"[DONE]" or on_chunk(data):
                        return
                elif line.startswith(b"error: "):
                    on_chunk(b'{"error":' + line[7:].strip() + b"}")
                    return
            raise EngineFault("llama-server ended in the middle of an answer", hint="ingle logs")
        except (OSError, http.client.HTTPException) as error:
            raise EngineFault(f"llama-server failed: {error}", hint="ingle logs") from error
        finally:
            connection.close()
