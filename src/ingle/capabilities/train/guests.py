"""What runs for other devices are allowed, and the examples that they sent."""

from __future__ import annotations

from ingle.capabilities.train.operation import Train
from ingle.errors import Refused
from ingle.node.performing import Services
from ingle.node.uploads import Uploads


class Guests:
    """The examples that guests sent to a node."""

    def __init__(self, node: Services) -> None:
        self.uploads = Uploads(node.state / "uploads")

    async def close(self) -> None:
        """Nothing is open."""


def uploads(node: Services) -> Uploads:
    """Those of a node."""
    found: Guests = node.part(Guests, lambda: Guests(node))
    return found.uploads


def check(request: Train) -> None:
    """Raises Refused: a guest's rewards could name code of this disk, its nodes other machines."""
    if request.settings.backend != "ingle":
        raise Refused("runs by TRL are not made for others", hint="train on your own device")
    if request.settings.rewards:
        raise Refused("runs with rewards are not made for others", hint="train on your own device")
