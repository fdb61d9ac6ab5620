"""Frames at the owner's socket: whatever comes, the node lives, and other clients are served."""

from __future__ import annotations

import collections
import contextlib
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import ingle
from ingle.client.sync import Home
from ingle.config import Settings
from ingle.errors import ProtocolError
from ingle.protocol import frames

from .besieged_place import BesiegedPlace
from .finding import Found
from .frame_mutant import PING, FrameProbe, frame_probe, packed
from .node_memory import NodeMemory
from .process_family import adopting
from .siege_part import Probe, SiegePart

HANGING = 100
"""Connections that are left half-open, so that there are always some of them."""
PATIENCE_S = 60
LOOK_EVERY = 50


class BesiegedSocket:
    """A node's socket under attack, and another client of it."""

    def __init__(self, besieged: BesiegedPlace, home: Home) -> None:
        self._besieged = besieged
        self._home = home
        self._path = besieged.folder / "state" / "node.sock"
        token = self._path.with_suffix(".token").read_text()
        self._hello = packed(["h", 1, {"token": token}])
        self._hanging: collections.deque[socket.socket] = collections.deque()
        self._count = 0

    def probe(self, chance: random.Random) -> None:
        """One connection."""
        self._count += 1
        asked = frame_probe(chance, self._hello)
        raw = socket.socket(socket.AF_UNIX)
        raw.settimeout(PATIENCE_S)
        raw.connect(str(self._path))
        with contextlib.suppress(ConnectionError):
            for piece in asked.pieces:
                raw.sendall(piece)
            if asked.unaligned:
                raw.shutdown(socket.SHUT_WR)  # nothing more comes: the node need not wait
        if asked.half_open:
            self._hanging.append(raw)
            if len(self._hanging) > HANGING:
                self._hanging.popleft().close()
        else:
            with raw:
                _wait_for_answer(raw, asked)
        if self._count % LOOK_EVERY == 0:
            self.look()

    def look(self) -> None:
        """The node is as small as it may be, and serves a client that was there before.

        Raises:
            Found: it is not so.
        """
        self._besieged.look_at_nodes()
        self._besieged.memory.check()
        if "ember" not in {model.name for model in self._home.models()}:
            raise Found("the embedded model is not listed")

    def close(self) -> None:
        """The attack is over: everything lets go, and an honest question is answered."""
        while self._hanging:
            self._hanging.popleft().close()
        self.look()
        if not self._home.chat("ember", max_tokens=3).send("Hi").usage.completion_tokens:
            raise Found("the model says nothing")


def _wait_for_answer(raw: socket.socket, asked: FrameProbe) -> None:
    """Until the last ping is answered, or the node has hung up.

    Raises:
        Found: neither happens, or what comes is not a frame.
    """
    reader = frames.FrameReader()
    try:
        while data := raw.recv(1 << 16):
            for frame in reader.feed(data):
                if frame == frames.Pong(PING):
                    return
    except TimeoutError:
        raise Found(f"neither answered nor closed: {asked.said}") from None
    except ProtocolError as error:
        raise Found(f"not a frame ({error}): {asked.said}") from None
    except ConnectionError:
        pass  # it hung up on a client that was still sending


@contextlib.contextmanager
def besieged_socket(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """A node in the background, and a client that stays connected."""
    (folder / "tmp").mkdir()
    with adopting() as family:
        besieged = BesiegedPlace(folder, family, memory)
        besieged.succeed("list")
        settings = Settings(state_dir=str(folder / "state"), models_dir=str(folder / "models"))
        with ingle.open(settings, otherwise="fail") as home:
            attacked = BesiegedSocket(besieged, home)
            yield attacked.probe
            attacked.close()
        besieged.stop()
        log = (folder / "state" / "logs" / "node.log").read_text(errors="replace")
        if "Traceback" in log:
            raise Found(f"node.log: {log[log.index('Traceback') - 300 :][:2500]}")


PART = SiegePart("frames", 400, besieged_socket)
