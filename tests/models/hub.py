"""A file server and a Hugging Face hub for the tests, on real sockets, that can misbehave.

The hub speaks the real protocol: the listing with ``blobs=true``, ``resolve``
that redirects to another host (the "CDN"), error codes in ``X-Error-Code``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.waiting import slow

PIECE = 16_384
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclasses.dataclass
class Served:
    """One file, and how the server treats it."""

    data: bytes
    etag: str = '"one"'
    ranges: bool = True
    length: bool = True
    """Say how long it is."""
    cut_after: int = 0
    """End the connection after this many bytes of an answer."""
    cuts: int = 0
    """How many answers to cut so; -1: all."""
    stall: int = 0
    """How many answers to stop in the middle, without closing the connection."""
    failures: list[int] = dataclasses.field(default_factory=list)
    """Statuses of the first answers."""
    piece_s: float = 0.0
    """Seconds between pieces of 16 KiB."""


class FileServer:
    """Use as a context manager. Counts what it sends."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.files: dict[str, Served] = {}
        self.sent = 0
        """Bytes of files sent, all answers together."""
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.first_bytes = threading.Event()
        """Set once some bytes of a file of more than a piece are out."""
        self.lock = threading.Lock()
        self.closing = threading.Event()
        outer = self

        class Handler(_Handler):
            server_of_files = outer

        self._http = _Quiet((host, 0), Handler)
        self.url = f"http://{host}:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    def add(self, path: str, data: bytes, **how: Any) -> str:
        """Serve bytes; returns the URL."""
        self.files[path] = Served(data, **how)
        return self.url + path

    def answer(self, handler: _Handler, path: str) -> None:
        """Answer a request for a path. A hub does more than files."""
        handler.send_file(path)

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # clients that vanish are part of it
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of_files: FileServer

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server_of_files
        with server.lock:
            server.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        try:
            server.answer(self, unquote(urlsplit(self.path).path))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client went away: part of many tests

    do_HEAD = do_GET

    def send_empty(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_json(self, data: object) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_file(self, path: str) -> None:
        server = self.server_of_files
        served = server.files.get(path)
        if served is None:
            self.send_empty(404)
            return
        with server.lock:
            failure = served.failures.pop(0) if served.failures else 0
        if failure:
            self.send_empty(failure)
            return
        start, end = 0, len(served.data)
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range", served.etag) == served.etag
        part = bool(wanted) and served.ranges and same
        if wanted and part:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last) + 1, end)
            if start >= end:
                self.send_empty(416, Content_Range=f"bytes */{len(served.data)}")
                return
        self.send_response(206 if part else 200)
        if part:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(served.data)}")
        if served.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if served.etag:
            self.send_header("ETag", served.etag)
        if served.length or part:
            self.send_header("Content-Length", str(end - start))
        else:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "GET":
            self._send_body(served, start, end)

    def _send_body(self, served: Served, start: int, end: int) -> None:
        server = self.server_of_files
        long = end - start > 1
        with server.lock:
            cut = long and served.cuts != 0
            served.cuts -= 1 if cut and served.cuts > 0 else 0
            stall = long and served.stall > 0
            served.stall -= stall
        sent = 0
        for at in range(start, end, PIECE):
            piece = served.data[at : min(at + PIECE, end)]
            if cut and sent + len(piece) > served.cut_after:
                self.close_connection = True
                self.wfile.flush()
                return
            if stall and sent:
                server.closing.wait(20)
                self.close_connection = True
                return
            self.wfile.write(piece)
            sent += len(piece)
            with server.lock:
                server.sent += len(piece)
            if long:
                server.first_bytes.set()
            if served.piece_s:
                slow(served.piece_s)


