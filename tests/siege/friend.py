"""Another device, which is paired with the one that is besieged, and is never attacked itself."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from tests.cli.place import Place

from .besieged_place import BesiegedPlace
from .finding import Found

NAME, RENAMED = "friend", "mate"
_CODE = re.compile(r"\bingle1[a-z2-7]{20,}\b")


class Friend:
    """A device with a node in the background. Made by `befriended`."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def invite(self) -> str:
        """A code, which ends before there are too many that no one has used."""
        told = self._place.ok("peers", "invite", "--preset", "family", "--minutes", "0.5", "--json")
        return str(told.data["code"])

    def join(self, said: str) -> str:
        """Use the code in what a command has said, if there is one. Returns how that ended."""
        code = _CODE.search(said)
        if code is None:
            return "no code"
        ended = self._place.ingle("peers", "join", code[0])
        if "Traceback" in ended.err:
            raise Found(f"the friend joins: {ended.err[-1500:]}")
        return f"the friend joins: {ended.status} {ended.err.strip()[:100]!r}"

    def pair(self, besieged: BesiegedPlace) -> None:
        """Pair with it, both ways."""
        besieged.succeed("peers", "join", self.invite(), "--name", NAME)
        besieged.succeed("grant", NAME, "--preset", "family")


@contextlib.contextmanager
def befriended(folder: Path) -> Iterator[Friend]:
    """A device in a folder of its own. Enter it before the besieged place: it is no part of it."""
    folder.mkdir()
    place = Place(
        folder,
        INGLE_DEVICE_NAME=NAME,
        INGLE_PEER_HOST="127.0.0.1",
        INGLE_PEER_PORT="0",
        INGLE_NEARBY="false",
        INGLE_CONTEXT="256",
        INGLE_SLOTS="1",
        INGLE_IDLE_EXIT="24h",
    )
    try:
        place.ok("peers", "me")  # its node runs from here on, and opens its port
        yield Friend(place)
    finally:
        place.close()
