"""The HTTP door: a real node and server, before requests of every kind and silence."""

from __future__ import annotations

import collections
import contextlib
import random
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.cli.place import Place, ended

from .finding import Found
from .http_probe import TOKEN, HttpProbe, http_probe
from .node_memory import NodeMemory
from .siege_part import Probe, SiegePart

HANGING = 300
"""Connections that are left as they are, so that there are always some of them."""
PATIENCE_S = 60
LOOK_EVERY = 250
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [ -~]*\r\n")


class BesiegedServer:
    """A server under attack, and what must stay true of it."""

    def __init__(self, pid: int, memory: NodeMemory, url: str) -> None:
        self._pid = pid
        self._memory = memory
        self._url = url
        parts = urlsplit(url)
        self._address = (str(parts.hostname), int(parts.port or 0))
        self._hanging: collections.deque[tuple[HttpProbe, socket.socket]] = collections.deque()
        self._count = 0

    def probe(self, chance: random.Random) -> None:
        """One request, or one connection that says less than that."""
        self._count += 1
        if self._count % LOOK_EVERY == 0:
            self.look()
        asked = http_probe(chance)
        raw = socket.create_connection(self._address, timeout=PATIENCE_S)
        with contextlib.suppress(ConnectionError):
            raw.sendall(asked.data)
        if asked.left_open:
            self._hanging.append((asked, raw))
            if len(self._hanging) > HANGING:
                self._let_go()
        else:
            with raw:
                self._judge(asked, _everything(asked, raw))

    def look(self) -> None:
        """It is healthy and no larger than it may be."""
        try:
            answer = httpx.get(f"{self._url}/healthz", timeout=PATIENCE_S)
        except httpx.HTTPError as error:
            raise Found(f"/healthz: {error!r}") from None
        if answer.status_code != 200:
            raise Found(f"/healthz: {answer.status_code}")
        self._memory.look_at(self._pid)
        self._memory.check()

    def close(self) -> None:
        """The attack is over: everything lets go, and an honest question is answered."""
        while self._hanging:
            self._let_go()
        self.look()
        question = {"model": "ember", "messages": [{"role": "user", "content": "Hi"}]}
        answer = httpx.post(
            f"{self._url}/v1/chat/completions",
            json={**question, "max_tokens": 5},
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=PATIENCE_S,
        )
        if answer.status_code != 200:
            raise Found(f"an honest question: {answer.status_code} {answer.text[:300]}")

    def _let_go(self) -> None:
        """The connection that hangs for longest ends; what it was told meanwhile is looked at."""
        asked, raw = self._hanging.popleft()
        raw.setblocking(False)
        with raw, contextlib.suppress(BlockingIOError, ConnectionError):
            if answer := raw.recv(65_536):
                self._judge(asked, answer)

    def _judge(self, asked: HttpProbe, answer: bytes) -> None:
        answer = answer.removeprefix(_CONTINUE)
        if asked.left_open and not answer:
            return
        statuses = [int(status) for status in _STATUS.findall(answer.partition(b"\r\n\r\n")[0])]
        shown = f"{asked.data[:300]!r} -> {answer[:200]!r}"
        if not answer.startswith(b"HTTP/1.1 ") or not statuses:
            raise Found(f"not an answer of HTTP: {shown}")
        if 500 in statuses:
            raise Found(f"an internal error: {shown}")
        if asked.forbidden and statuses[0] < 300:
            raise Found(f"answered in spite of its {asked.forbidden}: {shown}")
        if asked.foreign_origin and b"access-control-allow-origin" in answer.lower():
            raise Found(f"a foreign page may read it: {shown}")
        if TOKEN.encode() in answer:
            raise Found(f"the token is in the answer: {shown}")


def _everything(asked: HttpProbe, raw: socket.socket) -> bytes:
    found = b""
    try:
        while data := raw.recv(65_536):
            found += data
    except TimeoutError:
        raise Found(f"no end of the answer: {asked.data[:300]!r} -> {found[:200]!r}") from None
    except ConnectionError:
        pass  # it hung up on a client that was still sending
    return found


@contextlib.contextmanager
def besieged(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """A server with a token, which may not leave the device."""
    place = Place(folder, INGLE_TOKEN=TOKEN, INGLE_EGRESS="deny", INGLE_HTTP_HEADER_TIMEOUT="5s")
    errors = folder / "stderr"
    try:
        with errors.open("wb") as told:
            process = place.start("serve", "--port", "0", stderr=told)
            while b"http://" not in errors.read_bytes():
                if process.poll() is not None:
                    raise Found(f"it did not start: {errors.read_text()}")
            url = next(word for word in errors.read_text().split() if word.startswith("http://"))
            server = BesiegedServer(process.pid, memory, url)
            yield server.probe
            server.close()
            if ended(process, signal.SIGTERM).status != 0:
                raise Found("the server did not end cleanly")
        _check_log(place.state / "logs" / "node.log", errors)
    finally:
        place.close()


def _check_log(*paths: Path) -> None:
    for path in paths:
        text = path.read_text(errors="replace")
        if "Traceback" in text:
            raise Found(f"{path.name}: {text[text.index('Traceback') - 300 :][:1500]}")
        if TOKEN in text:
            raise Found(f"{path.name} has the token")


PART = SiegePart("http", 10_000, besieged)