class Hub(FileServer):
    """A hub with repositories; its bytes come from another host."""

    def __init__(self, cdn: FileServer) -> None:
        super().__init__()
        self.cdn = cdn
        self.repos: dict[str, dict[str, bytes]] = {}
        self.gated: dict[str, str] = {}
        """Repository to the token that opens it."""
        self.expired = 0
        """How many links to the CDN are dead on arrival."""
        self.said_size = 0
        """Bytes that the listing says of every large file; 0: what they have."""

    def publish(self, repo: str, files: dict[str, bytes]) -> None:
        """Put up a repository."""
        self.repos[repo] = files
        for name, data in files.items():
            self.cdn.add(f"/{repo}/{name}", data)

    def answer(self, handler: _Handler, path: str) -> None:
        token = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        api = path.startswith("/api/models/")
        parts = path.removeprefix("/api/models/" if api else "/").split("/")
        repo = "/".join(parts[:2])
        if repo not in self.repos:
            status, code = (404, "RepoNotFound") if token else (401, "RepoNotFound")
            handler.send_empty(status, X_Error_Code=code)
        elif repo in self.gated and self.gated[repo] != token and not api:
            handler.send_empty(403 if token else 401, X_Error_Code="GatedRepo")
        elif api and parts[2:] in ([], ["revision", "main"], ["revision", COMMIT]):
            handler.send_json(self._listing(repo))
        elif not api and parts[2] == "resolve" and parts[3] in ("main", COMMIT):
            self._resolve(handler, repo, "/".join(parts[4:]))
        else:
            handler.send_empty(404, X_Error_Code="RevisionNotFound")

    def _listing(self, repo: str) -> dict[str, Any]:
        siblings: list[dict[str, Any]] = []
        for name, data in self.repos[repo].items():
            sibling: dict[str, Any] = {"rfilename": name, "size": len(data)}
            sibling["blobId"] = hashlib.sha1(data).hexdigest()
            if name.endswith(".gguf"):
                sha256 = hashlib.sha256(data).hexdigest()
                size = self.said_size or len(data)
                sibling["lfs"] = {"sha256": sha256, "size": size, "pointerSize": 134}
            siblings.append(sibling)
        return {
            "_id": "66e0",
            "id": repo,
            "modelId": repo,
            "private": False,
            "gated": "manual" if repo in self.gated else False,
            "sha": COMMIT,
            "tags": ["gguf"],
            "siblings": siblings,
        }

    def _resolve(self, handler: _Handler, repo: str, name: str) -> None:
        data = self.repos[repo].get(name)
        if data is None:
            handler.send_empty(404, X_Error_Code="EntryNotFound")
            return
        etag = hashlib.sha256(data).hexdigest()
        location = f"{self.cdn.url}/{repo}/{name}?X-Amz-Signature=abc"
        with self.lock:
            if self.expired:
                self.expired -= 1
                location = f"{self.cdn.url}/gone"
        handler.send_empty(
            302,
            Location=location,
            X_Repo_Commit=COMMIT,
            X_Linked_Size=str(len(data)),
            X_Linked_Etag=f'"{etag}"',
            ETag=f'"{etag}"',
        )


class ModelScopeServer(FileServer):
    """A server that speaks ModelScope's protocol, as far as a pull needs it."""

    def __init__(self) -> None:
        super().__init__()
        self.repos: dict[str, dict[str, bytes]] = {}

    def publish(self, repo: str, files: dict[str, bytes]) -> None:
        """Put up a repository."""
        self.repos[repo] = files
        for name, data in files.items():
            self.add(f"/models/{repo}/resolve/master/{name}", data)

    def answer(self, handler: _Handler, path: str) -> None:
        if not path.startswith("/api/v1/models/"):
            handler.send_file(path)
            return
        repo = path.removeprefix("/api/v1/models/").removesuffix("/repo/files")
        if repo not in self.repos:
            handler.send_json({"Code": 10010205001, "Data": None, "Message": "not found"})
            return
        files = [
            {
                "Name": name.rsplit("/", 1)[-1],
                "Path": name,
                "Type": "blob",
                "Size": len(data),
                "Sha256": hashlib.sha256(data).hexdigest(),
                "Revision": "b7e0",
            }
            for name, data in self.repos[repo].items()
        ]
        folder = {"Name": "images", "Path": "images", "Type": "tree", "Size": 0, "Sha256": ""}
        handler.send_json({"Code": 200, "Data": {"Files": [*files, folder]}, "Success": True})
